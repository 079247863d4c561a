# SPDX-License-Identifier: Apache-2.0
"""Reads what pip says: how far it is, and why it failed."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from vhost_tempest_plugin.errors import VhostCommand

_COLLECTED = re.compile(r"Collecting |Requirement already satisfied: ")
_BUILDING = re.compile(r"Building wheel for (\S+)")
_INSTALLING = re.compile(r"Installing collected packages: (.*)")

_UNREACHABLE = "Retrying (Retry("
_ABSENT = re.compile(r"No matching distribution found for ([^\s;(]+)")
_PINNED = re.compile(r"The user requested \(constraint\) (\S+)")
_DEPENDS = re.compile(r"^ *(\S+ \S+) depends on (.+)$", re.MULTILINE)
_UNBUILT = re.compile(
    r"(?:Failed to build(?: installable wheels for some pyproject\.toml based projects)?"
    r"|Could not build wheels for|Failed building wheel for) \(?([^\s,)]+)"
)
_FAULT = re.compile(r"(?:fatal error: |Package '[^']*', required by|No package '|No space left).*")
_ADDRESS = re.compile(r"\w+://\S+")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why pip failed, and what to do about it; without addresses.

    :param hint: empty where there is nothing
    """

    fact: str
    hint: str = ""


def stage(lines: Iterable[str]) -> str:
    """What pip is doing, having said *lines*."""
    news, collected = "asking the package index", 0
    for line in lines:
        if _COLLECTED.match(line.lstrip()):
            collected += 1
            news = f"collecting packages, {collected} so far"
        elif match := _BUILDING.search(line):
            news = f"building {match[1]}"
        elif match := _INSTALLING.match(line):
            names = match[1].split(", ")
            news = f"installing {names[0] if len(names) == 1 else f'{len(names)} packages'}"
    return news


def cause(lines: Sequence[str]) -> Cause:
    """Why pip failed, having said *lines*."""
    text = "\n".join(lines)
    if absent := _ABSENT.search(text):
        return _absent(absent[1], text)
    if pinned := _PINNED.search(text):
        return _conflict(pinned[1], text) or _absent(pinned[1], text)
    if unbuilt := _UNBUILT.search(text):
        fault = _FAULT.search(text)
        reason = f" ({_ADDRESS.sub('...', fault[0])})" if fault else ""
        return Cause(
            f"{unbuilt[1]!r} does not build{reason}",
            f"run {VhostCommand('doctor')} for what it needs",
        )
    said = [line for line in lines if line.strip()]
    errors = [line for line in said if line.lower().startswith("error:")] or said[-1:]
    last = errors[-1] if errors else "pip said nothing"
    return Cause(_ADDRESS.sub("...", last.strip()))


def _absent(wanted: str, text: str) -> Cause:
    if _UNREACHABLE in text:
        return Cause(
            f"no package index was reached for {wanted!r}",
            "look at the network and at 'pip config list'",
        )
    return Cause(
        f"the package index has no {wanted!r} for this Python",
        "look at 'pip config list', or use another release",
    )


def _conflict(pinned: str, text: str) -> Cause | None:
    """Who cannot do with the version *pinned*; pip speaks the same where there is none of it."""
    name, _, version = pinned.partition("==")
    for who, wanted in _DEPENDS.findall(text):
        try:
            requirement = Requirement(wanted.replace(" and ", ","))
        except InvalidRequirement:
            continue
        if canonicalize_name(requirement.name) != canonicalize_name(name):
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            return Cause(
                f"{who} depends on {wanted}, not {pinned}", "correct the release's constraints"
            )
    return None
