"""The command line's names of observables."""

import pytest

from identifiability.errors import InvalidInput
from llm_validation.audit.observable import Observable


@pytest.mark.parametrize("text", ["next-token", "completion", "topk:20", "score:formality"])
def test_each_name_is_read_and_given_back(text):
    observable = Observable.parse(text)
    assert observable.text == text
    assert observable.words


def test_parameters_are_read():
    assert Observable.parse("topk:20").k == 20
    assert Observable.parse("score:my/trait.json").trait == "my/trait.json"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("next-tokens", "next-token"),
        ("topk", "topk:20"),
        ("topk:0", "K from 1 up"),
        ("topk:-3", "K from 1 up"),
        ("score:", "score:formality"),
        ("next-token:3", "next-token"),
    ],
)
def test_others_are_refused_with_what_was_meant(text, said):
    with pytest.raises(InvalidInput, match=said):
        Observable.parse(text)


def test_the_likeliest_words_leave_a_rest():
    Observable.parse("topk:66").check_words(67)
    Observable.parse("completion").check_words(2)
    with pytest.raises(InvalidInput, match="between 1 and 66 for this model, got 67"):
        Observable.parse("topk:67").check_words(67)
