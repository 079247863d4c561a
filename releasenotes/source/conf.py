# SPDX-License-Identifier: Apache-2.0
"""Sphinx configuration of the release notes."""

project = "vhost-tempest-plugin release notes"
copyright = "vhost-tempest-plugin contributors"  # noqa: A001 - Sphinx's name
extensions = ["openstackdocstheme", "reno.sphinxext"]
html_theme = "openstackdocs"
openstackdocs_auto_name = False
