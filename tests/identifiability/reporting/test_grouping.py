"""Rows by what they agree in."""

from identifiability.reporting.grouping import groups


def test_groups_keep_the_order_of_rows():
    rows = [{"a": 2, "b": 1}, {"a": 1, "b": 1}, {"a": 2, "b": 3}]
    assert groups(rows, "a") == {(2,): [rows[0], rows[2]], (1,): [rows[1]]}
    assert list(groups(rows, "a", "b")) == [(2, 1), (1, 1), (2, 3)]
