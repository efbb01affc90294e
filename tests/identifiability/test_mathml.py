"""Formulas: an element that the browser draws, or one sentence."""

from xml.etree import ElementTree

import pytest

from identifiability.errors import InvalidInput
from identifiability.mathml import mathml
from identifiability.notebooks import lessons
from identifiability.notebooks.page import markdown
from proofs.ledger import ledger

MATHML = "{http://www.w3.org/1998/Math/MathML}"


def test_a_fraction_is_a_fraction_in_a_line_and_on_its_own():
    for display, word in ((False, "inline"), (True, "block")):
        root = ElementTree.fromstring(mathml(r" \frac{a}{b} < c ", display=display))
        assert (root.tag, root.get("display")) == (f"{MATHML}math", word)
        over = root.find(f".//{MATHML}mfrac")
        assert over is not None
        assert ["".join(part.itertext()) for part in over] == ["a", "b"]
        assert "".join(root.itertext()) == "ab<c"


@pytest.mark.parametrize(
    ("latex", "why"),
    [
        (r"\nosuchcommand{x}", r"x}'; write it otherwise"),
        (r"\left( x", "ExtraLeftOrMissingRight"),
        ("x^", "MissingSuperScriptOrSubscript"),
        (r"\begin{matrix} a", "MissingEnd"),
        ("", "NoAvailableTokens"),
        ("a & b", "Parse"),
        (r"\text{a <b}", "Parse"),
    ],
)
def test_what_is_not_understood_is_one_sentence(latex, why):
    with pytest.raises(InvalidInput, match="a formula must have commands that MathML") as caught:
        mathml(latex, display=True)
    assert why in str(caught.value)


def test_all_formulas_of_theorems_and_lessons_are_understood():
    for theorem in ledger().values():
        ElementTree.fromstring(mathml(theorem.latex, display=True))
    formulas = 0
    for script in lessons().values():
        text = "\n".join(
            line.removeprefix("# ") for line in script.splitlines() if line[:2] == "# "
        )
        formulas += markdown(text).count("<math")
    assert formulas > 100
