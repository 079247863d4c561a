# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration."""

import sys
from pathlib import Path

_SOURCE = Path(__file__).resolve().parent
sys.path[:0] = [str(_SOURCE / "_ext"), str(_SOURCE.parents[1] / "tools")]

project = "vhost-tempest-plugin"
copyright = "vhost-tempest-plugin contributors"  # noqa: A001 - Sphinx's name
extensions = [
    "cliff.sphinxext",
    "layer_picture",
    "openstackdocstheme",
    "oslo_config.sphinxext",
    "sphinx.ext.graphviz",
]
graphviz_output_format = "svg"
html_theme = "openstackdocs"
pygments_style = "native"
openstackdocs_auto_name = False
exclude_patterns = []
# References that lead nowhere are warnings, and so errors.
nitpicky = True
