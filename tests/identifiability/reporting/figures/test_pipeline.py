"""The pipeline: drawn with the numbers of the run."""

from matplotlib.figure import Figure

from identifiability.reporting.figures.pipeline import pipeline
from tests.identifiability.reporting import examples


def test_boxes_hold_the_numbers_of_the_run_and_do_not_overlap():
    axes = Figure().subplots()
    pipeline(axes, examples.llm()["settings"])
    words = [text.get_text() for text in axes.texts]
    for expected in ("4 prompts", "5 other prompts", "6 held-out prompts", "Verdict"):
        assert expected in words
    boxes = [patch.get_bbox() for patch in axes.patches if hasattr(patch, "get_boxstyle")]
    boxes = [box for box in boxes if box.width > 1]
    assert len(boxes) == 10
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
