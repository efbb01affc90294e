"""The screen: small enough, and saying what the audit found."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from identifiability.statistics import Equivalence, Interval
from identifiability.verdict import Certificate, CertificateKind
from llm_validation.audit import audit
from llm_validation.audit.behaviour import Scored
from llm_validation.audit.observable import Observable
from llm_validation.audit.record import Power
from llm_validation.audit.screen import COLUMNS
from llm_validation.scoring.validity import Validity
from tests.llm_validation.architectures import WIDTH
from tests.llm_validation.audit.small_model import prompts, saved

NUMERIC = Certificate(CertificateKind.NUMERIC, "a spectrum", 1e-7)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt2")
    rng = np.random.default_rng(0)
    vector, *others = 0.4 * rng.standard_normal((4, WIDTH))
    model = saved(folder, "gpt2")
    return audit(vector, model, 1, prompts=prompts(8), compare=others, workers=1)


def test_it_fits_one_screen(found):
    lines = str(found).splitlines()
    assert len(lines) <= 45
    assert max(map(len, lines)) <= COLUMNS
    # What a model writes may be cut, nothing else.
    assert not [line for line in lines if line.endswith("…") and "writes:" not in line]


def test_the_numbers_are_the_audit_s(found):
    text = str(found)
    size = found.class_size
    assert f"class of dimension {size.dimension} of {WIDTH}" in text
    assert f"{size.low} to {size.high}" in text
    assert f"{found.energy_below_epsilon:.1%} of v's energy is invisible (in sample)" in text
    assert f"cos(v, v') = {found.witness.cosine:+.3f}" in text
    assert f"{found.witness.measured.estimate:.2g} nats" in text
    assert f"Power: at least {found.power.outputs[0]:,} outputs" in text
    assert "of prompts drawn like these" in text
    assert text.count("behavioural cosine") == 3
    assert f"(random step: {found.witness.random_step:.2g})" in text
    random = found.witness.random_measured
    assert f"random    {random.estimate:.2g} nats [{random.low:.3g}, {random.high:.2g}]" in text
    assert "the part seen above epsilon at this radius" in text
    for way in found.ways_out:
        assert way.assumption in text


def test_a_condition_that_was_not_shown_leaves_nothing_empty(found):
    lines = str(found).splitlines()
    for name, left in (("independence", 1), ("sparsity", 0)):
        (line,) = [line for line in lines if line.lstrip().startswith(name)]
        assert f"would leave {left} if it held" in line and "; leaves" not in line


def test_epsilon_is_what_so_many_samples_cannot_tell(found):
    """(2/e) exp(-n epsilon) > 0.05 up to the last n that is too few."""
    text = str(replace(found, certificate=NUMERIC))
    fewest = int(re.search(r"(\d+)\+ outputs of such prompts needed", text).group(1))
    assert fewest == 269
    assert 2 / np.e * np.exp(-(fewest - 1) * found.epsilon) > 0.05
    assert 2 / np.e * np.exp(-fewest * found.epsilon) <= 0.05


def test_below_the_least_eigenvalue_no_direction_is_invisible(found):
    low, high = 3e-5, 5e-5
    numeric = replace(found, certificate=NUMERIC)
    assert "below epsilon = 3e-05 no direction is invisible" in str(
        replace(numeric, flips_at=(low, high))
    )
    assert "below epsilon = 5e-05 rounding decides" in str(replace(numeric, flips_at=(0.0, high)))


def test_what_is_proved_is_said_without_a_tolerance(found):
    """A shift is invisible at every epsilon; the class beside it is counted at one."""
    text = str(found)
    assert "Verdict: non_identifiable, exactly" in text
    assert "proved for the line v + c 1; what follows is numeric, at 0.01 nats" in text
    assert "no direction is invisible" not in text and "outputs of such prompts" not in text


def test_pairs_by_the_score_come_with_their_range(found):
    """Sixteen differences around 0 need anything from few prompts to no number of them."""
    differences = np.random.default_rng(0).standard_normal(16)
    scored = Scored("planted", None, None, None, None, differences)
    value, most, fewest = Power.of(found.witness, scored, found.observable).score
    assert most is None and fewest < value
    clear = replace(scored, differences=differences + 3)
    value, most, fewest = Power.of(found.witness, clear, found.observable).score
    assert fewest <= value <= most
    equal = replace(scored, differences=np.full(16, 3.0))
    assert Power.of(found.witness, equal, found.observable).score == (2, 2, 2)
    none = replace(scored, differences=np.zeros(16))
    assert Power.of(found.witness, none, found.observable).score == (None, None, None)
    power = replace(found.power, score=(40, None, 12))
    assert "Power: 40 prompts [12, endless] by the score" in str(replace(found, power=power))


def test_the_limits_are_printed_with_the_answer(found):
    text = str(found)
    for part in ("distribution of the next token", "last prompt token", "4 prompts to choose",
                 "4 to measure", "layer 1 alone", "raw prompts", "seed 0"):  # fmt: skip
        assert part in text


def test_power_is_the_bound_of_bretagnolle_and_huber(found):
    """n KL >= log(1/(4 eta)) with eta = 0.05, the least number of samples that meets it."""
    count, divergence = found.power.outputs[0], found.witness.measured.estimate
    assert count * divergence >= np.log(5) > (count - 1) * divergence


@pytest.mark.parametrize("kind", ["completion", "score"])
def test_no_number_of_outputs_where_the_divergence_is_not_that_of_one_output(found, kind):
    observable = Observable(kind, trait="planted" if kind == "score" else None)
    power = Power.of(found.witness, None, observable)
    assert power.outputs == (None, None, None)
    text = str(replace(found, observable=observable, power=power))
    assert "Power: no number of outputs" in text
    assert "samples" not in text


@pytest.mark.parametrize("trait", ["formality", "a/folder/of/mine/with/traits/planted.json"])
def test_a_long_observable_leaves_room_for_where_the_model_is_steered(found, trait):
    for observable in (Observable("score", trait=trait), Observable("completion")):
        text = str(replace(found, observable=observable))
        assert "/" not in observable.words
        assert f"Holds for: {observable.words};" in text
        assert "steered from the last prompt token on,\n  4 prompts to choose" in text


def test_the_seed_is_seen_beside_a_score_s_variance(found):
    given = {"chosen_on": 12, "measured_on": 12, "score_variance": 0.4974, "layer": 15}
    text = str(replace(found, chat=True, **given))
    assert text.endswith("(chat template),\n    layer 15 alone, score variance 0.497, seed 0")


def test_a_long_path_to_a_model_leaves_room_for_layer_and_strength(found):
    name = "/a" * 60 + "/model"
    first = str(replace(found, model=found.model | {"name": name})).splitlines()[0]
    assert "/a/model (float64), after block 1; " in first
    assert first.endswith("alpha 1")


def test_a_score_fits_its_line_whatever_the_numbers(found):
    valid = Validity(1.0, 0.7, 1.0, 10, True, "planted")
    effect, witness = (Interval(x, 0.1, 0.5, 0.95, 100, 10.0) for x in (-0.3544, -0.3051))
    for equivalent, said in ((True, "]: within 20 %, p"), (False, "]: not shown within 20 %, p")):
        tested = Equivalence(0.07, equivalent, -0.771, -0.962, 0.2, 0.9, 10)
        score = Scored("agreeableness", valid, effect, witness, tested, None)
        text = str(replace(found, scored=score))
        (line,) = [one for one in text.splitlines() if "20 %" in one]
        assert said in line and line.endswith("p = 0.07")
        assert "agreeableness score: v -0.354, v' -0.305 nats/token," in text
