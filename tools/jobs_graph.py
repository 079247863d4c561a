# SPDX-License-Identifier: Apache-2.0
"""Draw the jobs of ``zuul.d`` for the documentation: what inherits from what, what runs where.

jobs_graph.py [FILE]     write the graph (default: doc/source/contributor/jobs.dot)
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

TOP = Path(__file__).resolve().parent.parent
GRAPH = TOP / "doc" / "source" / "contributor" / "jobs.dot"

# Of the pipelines in which a job is, the one that says the most comes first.
_COLOURS = {
    "gate": "#cfe8cf",
    "check": "#dbe7f6",
    "check, not voting": "#f3f6fa",
    "experimental": "#f7ecd0",
    "periodic-weekly": "#f7ecd0",
    "": "#ffffff",
}


def stanzas(kind: str) -> Iterator[dict[str, Any]]:
    """All of a kind in ``zuul.d``."""
    for path in sorted((TOP / "zuul.d").glob("*.yaml")):
        for stanza in yaml.safe_load(path.read_text(encoding="utf-8")):
            if kind in stanza:
                yield stanza[kind]


def pipelines() -> dict[str, list[str]]:
    """Where each of our jobs runs."""
    found: dict[str, list[str]] = {}
    for project in [*stanzas("project"), *stanzas("project-template")]:
        for pipeline, content in project.items():
            for entry in content.get("jobs", []) if isinstance(content, dict) else ():
                name, options = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
                silent = options.get("voting", True) is False
                found.setdefault(name, []).append(pipeline + (", not voting" if silent else ""))
    return found


def graph() -> str:
    """The graph in graphviz's language."""
    jobs = {job["name"]: job for job in stanzas("job")}
    where = pipelines()
    lines = ["digraph jobs {", "  rankdir=LR", '  node [shape=box style=filled fontname="sans"]']
    for name in sorted({job["parent"] for job in jobs.values()} - set(jobs)):
        lines.append(f'  "{name}" [fillcolor="#eeeeee" style="filled,dashed"]')
    for name, job in jobs.items():
        runs = where.get(name, [])
        colour = next(value for key, value in _COLOURS.items() if key in (*runs, ""))
        label = "\\n".join([name, ", ".join(sorted(set(runs))) or "for others"])
        lines.append(f'  "{name}" [label="{label}" fillcolor="{colour}"]')
        lines.append(f'  "{job["parent"]}" -> "{name}"')
    return "\n".join([*lines, "}", ""])


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else GRAPH
    target.write_text(graph(), encoding="utf-8")
