# SPDX-License-Identifier: Apache-2.0
"""Topology files: YAML to Layout and back (the owner of yaml).

A file is at most MAX_BYTES long, one document, in YAML 1.2's reading of scalars
(YAML 1.1 takes the MAC address 52:54:00:12:34:56 for a number in base 60), without
aliases and tags, so that its size bounds the work.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import yaml

from vhost_tempest_plugin.errors import InputError, TopologyError, VhostCommand
from vhost_tempest_plugin.topology import serialization
from vhost_tempest_plugin.topology.key import Key, spelled
from vhost_tempest_plugin.topology.layout import Layout, lay_out
from vhost_tempest_plugin.topology.model import Host
from vhost_tempest_plugin.topology.schema import shown

MAX_BYTES = 65536
_MAX_DEPTH = 16
_NULL = re.compile(r"(~|null|Null|NULL|)\Z")
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"(-?(0|[1-9][0-9]{0,17})|0x[0-9a-fA-F]{1,8})\Z", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z", re.ASCII)


class _RefusedError(TopologyError):
    """What is wrong with the text itself, and in which line (from 1)."""

    def __init__(
        self, fact: str, line: int | None = None, key: Key = (), *, hint: str = ""
    ) -> None:
        super().__init__(fact, key, hint=hint)
        self.line = line


def load_layout(path: Path) -> Layout:
    """The topology in a file.

    :raises InputError: it cannot be read, or does not describe a host that can work
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"cannot read the topology {str(path)!r}: {error.strerror}",
            hint=f"give a file or one of {VhostCommand('topology', 'list')}",
        ) from None
    except ValueError:  # a NUL in the name
        raise InputError(f"{str(path)!r} is not a file's name", hint="give another") from None
    return load(data, str(path))


def load(text: str | bytes, source: str) -> Layout:
    """Read a topology.

    :param source: the file's name, for messages and for the host's name where it has none
    :raises TopologyError: it does not describe a host that can work; one line that names
        the file, the line and the key
    """
    lines: dict[Key, int] = {(): 1}
    try:
        host = serialization.read(plain(text, lines), serialization.default_name(source))
        layout = lay_out(host)
    except TopologyError as error:
        line = error.line if isinstance(error, _RefusedError) else None
        where = f"{_printable(spelled(error.key))}: " if error.key else ""
        raise TopologyError(
            f"{_printable(source)}:{line or _line(lines, error.key)}: {where}{error.fact}",
            error.key,
            hint=error.hint,
        ) from None
    return layout


def dump(host: Host) -> str:
    """The text that ``load`` reads back as the layout of an equal host."""
    return yaml.dump(
        serialization.write(host),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=None,
        width=100,
        allow_unicode=True,
    )


class _Dumper(yaml.SafeDumper):
    """Indents lists in mappings, as people do, and quotes text that reads as something else."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def text(self, value: str) -> yaml.ScalarNode:
        style = None if _scalar(value) == value else "'"
        return self.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(str, _Dumper.text)


def _line(lines: dict[Key, int], key: Key) -> int:
    while key not in lines:
        key = key[:-1]
    return lines[key]


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]


def plain(text: str | bytes, lines: dict[Key, int]) -> object:
    """The document in *text* as mappings, lists, text and numbers.

    :param lines: takes the line, from 1, of every key
    :raises _RefusedError: it is not such a document
    """
    if len(text) > MAX_BYTES:
        raise _RefusedError(f"the file is longer than {MAX_BYTES} bytes", hint="is it a topology?")
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8-sig")
        events = iter(yaml.parse(decoded, Loader=yaml.SafeLoader))
        return _document(events, lines)
    except UnicodeDecodeError as error:
        assert isinstance(text, bytes)  # noqa: S101 - only decoding raises it
        line = text.count(b"\n", 0, error.start) + 1
        raise _RefusedError(
            f"byte {error.start} is not UTF-8", line, hint="write the file as UTF-8"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = _printable(error.problem or error.context or "malformed")
        raise _RefusedError(
            f"this is not YAML: {problem}", mark.line + 1 if mark else None, hint="correct it"
        ) from None
    except yaml.reader.ReaderError as error:
        line = decoded.count("\n", 0, error.position) + 1
        raise _RefusedError(
            f"character {error.position} is not allowed in YAML ({error.reason})",
            line,
            hint="remove it",
        ) from None
    except (ValueError, OverflowError):  # PyYAML lets those of int() and chr() through
        raise _RefusedError(
            "this is not YAML: a number is out of range", hint="correct it"
        ) from None


def _document(events: Iterator[yaml.Event], lines: dict[Key, int]) -> object:
    next(events)  # the stream's start
    if isinstance(next(events), yaml.StreamEndEvent):
        raise _RefusedError(
            "the file is empty", hint="give at least nodes: [{cpus: 0-1, memory_mib: 1024}]"
        )
    value = _value(events, next(events), (), lines)
    next(events)  # the document's end
    more = next(events)
    if not isinstance(more, yaml.StreamEndEvent):
        raise _RefusedError(
            "a second document begins", _line_of(more), hint="keep one topology in a file"
        )
    return value


def _value(
    events: Iterator[yaml.Event], event: yaml.Event, key: Key, lines: dict[Key, int]
) -> object:
    line = _line_of(event)
    lines.setdefault(key, line)
    if isinstance(event, yaml.AliasEvent):
        raise _RefusedError(
            f"the alias {shown(event.anchor)} is refused", line, key, hint="write it out"
        )
    tag = getattr(event, "tag", None)
    if tag not in (None, "!"):
        raise _RefusedError(f"the tag {shown(tag)} is refused", line, key, hint="remove it")
    if len(key) > _MAX_DEPTH:
        raise _RefusedError(f"more than {_MAX_DEPTH} levels deep", line, hint="is it a topology?")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event.value) if event.implicit[0] else event.value
    if isinstance(event, yaml.SequenceStartEvent):
        return _sequence(events, key, lines)
    return _mapping(events, key, lines)


def _line_of(event: yaml.Event) -> int:
    return cast("yaml.Mark", event.start_mark).line + 1


def _sequence(events: Iterator[yaml.Event], key: Key, lines: dict[Key, int]) -> list[object]:
    values: list[object] = []
    while not isinstance(event := next(events), yaml.SequenceEndEvent):
        values.append(_value(events, event, (*key, len(values)), lines))
    return values


def _mapping(events: Iterator[yaml.Event], key: Key, lines: dict[Key, int]) -> dict[str, object]:
    values: dict[str, object] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        line = _line_of(event)
        if not isinstance(event, yaml.ScalarEvent):
            raise _RefusedError("a key is not a word", line, key, hint="write key: value")
        name = event.value
        if name in values:
            raise _RefusedError(
                f"the key is given a second time, first in line {lines[*key, name]}",
                line,
                (*key, name),
                hint="keep one",
            )
        lines[*key, name] = line
        values[name] = _value(events, next(events), (*key, name), lines)
    return values


def _scalar(text: str) -> object:
    """A plain scalar's value by YAML 1.2's core schema (10.3.2), without octal and infinity."""
    if _NULL.match(text):
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.match(text):
        return int(text, 0)
    return float(text) if _FLOAT.match(text) else text
