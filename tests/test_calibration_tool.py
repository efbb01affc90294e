"""Simulations of class dimension and noise floor: their truths, and that they can fail."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from identifiability import Spectrum, exact_rank
from llm_validation.audit.class_size import ClassSize
from tools.calibration import class_dimension, noise_floor
from tools.calibration.__main__ import main


@pytest.mark.parametrize("population", class_dimension.POPULATIONS, ids=lambda one: one.name)
def test_the_mean_of_a_population_is_the_one_stated(population):
    rng = np.random.default_rng(0)
    found = np.diag(np.mean(population.draw(4_000, rng), axis=0))
    # Five standard errors: the diagonal of one prompt has a relative deviation below 2.
    assert np.abs(found / np.diag(population.mean()) - 1).max() < 5 * 2 / np.sqrt(4_000)


def test_an_interval_without_length_misses_and_one_of_everything_does_not(monkeypatch):
    population, rng = class_dimension.POPULATIONS[1], np.random.default_rng(1)
    honest = ClassSize.of

    def shortened(*arguments):
        size = honest(*arguments)
        return replace(size, low=size.dimension, high=size.dimension, spread=0.0, of_half=1e9)

    monkeypatch.setattr(ClassSize, "of", shortened)
    found = class_dimension.missed(population, 8, 40, rng)
    assert found.another.value > 0.5
    assert found.length == 0

    monkeypatch.setattr(
        ClassSize,
        "of",
        lambda *arguments: replace(honest(*arguments), low=0, high=class_dimension.WIDTH),
    )
    assert class_dimension.missed(population, 8, 10, rng).another.value == 0


def test_what_is_said_of_endless_prompts_is_compared_with_the_population(monkeypatch):
    rng = np.random.default_rng(2)
    monkeypatch.setattr(ClassSize, "endless", 0.0)
    assert class_dimension.missed(class_dimension.POPULATIONS[0], 4, 5, rng).endless.value == 1


@pytest.mark.parametrize("shape", noise_floor.SHAPES[:2])
def test_planted_matrices_are_exact_and_have_the_rank_they_say(shape):
    rng = np.random.default_rng(3)
    for _ in range(10):
        matrix, rank = noise_floor._planted(*shape, rng)
        assert matrix.shape == shape
        assert (matrix == np.round(matrix)).all() and np.abs(matrix).max() < 2**53
        assert int(exact_rank(matrix)) == rank < min(shape)


@pytest.mark.parametrize(("name", "kind"), noise_floor.KINDS, ids=lambda one: str(one)[:12])
def test_a_floor_that_is_too_low_or_too_high_is_noticed(name, kind):
    def with_floor(factor):
        def spectrum(matrix, rng):
            found = kind(matrix, rng)
            return replace(found, resolution=factor * found.resolution)

        rates = noise_floor.mistaken(spectrum, (20, 30), 40, np.random.default_rng(4))
        return [rate.value for rate in rates]

    assert with_floor(1.0)[0] == 0
    assert with_floor(0.0)[0] > 0.5  # rounding is signal then
    assert with_floor(1e40)[1] > 0.5  # and then everything is rounding


def test_a_wrong_rank_that_is_called_resolved_is_counted_apart():
    def says(rank, resolved):
        values = np.where(np.arange(30) < rank, 1.0, 0.0 if resolved else 0.999)
        return lambda matrix, rng: Spectrum(values, np.eye(30), 0.9995, rectangular=True)

    rng = np.random.default_rng(5)
    assert noise_floor.mistaken(says(30, True), (20, 30), 5, rng)[2].value == 1
    more, _, unsaid = noise_floor.mistaken(says(29, False), (20, 30), 5, rng)
    assert (more.value, unsaid.value) == (1, 0)


def test_the_command_prints_a_row_for_every_cell(capsys):
    assert main(["--trials", "1", "--seed", "3"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if "±" in line]
    cells = len(class_dimension.POPULATIONS) * len(class_dimension.PROMPTS)
    assert len(rows) == cells + len(noise_floor.KINDS) * len(noise_floor.SHAPES)
    with pytest.raises(SystemExit, match="2"):
        main(["--trials", "0"])
