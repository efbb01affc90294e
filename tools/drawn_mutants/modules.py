"""The modules drawn from, where an error costs most, and the tests that are theirs."""

from __future__ import annotations

MODULES: dict[str, str] = {
    f"identifiability/{module}.py": f"tests/{test}.py"
    for module, test in {
        "spectrum": "identifiability/test_spectrum",
        "equivalence": "identifiability/test_equivalence",
        "visibility": "proofs/test_orthogonal_not_invisible",
        "gauge": "identifiability/test_gauge",
        "verdict": "identifiability/test_verdict",
        "sparse_codes": "identifiability/recovery/test_sparse",
        "null_end": "identifiability/test_null_end",
        "recovery/linear": "identifiability/recovery/test_linear",
        "recovery/least_squares": "identifiability/recovery/test_least_squares",
        "statistics/bootstrap": "identifiability/statistics/test_bootstrap",
        "statistics/clusters": "identifiability/statistics/test_clusters",
        "statistics/effect_ratio": "identifiability/statistics/test_effect_ratio",
        "statistics/effect_size": "identifiability/statistics/test_effect_size",
        "statistics/equivalence": "identifiability/statistics/test_equivalence",
        "statistics/fieller": "identifiability/statistics/test_fieller",
        "statistics/interval": "identifiability/statistics/test_interval",
        "statistics/jackknife": "identifiability/statistics/test_jackknife",
        "statistics/multiplicity": "identifiability/statistics/test_multiplicity",
        "statistics/power": "identifiability/statistics/test_power",
    }.items()
}
"""By path: the test file."""
