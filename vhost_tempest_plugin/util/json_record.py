# SPDX-License-Identifier: Apache-2.0
"""The text of a record: JSON with the number of its format, others of which are not read."""

import json
from collections.abc import Mapping
from typing import Any


def dump(fields: Mapping[str, object], form: int) -> str:
    """The text; what JSON has no type for is written as its string.

    :param form: the number of the format
    """
    return json.dumps({**fields, "format": form}, indent=2, default=str) + "\n"


def load(text: str, form: int) -> dict[str, Any]:
    """The fields of what ``dump`` wrote.

    :raises ValueError: for anything else, saying what is wrong
    """
    fields = json.loads(text)
    if not isinstance(fields, dict) or fields.pop("format", None) != form:
        raise ValueError(f"it is not of format {form}")
    return fields
