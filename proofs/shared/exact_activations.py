"""Activations of an integer z whose slopes and Taylor coefficients are exact in a prime field.

tanh(z/8) = (X - 1)/(X + 1) with X = x^z and x = e^(1/4). That x is transcendental (Lindemann), so
a matrix of rational functions of x has over the reals the rank that it has over Q(x), and this is
found modulo a random prime with a random x (``identifiability.generic_rank``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

SCALE = 8.0  # keeps tanh of integers up to 30 off saturation


@dataclass(frozen=True)
class Activation:
    """phi(z), as a float and modulo a prime.

    Parameters
    ----------
    value, slope
        phi(z) and phi'(z) for real arrays; complex ones too for ``value``.
    slope_mod
        ``slope_mod(z, x, prime)``: phi'(z) for an integer z, up to a constant factor.
    series
        ``series(z, order)``: the numbers a_k with phi(z + s) = sum of a_k s^k, k = 0 ... order.
    series_mod
        ``series_mod(z, order, x, prime)``: the same, each up to a factor that depends on k only.
    degree
        Of a polynomial; None for anything else.
    """

    value: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    slope_mod: Callable[[int, int, int], int]
    series: Callable[[float, int], list[float]]
    series_mod: Callable[[int, int, int, int], list[int]]
    degree: int | None = None


def tanh() -> Activation:
    """phi(z) = tanh(z/8)."""

    def at(z: int, x: int, prime: int) -> int:
        power = pow(x, z, prime)
        return (power - 1) * pow(power + 1, -1, prime) % prime

    def slope(z: np.ndarray) -> np.ndarray:
        return (1 - np.tanh(z / SCALE) ** 2) / SCALE

    def slope_mod(z: int, x: int, prime: int) -> int:
        return (1 - at(z, x, prime) ** 2) % prime

    def series(z: float, order: int) -> list[float]:
        scaled = _tanh_series(float(np.tanh(z / SCALE)), order, lambda a, n: a / n)
        return [a / SCALE**k for k, a in enumerate(scaled)]

    def series_mod(z: int, order: int, x: int, prime: int) -> list[int]:
        return _tanh_series(at(z, x, prime), order, lambda a, n: a * pow(n, -1, prime) % prime)

    return Activation(lambda z: np.tanh(z / SCALE), slope, slope_mod, series, series_mod)


def power(degree: int) -> Activation:
    """phi(z) = (z/8)^degree."""
    return Activation(
        value=lambda z: (z / SCALE) ** degree,
        slope=lambda z: degree * (z / SCALE) ** (degree - 1) / SCALE,
        slope_mod=lambda z, x, prime: pow(z, degree - 1, prime),
        series=lambda z, order: [a / SCALE**degree for a in _power_series(z, degree, order)],
        series_mod=lambda z, order, x, prime: _power_series(z, degree, order),
        degree=degree,
    )


def _tanh_series(t: Any, order: int, divide: Callable[[Any, int], Any]) -> list[Any]:
    """Taylor coefficients of tanh where its value is t, from y' = 1 - y^2."""
    a = [t]
    for n in range(order):
        square = sum(a[i] * a[n - i] for i in range(n + 1))
        a.append(divide((n == 0) - square, n + 1))
    return a


def _power_series(z: Any, degree: int, order: int) -> list[Any]:
    return [comb(degree, k) * z ** max(0, degree - k) for k in range(order + 1)]
