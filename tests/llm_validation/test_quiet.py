"""transformers is quiet while it loads and as it was afterwards."""

from __future__ import annotations

import warnings

import pytest
from transformers.utils import logging

from llm_validation.quiet import quiet


@pytest.mark.parametrize("bars", [True, False])
def test_bars_and_warnings_are_off_inside_and_as_before_outside(bars, capfd):
    enabled, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
    logging.set_verbosity_info()
    try:
        with pytest.raises(KeyError), quiet():
            list(logging.tqdm(range(3)))
            logging.get_logger("transformers").warning("heard")
            assert capfd.readouterr() == ("", "")
            raise KeyError
        assert logging.is_progress_bar_enabled() == bars
        assert logging.get_verbosity() == logging.INFO
    finally:
        logging.set_verbosity(verbosity)
        (logging.enable_progress_bar if enabled else logging.disable_progress_bar)()


def test_python_warnings_are_ignored_inside_and_heard_again_outside():
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with quiet():
            warnings.warn("inside", UserWarning, stacklevel=1)
        warnings.warn("outside", UserWarning, stacklevel=1)
    assert [str(warning.message) for warning in heard] == ["outside"]
