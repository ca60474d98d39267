"""How the documentation is built: ``make docs``."""

from importlib.metadata import version as installed

project = "genphys"
author = "the genphys developers"
project_copyright = author
release = version = installed("genphys")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"genphys {release}"
exclude_patterns = ["_build", "studies"]
