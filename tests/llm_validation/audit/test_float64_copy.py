"""The copy that is in float64 by halves, against the copy that is so as a whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from llm_validation.audit.float64_copy import float64_copy
from llm_validation.continuation import Continuation
from llm_validation.structure import decoder_of
from tests.llm_validation.architectures import BLOCKS, WIDTH
from tests.llm_validation.audit.small_model import saved

IDS = [5, 9, 33, 7, 21, 40]


@pytest.fixture(scope="module", params=["llama", "gpt2", "opt_post_ln"])
def narrow(request, tmp_path_factory):
    return saved(tmp_path_factory.mktemp(request.param), request.param, "float32")


@pytest.mark.parametrize("layer", [0, 1, BLOCKS - 1])
def test_it_computes_what_the_whole_copy_does_bit_by_bit(narrow, layer):
    ours, whole = (
        Continuation(wide, IDS, layer)
        for wide in (float64_copy(narrow, layer), narrow.to_dtype("float64"))
    )
    assert ours.state.dtype == torch.float64
    np.testing.assert_array_equal(ours.state, whole.state)
    np.testing.assert_array_equal(ours.logits, whole.logits)
    at = ours.state + 0.3 * torch.ones(WIDTH, dtype=torch.float64)
    np.testing.assert_array_equal(ours.fisher(at), whole.fisher(at))


def test_early_blocks_share_their_weights_and_take_no_room_between_passes(narrow):
    wide = float64_copy(narrow, 1)
    Continuation(wide, IDS, 1).fisher()
    pairs = zip(decoder_of(wide).blocks, decoder_of(narrow).blocks, strict=True)
    for index, (block, own) in enumerate(pairs):
        for weight, other in zip(block.parameters(), own.parameters(), strict=True):
            assert other.dtype == torch.float32
            assert (weight.data_ptr() == other.data_ptr()) is (index <= 1)
            assert weight.dtype == (torch.float32 if index <= 1 else torch.float64)


def test_the_model_that_was_copied_stays_as_it_is(narrow):
    before = Continuation(narrow, IDS, 1).fisher()
    Continuation(float64_copy(narrow, 1), IDS, 1).fisher()
    np.testing.assert_array_equal(Continuation(narrow, IDS, 1).fisher(), before)


def test_a_pass_takes_as_many_rows_at_once_as_one_of_the_whole_copy(narrow):
    ours, whole = (
        Continuation(wide, IDS, 2)._suffix.bytes_per_row
        for wide in (float64_copy(narrow, 2), narrow.to_dtype("float64"))
    )
    assert ours == whole
