r"""Several environments: is the class smaller, does the vector carry over, is it found (R3a, R3c)?

Four kinds of rows at each layer. Of every environment some contexts are for predicting, the others
are measured on:

* **class, e environments**: d less the rank, in float64, of one prompt of each of the first e
  environments. By N3 and N6 it is that of e prompts: nothing is left from the second one on.
* **epsilon-null, e environments**: directions within epsilon nats of the *summed* metric, which is
  what the stack of all rows sees, at the radius of the trait's vector. It never grows. That of the
  *mean* metric may, since a mean dilutes what one environment sees; it is reported without verdict.
* **transfer**: cosine between vectors of two environments over the ceiling that their noise sets,
  Euclidean and by the metric of the environment that the vector is brought to (first order). It
  carries over if that is 0.8 or more.
* **held-out environment**: what ``InvariantRecovery`` on the other environments leaves of its
  distance, against the plain average. The paper's sentence asks for little; R3c only if the
  environments show all that varies, which is checked beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from identifiability.cells import Cell
from llm_validation.claims.across_environments.environment_contexts import contexts
from llm_validation.claims.across_environments.environment_transfer import (
    environment_cells,
    transfer_arms,
    transfer_curve,
    transfer_row,
)
from llm_validation.claims.across_environments.held_out_environment import (
    ARM,
    held_out_arms,
    held_out_row,
)
from llm_validation.claims.across_environments.stacked_environments import (
    stacked_arms,
    stacked_preparation,
    stacked_row,
)
from llm_validation.claims.claim import Arm, ClaimResult
from llm_validation.scale import Scale
from llm_validation.setting import Setting

NAME = "environments"
NUMBER = 8
THEOREM = "R3a, R3c"
TITLE = "further environments shrink the class and share the vector"
SCALES = frozenset({Scale.THIN, Scale.FULL})


def preparation(setting: Setting) -> list[Cell]:
    """Vectors and metrics of predicting contexts."""
    cells = []
    for layer in setting.layers:
        cells += stacked_preparation(setting, layer)
    for trait in setting.traits:
        cells += environment_cells(setting, trait, contexts(setting, trait, "predicting"))
    return cells


def predict(setting: Setting) -> list[Arm]:
    """State every number, from predicting contexts and the trait's own pairs."""
    arms = []
    for layer in setting.layers:
        arms += stacked_arms(setting, NAME, layer)
        arms += transfer_arms(setting, NAME, layer)
        arms += held_out_arms(setting, NAME, layer)
    return arms


def judge(setting: Setting, arms: Sequence[Arm]) -> list[ClaimResult]:
    """Take the same numbers on the measuring contexts."""
    return [_row(setting, arm) for arm in arms]


def curves(setting: Setting, arms: Sequence[Arm]) -> list[dict[str, Any]]:
    """Cosines between every two environments, in both directions."""
    transfers = [arm for arm in arms if arm.prediction.arm.startswith("transfer")]
    return [row for arm in transfers for row in transfer_curve(setting, arm)]


def _row(setting: Setting, arm: Arm) -> ClaimResult:
    if arm.prediction.arm.startswith(ARM):
        return held_out_row(setting, arm)
    if arm.prediction.arm.startswith("transfer"):
        return transfer_row(setting, arm)
    return stacked_row(setting, arm)
