# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration."""

project = "vhost-tempest-plugin"
copyright = "vhost-tempest-plugin contributors"  # noqa: A001 - Sphinx's name
extensions = [
    "cliff.sphinxext",
    "openstackdocstheme",
    "oslo_config.sphinxext",
    "sphinx.ext.graphviz",
]
graphviz_output_format = "svg"
html_theme = "openstackdocs"
pygments_style = "native"
openstackdocs_auto_name = False
exclude_patterns = []
