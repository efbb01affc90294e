"""The ``report`` command: formats as a list, and where everything is."""

import pytest
import typer
from typer.testing import CliRunner

from identifiability.errors import InvalidInput
from identifiability.reporting.command import command
from identifiability.results import write_json
from tests.identifiability.reporting import audit_examples

app = typer.Typer()
app.command("report")(command)


@pytest.fixture
def directory(tmp_path):
    write_json(tmp_path / "results.json", audit_examples.audit())
    return tmp_path


def test_it_says_where_the_report_and_the_figures_are(directory):
    found = CliRunner().invoke(app, [str(directory), "--format", "svg, png"])
    assert found.exit_code == 0
    assert found.stdout.splitlines() == [
        f"report: {directory / 'report' / 'index.html'}",
        f"figures: {directory / 'figures'}",
    ]
    assert {path.suffix for path in (directory / "figures").iterdir()} == {".svg", ".png"}


def test_quiet_says_nothing(directory):
    assert CliRunner().invoke(app, [str(directory), "--quiet"]).stdout == ""


def test_an_empty_list_of_formats_is_refused(directory):
    found = CliRunner().invoke(app, [str(directory), "--format", ""])
    assert isinstance(found.exception, InvalidInput)
