# SPDX-License-Identifier: Apache-2.0
"""Split the scenarios over Zuul's nodes, by topology, tag and class, from recorded timings.

``tools/shards.yaml`` has the topologies, the timings and how long the scenarios of one job may
take; ``zuul.d/shards.yaml`` is computed from it and from nothing else.

    shards.py write                       write zuul.d/shards.yaml
    shards.py record TOPOLOGY JUNIT...    take the timings of a run, in pieces or not, then write

A job whose topology nobody has timed yet says ``timed_on`` in place of it.

A test is run by exactly one of a topology's jobs, also one that no timing is known of: the first
job takes all that no other does.
"""

import re
import sys
import unittest
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

TOP = Path(__file__).resolve().parent.parent
TIMINGS = TOP / "tools" / "shards.yaml"
JOBS = TOP / "zuul.d" / "shards.yaml"
PREFIX = "vhost-tempest-plugin"
ALL = r"^vhost_tempest_plugin\."
# tempest's tag of tests that take long stands with the id in brackets behind the name.
SLOW = "slow"
TAGGED = rf"\[.*\b{SLOW}\b"
COMMENT = """\
# Computed by 'tools/shards.py write' from tools/shards.yaml, where the timings are; change that.
"""


@dataclass(frozen=True)
class Part:
    """Tests of one class that are tagged as slow, or those that are not."""

    name: str
    slow: bool
    duration_s: float


@dataclass(frozen=True)
class Shard:
    """A job: the tests that match *regex* and not *exclude*."""

    name: str
    topology: str
    regex: str = ALL
    exclude: str = ""

    def runs(self, test: str) -> bool:
        """Whether it is the one for a test, given with its tags."""
        matches = re.search(self.regex, test) is not None
        return matches and not (self.exclude and re.search(self.exclude, test))


def balanced(parts: Sequence[Part], limit_s: float) -> list[list[Part]]:
    """Distribute over as few jobs as the limit allows, the longest first."""
    count = max(1, ceil(sum(part.duration_s for part in parts) / limit_s))
    bins: list[list[Part]] = [[] for _ in range(count)]
    for part in sorted(parts, key=lambda part: (-part.duration_s, part.name)):
        min(bins, key=lambda jobs: sum(each.duration_s for each in jobs)).append(part)
    return bins


def split(name: str, topology: str, parts: Sequence[Part], limit_s: float) -> list[Shard]:
    """The jobs of one topology."""
    if sum(part.duration_s for part in parts) <= limit_s:
        return [Shard(f"{PREFIX}-{name}", topology)]
    found: list[Shard] = []
    for slow in (False, True):
        chosen = [part for part in parts if part.slow is slow]
        if slow and not chosen:
            break
        base = f"{PREFIX}-{name}{'-slow' if slow else ''}"
        bins = balanced(chosen, limit_s)
        others = [part.name for job in bins[1:] for part in job]
        excluded = [_classes(others)] if others else []
        if not slow and any(part.slow for part in parts):
            excluded.append(TAGGED)
        for number, job in enumerate(bins, 1):
            first = number == 1
            regex = ALL if first else _classes(part.name for part in job)
            exclude = "|".join(excluded if first else excluded[1:])
            found.append(
                Shard(
                    name=f"{base}-{number}" if len(bins) > 1 else base,
                    topology=topology,
                    regex=f"(?=.*{TAGGED}){regex}" if slow else regex,
                    exclude=exclude,
                )
            )
    return found


def shards(timings: Mapping[str, Any]) -> list[Shard]:
    """All jobs of the file."""
    return [
        shard
        for name, entry in timings["jobs"].items()
        for shard in split(name, entry["topology"], _parts(timings, entry), timings["limit_s"])
    ]


def document(timings: Mapping[str, Any]) -> str:
    """The text of zuul.d/shards.yaml."""
    found = shards(timings)
    voting = {
        shard.name: entry["voting"]
        for name, entry in timings["jobs"].items()
        for shard in found
        if re.fullmatch(rf"{PREFIX}-{name}(-slow)?(-\d+)?", shard.name)
    }
    stanzas: list[dict[str, Any]] = [{"job": _job(shard)} for shard in found]
    jobs = [name if votes else {name: {"voting": False}} for name, votes in voting.items()]
    template = {"name": f"{PREFIX}-shards", "check": {"jobs": jobs}}
    stanzas.append({"project-template": template})
    text = "\n".join(
        yaml.dump([stanza], sort_keys=False, width=96, Dumper=_Indented) for stanza in stanzas
    )
    return f"---\n{COMMENT}{text}"


def slow_tests() -> frozenset[str]:
    """The scenarios that are tagged as slow, without their tags: those JUnit's names lack."""

    def ids(suite: Any) -> Iterator[str]:
        for each in suite:
            yield from ids(each) if isinstance(each, unittest.TestSuite) else (each.id(),)

    scenarios = TOP / "vhost_tempest_plugin" / "scenario"
    found = ids(unittest.TestLoader().discover(str(scenarios), top_level_dir=str(TOP)))
    return frozenset(name.partition("[")[0] for name in found if re.search(TAGGED, name))


def record(
    timings: dict[str, Any], topology: str, junits: Iterable[str], slow: Container[str]
) -> None:
    """Replace the timings of *topology* by those of a run.

    :param junits: the last one counts for a test that several have
    """
    durations_s: dict[tuple[str, str], float] = {}
    for junit in junits:
        for case in ElementTree.fromstring(junit).iter("testcase"):  # noqa: S314 - our own
            name, test = case.get("classname", ""), case.get("name", "")
            duration_s = float(case.get("time", 0))
            # What was skipped, or had to run and did not, says nothing.
            if duration_s and re.search(ALL, f"{name}."):
                durations_s[name, test] = duration_s
    known: dict[str, dict[str, float]] = {}
    for (name, test), duration_s in sorted(durations_s.items()):
        sums = known.setdefault(name, {})
        kind = SLOW if f"{name}.{test}" in slow else "other"
        sums[kind] = round(sums.get(kind, 0.0) + duration_s, 1)
    used = {_timed_on(entry) for entry in timings["jobs"].values()}
    if topology not in used or not known:
        raise SystemExit(f"no job has the topology {topology!r}, or no scenario is in the results")
    timings.setdefault("durations_s", {})[topology] = known


def main(words: Sequence[str]) -> None:
    """Do what the words say."""
    timings = yaml.safe_load(TIMINGS.read_text(encoding="utf-8"))
    match words:
        case ["write"]:
            pass
        case ["record", topology, *junits]:
            texts = [Path(junit).read_text(encoding="utf-8") for junit in junits]
            record(timings, topology, texts, slow_tests())
            comment = re.match(r"(?:---\n)?(?:#.*\n)*", TIMINGS.read_text(encoding="utf-8"))
            text = yaml.dump(timings, sort_keys=False, Dumper=_Indented)
            TIMINGS.write_text(f"{comment[0] if comment else ''}{text}", encoding="utf-8")
        case _:
            raise SystemExit(__doc__)
    JOBS.write_text(document(timings), encoding="utf-8")


class _Indented(yaml.SafeDumper):
    """Lists are indented below their keys, as yamllint wants them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _timed_on(entry: Mapping[str, Any]) -> str:
    return str(entry.get("timed_on", entry["topology"]))


def _parts(timings: Mapping[str, Any], entry: Mapping[str, Any]) -> list[Part]:
    durations = timings.get("durations_s", {}).get(_timed_on(entry), {})
    return [
        Part(name, kind == SLOW, duration_s)
        for name, sums in durations.items()
        for kind, duration_s in sums.items()
    ]


def _classes(names: Iterable[str]) -> str:
    return rf"^(?:{'|'.join(re.escape(name) for name in sorted(set(names)))})\."


def _job(shard: Shard) -> dict[str, Any]:
    variables = {"vhost_topology": shard.topology, "tempest_test_regex": shard.regex}
    if shard.exclude:
        variables["tempest_exclude_regex"] = shard.exclude
    return {
        "name": shard.name,
        "parent": f"{PREFIX}-base",
        "description": f"Scenarios on a host of topology {shard.topology!r}.",
        "vars": variables,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
