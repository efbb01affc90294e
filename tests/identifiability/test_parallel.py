"""Work spread over processes comes back in order, whole, and with its errors."""

import pytest

from identifiability.parallel import ordered_map


def _slow_if_even(number):
    import time

    time.sleep(0.05 if number % 2 == 0 else 0)
    return number * number


def _fail(number):
    raise ZeroDivisionError(number)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_arguments(workers):
    seen = []
    found = ordered_map(
        _slow_if_even,
        [(n,) for n in range(6)],
        workers=workers,
        advance=lambda done, total, what: seen.append((done, total, what)),
        label=lambda result: f"got {result}",
    )
    assert found == [0, 1, 4, 9, 16, 25]
    assert seen[0] == (0, 6, "")
    assert seen[-1] == (6, 6, "got 25")


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_is_an_error(workers):
    with pytest.raises(ZeroDivisionError):
        ordered_map(_fail, [(1,)], workers=workers)
