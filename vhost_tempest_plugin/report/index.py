# SPDX-License-Identifier: Apache-2.0
"""The page that leads to everything a run has left in a directory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.report import template
from vhost_tempest_plugin.util import atomic_file

INDEX = "index.html"
RECORDS = "records"
LOGS = "logs"
CONFIGURATION = "tempest.conf"

# What files that are no pages are for.
_FILES = {
    "tests.xml": "Results of the tests as JUnit XML, for CI",
    "tests.json": "Results of the tests as JSON",
    "tests.subunit": "Results of the tests as a subunit v2 stream",
    "mutants.json": "Results of the mutants as JSON",
    CONFIGURATION: "Configuration of the tests, passwords masked",
    "collected.json": "List of the logs, and why one is not there",
}


@dataclass(frozen=True, slots=True)
class _Page:
    """A page with its verdict, which stands in the JSON file of its name."""

    path: str
    title: str
    summary: str
    good: bool


@dataclass(frozen=True, slots=True)
class _File:
    """A file below the directory."""

    path: str
    what: str
    size: str


def write(directory: Path) -> Path:
    """Write the index of *directory* from what is there now; its path.

    Only files that this program writes are listed. All links are relative, so that the directory
    can be moved.
    """
    pages = tuple(_pages(directory))
    text = template.render(
        "index.html.j2",
        title="Results",
        pages=pages,
        entries=[_file(directory, name, what) for name, what in _files(directory, pages)],
        records=[_file(directory, name, "") for name in _below(directory, RECORDS, "*.json")],
        logs=[_file(directory, name, "") for name in _below(directory, LOGS, "*")],
    )
    atomic_file.write(directory / INDEX, text, mode=atomic_file.PUBLIC)
    return directory / INDEX


def _pages(directory: Path) -> Iterator[_Page]:
    for path in sorted(directory.glob("*.html")):
        try:
            found = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            yield _Page(path.name, found["title"], found["summary"], bool(found["good"]))
        except (OSError, ValueError, KeyError, TypeError):
            # Somebody else's.
            continue


def _files(directory: Path, pages: tuple[_Page, ...]) -> Iterator[tuple[str, str]]:
    known = dict(_FILES)
    for page in pages:
        known.setdefault(Path(page.path).with_suffix(".json").name, f"{page.title} as JSON")
    return ((name, what) for name, what in known.items() if (directory / name).is_file())


def _below(directory: Path, folder: str, pattern: str) -> list[str]:
    return [f"{folder}/{p.name}" for p in sorted((directory / folder).glob(pattern)) if p.is_file()]


def _file(directory: Path, path: str, what: str) -> _File:
    size = (directory / path).stat().st_size
    return _File(path, what, f"{size / 1024:.0f} KiB" if size >= 1024 else f"{size} B")
