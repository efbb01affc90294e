"""Metrics kept on disk, each found again by what it was computed from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from identifiability.errors import InvalidInput
from identifiability.plain_file import plain_file
from identifiability.results import replacing
from llm_validation.models import LanguageModel
from llm_validation.vectors.numpy_file import array

_FORMAT = 1  # of what a stored metric means; a change of it makes all of them again
_HEADER = 2**16  # bytes of a .npy file before its numbers, at most


class MetricStore:
    """A folder of metrics (d, d), one file for each prompt, found by what they were computed from.

    That is the SHA-256 of the weights as they were loaded, the dtype, the token ids, the layer and
    the position: weights changed in memory are not noticed. Files are replaced in one step.

    Parameters
    ----------
    folder
        Made if it is not there. A file takes 8 d² bytes: 2.7 MB at d = 576, 134 MB at d = 4096.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                f"store must be a folder that can be made, got {self.folder} ({error.strerror}); "
                "choose another"
            ) from error

    def path(self, model: LanguageModel, ids: Sequence[int], layer: int, position: int) -> Path:
        """Where the metric of this prompt is or will be; layer and position counted from 0."""
        identity = [_FORMAT, model.weights_sha256, model.dtype, list(ids), layer, position]
        name = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
        return self.folder / f"fisher-{name}.npy"

    def read(self, path: Path, width: int) -> np.ndarray | None:
        """The metric in this file, None if there is none.

        Raises
        ------
        InvalidInput
            If the file is not a metric of this width.
        """
        if not path.exists():
            return None
        try:
            plain_file(path, limit=8 * width**2 + _HEADER)
            metric = array(path, path.stat().st_size)
        except InvalidInput as error:
            raise InvalidInput(
                f"{path} is damaged (a .npy file of {width} x {width} numbers is due); delete it"
            ) from error
        if metric.shape != (width, width) or metric.dtype != np.float64:
            raise InvalidInput(
                f"{path} must hold a ({width}, {width}) float64 metric, "
                f"got {metric.shape} {metric.dtype}; delete it"
            )
        return metric.copy()  # the caller's own, to be written to

    def write(self, path: Path, metric: np.ndarray) -> None:
        """Keep a metric; a reader meets the whole file or none."""
        with replacing(path) as stream:
            np.save(stream, metric, allow_pickle=False)
