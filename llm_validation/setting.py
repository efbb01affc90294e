"""What claims are predicted from: vectors, metrics and spectra, taken from measured cells.

Prompts are split three ways. Directions are chosen on one set, predictions computed on a second and
measurements made on a third. Choosing and predicting on the same prompts would bias the prediction:
the lowest eigenvalues of a sample are too low for any other sample, the highest too high.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from identifiability.cells import Cell
from identifiability.spectrum import Spectrum
from llm_validation.dataset import ContrastivePair, Trait
from llm_validation.extraction import POSITIONS, encode, vector_of
from llm_validation.models import LanguageModel
from llm_validation.prompt_split import Part, PromptSplit
from llm_validation.scale import ERROR_PROMPTS, Scale

_MEASUREMENTS = "llm_validation.measurements"
_PAIRS_AT_ONCE = 5  # ten prompts fill the machine's products; more would only pad longer


class MissingCell(LookupError):
    """Something that was to be measured is not there; carries the cell."""

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.label)
        self.cell = cell


class Setting:
    """One model, some layers ("after block i") and traits, one split of prompts, one seed.

    Nothing is computed on the model here: each quantity has the cells that measure it
    (``…_cell``, ``…_cells``), and reading the quantity raises ``MissingCell`` until they are done.

    Parameters
    ----------
    model
        From ``load_model``; here only its tokenizer and its identity are used.
    layers
        Counted from 0.
    traits
        By name.
    prompts
        The split.
    scale
        How much claims measure.
    seed
        Of everything random.
    lookup
        The result of a cell; a KeyError if there is none.

    Attributes
    ----------
    position
        Whose state is displaced, in words.
    softmax
        Whether the output is a distribution over tokens.
    titles
        Of claims whose own title speaks of an output that this setting does not have.
    """

    position = POSITIONS
    softmax = True
    titles: Mapping[str, str] = {}

    def __init__(
        self,
        model: LanguageModel,
        layers: Sequence[int],
        traits: Mapping[str, Trait],
        prompts: PromptSplit,
        scale: Scale,
        seed: int,
        lookup: Callable[[Cell], Mapping[str, Any]],
    ) -> None:
        self.model, self.layers, self.traits = model, tuple(layers), dict(traits)
        self.prompts, self.scale, self.seed = prompts, scale, seed
        self._lookup = lookup
        self.metrics = cache(self._metrics)
        self.spectrum = cache(self._spectrum)
        self.vector = cache(self._vector)
        self.divergences = cache(self._divergences)

    @property
    def width(self) -> int:
        """d."""
        return self.model.width

    @property
    def reading(self) -> dict[str, Any]:
        """For the results: how the output is read, where that is a choice."""
        return {}

    def observable(self, words: str) -> str:
        """What a prediction says that it observes, in the words that are true of this model."""
        return words

    @property
    def dtype(self) -> str:
        """Of the model's weights and states."""
        return self.model.dtype

    def rng(self, *names: int | str) -> np.random.Generator:
        """A stream of its own for each use, whatever else was drawn."""
        words = [int.from_bytes(str(name).encode(), "little") for name in names]
        return np.random.default_rng([self.seed, *words])

    def of(self, cell: Cell) -> Mapping[str, Any]:
        """What the cell measured.

        Raises
        ------
        MissingCell
            If it has not been measured.
        """
        try:
            return self._lookup(cell)
        except KeyError as error:
            raise MissingCell(cell) from error

    def cell(
        self, measurement: str, label: str, *, function: str = "measure", **settings: Any
    ) -> Cell:
        """A cell that runs a function of ``llm_validation.measurements`` on this model."""
        context = {
            "factory": f"{_MEASUREMENTS}.context:language_model",
            "name": self.model.name,
            "dtype": self.model.dtype,
            "weights_sha256": self.model.weights_sha256,
        }
        return Cell(f"{_MEASUREMENTS}.{measurement}:{function}", settings, context, label)

    def encode(self, text: str) -> list[int]:
        """Token ids of a prompt, up to where the answer begins."""
        return encode(self.model, text)

    # States and vectors

    def pair_cells(self, pairs: Sequence[ContrastivePair], label: str) -> list[Cell]:
        """Last states of the prompts of contrastive pairs at all layers, a few pairs a cell."""
        cells = []
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            some = pairs[start : start + _PAIRS_AT_ONCE]
            prompts = [self.encode(text) for p in some for text in (p.positive, p.negative)]
            layers = list(self.layers)
            cells.append(
                self.cell("last_states", f"states {label}", prompts=prompts, layers=layers)
            )
        return cells

    def vector_cells(self) -> list[Cell]:
        """All that the vectors of the traits need, at every layer."""
        return [cell for name, t in self.traits.items() for cell in self.pair_cells(t.pairs, name)]

    def pair_states(self, pairs: Sequence[ContrastivePair], layer: int) -> np.ndarray:
        """(n, 2, d) last states of n pairs: positive, negative."""
        place = self.layers.index(layer)
        found = [self.of(cell)["states"][:, place] for cell in self.pair_cells(pairs, "")]
        return np.concatenate(found).reshape(len(pairs), 2, self.width)

    def _vector(self, trait: str, layer: int, method: str = "mean") -> np.ndarray:
        """(d,) steering vector of a trait at a layer."""
        states = self.pair_states(self.traits[trait].pairs, layer)
        return vector_of(states[:, 0], states[:, 1], method)

    # Metrics and spectra

    def metric_cell(self, ids: list[int], layer: int) -> Cell:
        """G at the model's own state."""
        return self.cell("fisher_metric", f"metric, layer {layer}", ids=ids, layer=layer)

    def metric_cells(self, part: Part, layer: int) -> list[Cell]:
        """One for each prompt of that part."""
        return [self.metric_cell(ids, layer) for ids in getattr(self.prompts, part)]

    def _metrics(self, part: Part, layer: int) -> np.ndarray:
        """(N, d, d) Fisher metrics at the unsteered states, one a prompt."""
        return np.array([self.of(cell)["metric"] for cell in self.metric_cells(part, layer)])

    def quadratic_divergences(
        self, part: Part, layer: int, displacements: np.ndarray
    ) -> np.ndarray:
        """(N, k) half of delta^T G delta on each prompt of a part, for (k, d), in nats."""
        return np.array(
            [quadratic_divergences(metric, displacements) for metric in self.metrics(part, layer)]
        )

    def rounding_cells(self, layer: int) -> list[Cell]:
        """Float32 against float64 on a few choosing prompts, which stand for all."""
        label = f"metric in float64, layer {layer}"
        return [
            self.cell("fisher_metric", label, function="rounding", ids=ids, layer=layer)
            for ids in self.prompts.choosing[: ERROR_PROMPTS[self.scale]]
        ]

    def metric_error(self, layer: int) -> float:
        """Largest ||G - G64|| found."""
        return max(self.of(cell)["error"] for cell in self.rounding_cells(layer))

    def _spectrum(self, layer: int) -> Spectrum:
        """Of the mean metric over the choosing prompts, with its measured floor."""
        mean = self.metrics("choosing", layer).mean(axis=0)
        return Spectrum.of(mean, error=self.metric_error(layer))

    def spectrum_cells(self, layer: int) -> list[Cell]:
        """All that ``spectrum(layer)`` needs."""
        return self.metric_cells("choosing", layer) + self.rounding_cells(layer)

    # Divergences on the measuring prompts

    def divergence_cells(self, layer: int, displacements: np.ndarray) -> list[Cell]:
        """Divergences of the next token under (k, d) displacements, a cell for each prompt."""
        label = f"divergences, layer {layer}"
        return [
            self.cell("divergences", label, ids=ids, layer=layer, displacements=displacements)
            for ids in self.prompts.measuring
        ]

    def _divergences(self, cells: tuple[Cell, ...], name: str = "kl") -> np.ndarray:
        """(N, k) one of the measured divergences of N cells; KL in nats by default."""
        return np.array([self.of(cell)[name] for cell in cells])

    def floor_cells(self, layer: int) -> list[Cell]:
        """What rounding alone shows, on each measuring prompt."""
        label = f"rounding floor, layer {layer}"
        return [
            self.cell("rounding_divergence", label, ids=ids, layer=layer, seed=self.seed)
            for ids in self.prompts.measuring
        ]

    def divergence_floor(self, layer: int) -> float:
        """Largest KL, in nats, that rounding alone shows between a state and itself."""
        return max(self.of(cell)["floor"] for cell in self.floor_cells(layer))


def quadratic_divergences(metric: np.ndarray, displacements: np.ndarray) -> np.ndarray:
    """(k,) half of delta^T G delta for one metric (d, d) and displacements (k, d), in nats.

    Along a null direction rounding leaves either sign; a metric has no negative ones.
    """
    return np.maximum(0.5 * np.einsum("ki,ki->k", displacements @ metric, displacements), 0)
