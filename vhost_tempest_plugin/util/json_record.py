# SPDX-License-Identifier: Apache-2.0
"""The text of a record: JSON with the number of its format, others of which are not read."""

import contextlib
import dataclasses
import json
from types import NoneType, UnionType
from typing import (
    Any,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from vhost_tempest_plugin.errors import InputError

T = TypeVar("T")


def dump(record: Any, form: int) -> str:
    """The text of a dataclass; what JSON has no type for is written as its string.

    :param form: the number of the format
    """
    return json.dumps({**dataclasses.asdict(record), "format": form}, indent=2, default=str) + "\n"


def load(kind: type[T], text: str, form: int) -> T:
    """The dataclass of what ``dump`` wrote, nested ones, tuples, paths and enums included.

    :raises ValueError: for anything else, saying what is wrong: it has or lacks a field, or one
        is of another type, or of a value that its class refuses
    """
    fields = json.loads(text)
    if not isinstance(fields, dict) or fields.pop("format", None) != form:
        raise ValueError(f"it is not of format {form}")
    return cast(T, _value(kind, fields, kind.__name__))


def _value(kind: Any, data: object, name: str) -> object:
    if get_origin(kind) in (Union, UnionType):
        kinds = get_args(kind)
        if data is None and NoneType in kinds:
            return None
        *others, kind = (each for each in kinds if each is not NoneType)
        for each in others:
            with contextlib.suppress(ValueError):
                return _value(each, data, name)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, data, name)
    if get_origin(kind) is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{name} is no list")
        kinds = get_args(kind)
        each = kinds[:1] * len(data) if kinds[-1] is Ellipsis else kinds
        if len(each) != len(data):
            raise ValueError(f"{name} has {len(data)} entries and not {len(each)}")
        return tuple(_value(one, item, name) for one, item in zip(each, data, strict=True))
    if kind in (bool, int, float, str):
        if type(data) is not kind:
            raise ValueError(f"{name} is {data!r} and no {kind.__name__}")
        return data
    # A path or an enum, of its text.
    if not isinstance(data, str):
        raise ValueError(f"{name} is {data!r} and no text")
    return kind(data)


def _dataclass(kind: Any, data: object, name: str) -> object:
    if not isinstance(data, dict):
        raise ValueError(f"{name} is no object")
    hints = get_type_hints(kind)
    wanted = {each.name for each in dataclasses.fields(kind)}
    if data.keys() != wanted:
        raise ValueError(f"{name} has or lacks: {', '.join(sorted(data.keys() ^ wanted))}")
    values = {each: _value(hints[each], data[each], f"{name}.{each}") for each in data}
    try:
        return kind(**values)
    except InputError as error:
        raise ValueError(str(error)) from None
