"""Columns from two diagonalised matrices, and the angle by which they are missed."""

from __future__ import annotations

import numpy as np
import pytest

from proofs.shared.columns import columns_diagonalising, missed_angle


def test_columns_of_a_known_mixing_come_back_up_to_order_and_scale() -> None:
    mixing = np.array([[2.0, 1.0, 0.0], [0.0, 1.0, -1.0], [1.0, 0.0, 3.0]])
    first = mixing @ np.diag([1.0, 2.0, 3.0]) @ mixing.T
    second = mixing @ np.diag([5.0, -1.0, 2.0]) @ mixing.T
    found = columns_diagonalising(first, [second])
    assert np.linalg.norm(found, axis=0) == pytest.approx(1.0)
    assert missed_angle(found, mixing) < 1e-12


def test_the_best_separated_second_matrix_decides() -> None:
    mixing = np.array([[2.0, 1.0], [0.0, 1.0]])
    blind = mixing @ mixing.T  # proportional to the first: separates nothing
    telling = mixing @ np.diag([1.0, -1.0]) @ mixing.T
    assert missed_angle(columns_diagonalising(blind, [blind]), mixing) > 0.1
    assert missed_angle(columns_diagonalising(blind, [blind, telling]), mixing) < 1e-12


def test_what_lies_outside_the_range_is_not_found() -> None:
    found = columns_diagonalising(np.diag([2.0, 1.0, 0.0]), [np.diag([1.0, 3.0, 0.0])])
    assert found.shape == (3, 2)
    assert missed_angle(found, np.eye(3)) == pytest.approx(np.pi / 2)


@pytest.mark.parametrize("angle", [1e-9, 0.1, 1.2])
def test_missed_angle_is_the_angle_of_the_worst_column_whatever_sign_and_scale(
    angle: float,
) -> None:
    turned = np.array([[np.cos(angle), 0.0], [np.sin(angle), 0.0], [0.0, 1.0]])
    true = np.array([[0.0, -3.0], [0.0, 0.0], [5.0, 0.0]])
    assert missed_angle(turned, true) == pytest.approx(angle, rel=1e-6)
