"""Settings of the documentation; ``make docs`` builds it without network.

No inventory of another project is fetched and no script or font comes from elsewhere: formulas are
MathML, the theme's fonts and scripts lie beside the pages. Every warning is an error.
"""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "steering-identifiability"
author = "The steering-identifiability developers"
project_copyright = f"2026, {author}"
release = version = installed_version(project)

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "myst_nb",
    "mathml",
    "command_help",
    "own_members",
    "plain_mathematics",
    "theorem_records",
    "whole_properties",
]
exclude_patterns = ["_build", "extensions", "static", "templates"]
templates_path = ["templates"]

# Texts
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # `identifiability notebooks` executes them; the build only shows
html_math_renderer = "mathml"

# Reference
autosummary_generate = True
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"
python_display_short_literal_types = True
napoleon_google_docstring = False
napoleon_use_ivar = True  # attributes in the class's own list, not once more as entries
napoleon_use_rtype = False
nitpicky = True
# Names of other projects have no page here; names of ours must.
nitpick_ignore_regex = [
    (r"py:.*", r"(?!(identifiability|proofs|toy_models|llm_validation)\.).*"),
]

# Pages
html_theme = "pydata_sphinx_theme"
html_title = "Steering identifiability"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_sidebars = {name: [] for name in ("index", "tutorial")}
html_theme_options = {
    "logo": {"text": "Steering identifiability"},
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_nav_level": 1,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
