# SPDX-License-Identifier: Apache-2.0
"""The directives ``layer-picture`` and ``layer-table``: ``tools/layers.py`` as a page shows it."""

import layers
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.ext.graphviz import graphviz
from sphinx.util.typing import ExtensionMetadata

_ALT = "The folders of the package from the top down; arrows point to what a folder imports."


class LayerPicture(Directive):
    """The import rules as a graph."""

    def run(self) -> list[nodes.Node]:
        picture = graphviz()
        picture["code"] = layers.dot()
        picture["options"] = {}
        picture["alt"] = _ALT
        return [picture]


class LayerTable(Directive):
    """The folders with their ideas, imports and libraries."""

    def run(self) -> list[nodes.Node]:
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 12 34 34 20", ""]
        rows = [("Folder", "Idea", "May import", "Owns")]
        rows += [
            (
                f"``{each.name}``",
                each.idea,
                each.below.replace(" ", ", "),
                _literals(each.libraries),
            )
            for each in (*layers.FOLDERS, *layers.ROOT)
        ]
        for name, *cells in rows:
            lines += [f"   * - {name}", *(f"     - {cell}" for cell in cells)]
        parent = nodes.Element()
        self.state.nested_parse(StringList(lines, "tools/layers.py"), 0, parent)
        return parent.children


def _literals(names: str) -> str:
    return ", ".join(f"``{name}``" for name in names.split())


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("layer-picture", LayerPicture)
    app.add_directive("layer-table", LayerTable)
    return {"parallel_read_safe": True}
