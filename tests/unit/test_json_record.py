# SPDX-License-Identifier: Apache-2.0
import json
import unittest
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Interface
from pathlib import Path
from uuid import UUID

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.util import json_record


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    address: IPv4Interface
    value: str | tuple[str, ...]

    def __post_init__(self) -> None:
        if self.value == "refused":
            raise InputError("it is refused")


@dataclass(frozen=True)
class Outer:
    path: Path
    uuid: UUID
    colour: Colour
    pair: tuple[int, bool]
    inner: tuple[Inner, ...] = ()
    maybe: Inner | None = None


INNER = Inner(IPv4Interface("10.0.0.1/24"), ("a", "b"))
OUTER = Outer(Path("/a"), UUID(int=7), Colour.RED, (3, True), (INNER, Inner(INNER.address, "x")))


class JsonRecordTest(unittest.TestCase):
    def test_what_is_written_is_read(self) -> None:
        for record in (OUTER, Outer(Path(), UUID(int=1), Colour.RED, (0, False), (), INNER)):
            self.assertEqual(record, json_record.load(Outer, json_record.dump(record, 3), 3))

    def test_what_is_something_else(self) -> None:
        good = json.loads(json_record.dump(OUTER, 3))
        inner = good["inner"][0]
        for change, reason in (
            ({"format": 2}, "not of format 3"),
            ({"more": 1}, "has or lacks: more"),
            ({"path": 1}, "Outer.path is 1 and no text"),
            ({"uuid": "x"}, "UUID"),
            ({"colour": "blue"}, "blue"),
            ({"pair": [1, 1]}, "Outer.pair is 1 and no bool"),
            ({"pair": [True, True]}, "Outer.pair is True and no int"),
            ({"pair": [1]}, "has 1 entries and not 2"),
            ({"inner": {}}, "Outer.inner is no list"),
            ({"inner": [{**inner, "address": "x"}]}, "x"),
            ({"inner": [{**inner, "value": 1}]}, "Outer.inner.value is no list"),
            ({"maybe": {**inner, "value": "refused"}}, "it is refused"),
            ({"maybe": []}, "Outer.maybe is no object"),
        ):
            with self.subTest(change), self.assertRaisesRegex(ValueError, reason):
                json_record.load(Outer, json.dumps({**good, **change}), 3)
