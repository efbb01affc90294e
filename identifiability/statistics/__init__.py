"""What the numbers can bear: intervals, effect sizes, equivalence, multiplicity, power.

Prompts are the clusters throughout, never tokens or samples.
"""

from identifiability.statistics.bootstrap import cluster_bootstrap
from identifiability.statistics.effect_ratio import NoReferenceEffect, RatioInterval, effect_ratio
from identifiability.statistics.effect_size import EffectSize, effect_size
from identifiability.statistics.equivalence import Equivalence, tost, tost_p_values, tost_ratio
from identifiability.statistics.interval import Interval
from identifiability.statistics.multiplicity import holm
from identifiability.statistics.power import power, samples_needed

__all__ = [
    "EffectSize",
    "Equivalence",
    "Interval",
    "NoReferenceEffect",
    "RatioInterval",
    "cluster_bootstrap",
    "effect_ratio",
    "effect_size",
    "holm",
    "power",
    "samples_needed",
    "tost",
    "tost_p_values",
    "tost_ratio",
]
