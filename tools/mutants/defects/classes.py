"""Defects of equivalence classes, gauges, scores of a recovery, and visibility."""

from __future__ import annotations

from tools.mutants.defect import Defect

CLASS = "identifiability/equivalence.py"
GAUGE = "identifiability/gauge.py"
METRICS = "identifiability/metrics.py"
VISIBILITY = "identifiability/visibility.py"
_CLASS = "tests/identifiability/test_equivalence.py::"
_GAUGE = "tests/identifiability/test_gauge.py::"
_METRICS = "tests/identifiability/test_metrics.py::"

DEFECTS = (
    Defect(
        "distance-within-the-class",
        CLASS,
        "return float(np.linalg.norm(self._seen.T @ difference))",
        "return float(np.linalg.norm(self.basis.T @ difference))",
        "members would be far from each other, and strangers near",
        (f"{_CLASS}test_members_are_what_the_matrix_cannot_tell_apart",),
    ),
    Defect(
        "membership-threshold-loosened",
        CLASS,
        "inside = self.distance(other) <= np.sqrt(np.finfo(np.float64).eps) * scale",
        "inside = self.distance(other) <= scale",
        "vectors of another effect would be called equivalent",
        (f"{_CLASS}test_members_are_what_the_matrix_cannot_tell_apart",),
    ),
    Defect(
        "infimum-of-the-cosine-positive",
        CLASS,
        "return -float(np.linalg.norm(self.invisible_part)) / norm",
        "return float(np.linalg.norm(self.invisible_part)) / norm",
        "members that point away from v would be denied",
        (
            f"{_CLASS}test_witness_at_a_cosine_is_a_member_at_that_cosine_or_none_exists",
            "proofs/null_space_ambiguity.py",
        ),
    ),
    Defect(
        "witness-is-the-vector-itself",
        CLASS,
        "return self.representative - self.invisible_part",
        "return self.representative + self.invisible_part",
        "a witness that is v shows nothing",
        (f"{_CLASS}test_default_witness_is_the_equal_norm_member_of_least_cosine",),
    ),
    Defect(
        "witness-turned-by-half-the-chord",
        CLASS,
        "turn = 2 * np.arcsin(limit / (2 * hidden))",
        "turn = np.arcsin(limit / (2 * hidden))",
        "the witness would be only half as far away as the radius lets it be",
        (f"{_CLASS}test_a_witness_within_a_radius_is_as_far_away_as_it_lets_it_be",),
    ),
    Defect(
        "witness-divergence-without-its-half",
        CLASS,
        "return float(0.5 * step @ self._matrix @ step)",
        "return float(step @ self._matrix @ step)",
        "the divergence printed beside a witness would be twice its own",
        (f"{_CLASS}test_a_witness_under_a_metric_differs_by_half_the_quadratic_form",),
    ),
    Defect(
        "rounding-taken-for-a-proof",
        CLASS,
        "return int(exact_rank(self._matrix)) == self.spectrum.rank()",
        "return True",
        "a kernel of floating-point numbers would be certified by exact arithmetic",
        (f"{_CLASS}test_only_exact_arithmetic_proves_non_identifiability",),
    ),
    Defect(
        "first-order-taken-for-finite",
        CLASS,
        "return Verdict.FIRST_ORDER_ONLY",
        "return Verdict.NON_IDENTIFIABLE",
        "the kernel of a Jacobian is not yet a class of a curved map",
        (f"{_CLASS}test_verdicts_say_no_more_than_was_shown",),
    ),
    Defect(
        "biased-projection",
        GAUGE,
        "basis, _ = np.linalg.qr(self.directions)",
        "basis = self.directions / np.linalg.norm(self.directions, axis=0)",
        "unit directions that are oblique make no projection",
        (f"{_GAUGE}test_the_canonical_member_is_the_same_all_over_the_orbit",),
    ),
    Defect(
        "sign-left-free",
        GAUGE,
        "signs = np.where(columns[largest, np.arange(self.size)] < 0, -1.0, 1.0)",
        "signs = np.ones(self.size)",
        "v and -v would have two canonical members, and a right recovery would count as wrong",
        (f"{_GAUGE}test_the_canonical_member_is_the_same_all_over_the_orbit",),
    ),
    Defect(
        "rotations-not-haar",
        GAUGE,
        "factor * np.sign(np.diag(triangle))",
        "factor",
        "the signs of a QR are a convention: chance levels drawn so would be wrong",
        (f"{_GAUGE}test_rotations_are_haar_and_keep_to_their_blocks",),
    ),
    Defect(
        "worst-matching",
        METRICS,
        "rows, columns = linear_sum_assignment(similarity, maximize=True)",
        "rows, columns = linear_sum_assignment(similarity)",
        "components would be compared with those they have least to do with",
        (f"{_METRICS}test_matching_is_the_best_of_all_permutations",),
    ),
    Defect(
        "correlation-of-uncentred-codes",
        METRICS,
        "return _cosines(columns - columns.mean(axis=0), centred)",
        "return _cosines(columns, centred)",
        "an offset of the estimate would change its correlation",
        (f"{_METRICS}test_matched_correlation_is_numpys",),
    ),
    Defect(
        "sign-counted-in-the-score",
        METRICS,
        "return np.abs(unit[0].T @ unit[1])",
        "return unit[0].T @ unit[1]",
        "a sign, which no data fix, would count as an error",
        (f"{_METRICS}test_order_and_scale_are_not_seen_and_a_rotation_is",),
    ),
    Defect(
        "seed-ignored",
        METRICS,
        "rng, gauge = np.random.default_rng(seed), Rotation(size)",
        "rng, gauge = np.random.default_rng(), Rotation(size)",
        "the same call would give another chance level each time",
        (f"{_METRICS}test_the_same_seed_gives_the_same_null_and_another_another",),
    ),
    Defect(
        "amari-without-its-rows",
        METRICS,
        "return (rows.sum(axis=0) - 1 + cols.sum(axis=0) - 1) / (2 * (size - 1))",
        "return 2 * (cols.sum(axis=0) - 1) / (2 * (size - 1))",
        "columns that are spread over several components would be counted at half their weight",
        (f"{_METRICS}test_amari_distance_counts_rows_and_columns",),
    ),
    Defect(
        "complement-with-d-dimensions",
        VISIBILITY,
        "return float((np.trace(G) - unit @ G @ unit) / (unit.size - 1))",
        "return float((np.trace(G) - unit @ G @ unit) / unit.size)",
        "the complement of v has d - 1 dimensions; perpendicular effects would be too small",
        ("proofs/orthogonal_not_invisible.py",),
    ),
    Defect(
        "variance-on-the-wrong-sphere",
        VISIBILITY,
        "(k**2 * (k + 2))",
        "(k**2 * (k + 1))",
        "the spread of perpendicular effects would be that of no uniform direction",
        (
            "tests/proofs/test_orthogonal_not_invisible.py::"
            "test_mean_and_variance_are_those_of_an_exact_rule_on_the_sphere",
            "proofs/orthogonal_not_invisible.py",
        ),
    ),
    Defect(
        "energy-normalised-by-the-trace",
        VISIBILITY,
        "return mean_seen(G, unit) / float(unit @ G @ unit)",
        "return mean_seen(G, unit) / float(np.trace(G) / unit.size)",
        "what perpendicular directions do would be compared with the average and not with v",
        ("proofs/orthogonal_not_invisible.py",),
    ),
    Defect(
        "ratio-expected-over-one-dimension-more",
        VISIBILITY,
        "inverse = (len(G) - 2) * 0.25 * float(integrand.sum())",
        "inverse = (len(G) - 1) * 0.25 * float(integrand.sum())",
        "the mean of 1/|x|^2 for a Gaussian in R^d is 1/(d - 2)",
        (
            "tests/proofs/test_orthogonal_not_invisible.py::"
            "test_expected_ratio_of_a_projector_is_that_of_a_beta_variable",
        ),
    ),
)
