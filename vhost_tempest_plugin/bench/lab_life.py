# SPDX-License-Identifier: Apache-2.0
"""The times of a lab's life: made, made with nothing prepared, reset, down, up again."""

import functools
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.bench import lab
from vhost_tempest_plugin.bench.measurement import Measurement
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.lab.state import stages
from vhost_tempest_plugin.lab.state.stages import Stage
from vhost_tempest_plugin.util import paths

_COLD_LIMIT_S = 480.0
_WARM_LIMIT_S = 30.0
_COLD = "cold lab up"
# What of the cache a lab alone needs.
_OF_LABS = ("environment", "schema")
_NO_KINDS = ("bench", "bench.lock")


@dataclass(frozen=True, slots=True)
class Span:
    """A stage of a command.

    :param begin_s: since the command was given
    """

    begin_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Command:
    """How long a command took, and its stages."""

    whole_s: float
    spans: dict[Stage, Span]


@dataclass(frozen=True, slots=True)
class Round:
    """A lab's life, once."""

    cold: Command
    reset: Command
    down: Command
    warm: Command


def cold(setting: Setting) -> Iterator[Measurement]:
    """A new lab with all that is cached in the cache, by stage."""
    taken = [each.cold for each in rounds(setting)]
    yield Measurement(
        _COLD,
        "s",
        _wholes(taken),
        "its host's boot",
        tuple(command.spans[Stage.HOST].duration_s for command in taken),
        limit=_COLD_LIMIT_S,
    )
    yield from by_stage(_COLD, taken)


def warm(setting: Setting) -> Iterator[Measurement]:
    """The same lab down, and up again from its snapshot, against a new one."""
    taken = rounds(setting)
    baseline = _wholes([each.cold for each in taken])
    again = [each.warm for each in taken]
    yield Measurement("lab down", "s", _wholes([each.down for each in taken]), _COLD, baseline)
    yield Measurement("warm lab up", "s", _wholes(again), _COLD, baseline, limit=_WARM_LIMIT_S)
    yield from by_stage("warm lab up", again)


def reset(setting: Setting) -> Iterator[Measurement]:
    """A lab that is up back to its snapshot, against a new one."""
    taken = rounds(setting)
    commands = [each.reset for each in taken]
    baseline = _wholes([each.cold for each in taken])
    yield Measurement("lab reset", "s", _wholes(commands), _COLD, baseline)
    yield from by_stage("lab reset", commands)


def first(setting: Setting) -> Iterator[Measurement]:
    """A new lab whose environment and tables are to be made; once, for its length."""
    lab.fill_cache(setting)
    place = setting.workplace
    with place.fresh("cache") as cache:
        _link(cache)
        place.destroy_lab(lab.NAME)
        setting.progress("cold lab up, everything cached")
        cached = _timed(setting, "up", "--topology", setting.topology)
        place.destroy_lab(lab.NAME)
        setting.progress("cold lab up, environment and tables to be made")
        try:
            empty = _timed(setting, "up", "--topology", setting.topology, cache=cache)
        finally:
            place.destroy_lab(lab.NAME)
    name = "first lab up (once)"
    yield Measurement(
        name, "s", (empty.whole_s,), "everything cached", (cached.whole_s,), limit=_COLD_LIMIT_S
    )
    yield from by_stage(name, [empty])


@functools.cache
def rounds(setting: Setting) -> tuple[Round, ...]:
    """The readings of several figures, since each needs a new lab for its baseline."""
    lab.fill_cache(setting)
    report = setting.about("lab up, reset, down, up again, s")
    taken = []
    for number in range(1, setting.runs + 1):
        taken.append(_round(setting))
        times = ", ".join(
            f"{command.whole_s:.1f}"
            for command in (taken[-1].cold, taken[-1].reset, taken[-1].down, taken[-1].warm)
        )
        report(f"run {number} of {setting.runs}: {times}")
    return tuple(taken)


def by_stage(name: str, commands: Sequence[Command]) -> Iterator[Measurement]:
    """The stages of a command against the whole of it, by their beginnings; they overlap."""
    for stage in commands[0].spans:
        spans = [command.spans[stage] for command in commands]
        begin_s = statistics.median(span.begin_s for span in spans)
        yield Measurement(
            f"{name}: {stage}",
            "s",
            tuple(span.duration_s for span in spans),
            f"the whole; from {begin_s:.0f} s",
            _wholes(commands),
        )


def _round(setting: Setting) -> Round:
    setting.workplace.destroy_lab(lab.NAME)
    made = Round(
        cold=_timed(setting, "up", "--topology", setting.topology),
        reset=_timed(setting, "reset"),
        down=_timed(setting, "down"),
        warm=_timed(setting, "up"),
    )
    _timed(setting, "down")
    return made


def _timed(setting: Setting, *words: str, cache: Path | None = None) -> Command:
    place = setting.workplace
    begun_s = time.monotonic()
    place.vhost("lab", *words, "--name", lab.NAME, cache=cache)
    whole_s = time.monotonic() - begun_s
    spans: dict[Stage, Span] = {}
    for timing in stages.read(lab.directory(place)):
        spans[timing.stage] = Span(timing.begin_s - begun_s, timing.duration_s)
    return Command(whole_s, spans)


def _wholes(commands: Sequence[Command]) -> tuple[float, ...]:
    return tuple(command.whole_s for command in commands)


def _link(cache: Path) -> None:
    """Have an empty cache hold what the user's does, what labs alone need left out."""
    own = paths.cache()
    (cache / own.name).mkdir()
    for kind in own.iterdir():
        if kind.name not in (*_OF_LABS, *_NO_KINDS):
            (cache / own.name / kind.name).symlink_to(kind)
    # What pip has downloaded and built.
    if (pip := own.with_name("pip")).is_dir():
        (cache / pip.name).symlink_to(pip)
