# SPDX-License-Identifier: Apache-2.0
"""What ``gather.sh`` prints inside a host, taken apart line by line."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TypeVar

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.topology import iommus

_T = TypeVar("_T")
_SECTIONS = ("values", "links", "present", "kernel log", "end")


def argv() -> tuple[str, ...]:
    """The command that reads ``script`` and prints what ``parse`` takes."""
    words = "|".join(re.escape(model.log_word) for model in iommus.MODELS.values())
    return ("sh", "-s", "--", words)


def script() -> str:
    """The POSIX shell script that the command of ``argv`` reads."""
    return resources.files(__package__).joinpath("gather.sh").read_text(encoding="utf-8")


def unreadable(what: str, text: str) -> HostError:
    """The error for text of the host that does not have its known form."""
    return HostError(
        f"the host's {what} cannot be read: {text[:200]!r}",
        hint="log in to the host; where it is well, the format of this kernel is not known yet",
    )


def convert(what: str, text: str, kind: Callable[[str], _T]) -> _T:
    """*kind* of *text*.

    :raises HostError: it is no such thing
    """
    try:
        return kind(text)
    except ValueError:
        raise unreadable(what, text) from None


@dataclass(frozen=True, slots=True)
class Sysfs:
    """Files, links and names.

    :param values: path (partly relative, as the script prints it) to content
    :param links: (device address, link name) to the last part of the link's target; for the
        name ``device`` the whole target
    :param present: paths that exist
    :param log: the kernel log's first line, then those about IOMMUs
    """

    values: Mapping[str, str]
    links: Mapping[tuple[str, str], str]
    present: frozenset[str]
    log: tuple[str, ...]

    def find(self, pattern: str, kind: Callable[[str], _T]) -> Iterator[tuple[str, _T]]:
        """The first group of *pattern* and the value, for every path that matches it all."""
        compiled = re.compile(pattern)
        for path, text in self.values.items():
            if match := compiled.fullmatch(path):
                yield match[1], convert(path, text, kind)


def parse(text: str) -> Sysfs:
    """Take the script's output apart.

    :raises HostError: a section is missing or a line has another form
    """
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("== "):
            lines = sections.setdefault(line.removeprefix("== "), [])
        else:
            lines.append(line)
    missing = [name for name in _SECTIONS if name not in sections]
    if missing:
        raise unreadable(f"sysfs listing (no section {missing[0]!r})", text[-200:])
    return Sysfs(
        values=dict(
            _split(line, ":") if line[:2] != "./" else _device(line) for line in sections["values"]
        ),
        links=dict(_link(line) for line in sections["links"]),
        present=frozenset(sections["present"]),
        log=tuple(sections["kernel log"]),
    )


def _split(line: str, separator: str) -> tuple[str, str]:
    path, found, value = line.partition(separator)
    if not found:
        raise unreadable("sysfs listing", line)
    return path, value.strip()


def _device(line: str) -> tuple[str, str]:
    """Split ``./0000:b5:00.0/vendor:0x8086``, whose directory holds colons."""
    directory, slash, rest = line.removeprefix("./").partition("/")
    if not slash:
        raise unreadable("sysfs listing", line)
    name, value = _split(rest, ":")
    return f"{directory}/{name}", value


def _link(line: str) -> tuple[tuple[str, str], str]:
    words = line.split()
    if len(words) != 3:
        raise unreadable("sysfs links", line)
    directory, name, target = words
    address = directory.rstrip("/").rpartition("/")[2]
    return (address, name), target if name == "device" else target.rpartition("/")[2]
