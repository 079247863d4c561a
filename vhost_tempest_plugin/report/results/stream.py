# SPDX-License-Identifier: Apache-2.0
"""The subunit v2 stream that ``tempest run --subunit`` writes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import subunit
import testtools

from vhost_tempest_plugin.report.results.outcome import TestOutcome, TestVerdict, short

_VERDICTS = {
    "success": TestVerdict.PASSED,
    "fail": TestVerdict.FAILED,
    "uxsuccess": TestVerdict.FAILED,
    "skip": TestVerdict.SKIPPED,
    "xfail": TestVerdict.EXPECTED,
    "inprogress": TestVerdict.UNFINISHED,
    "unknown": TestVerdict.UNFINISHED,
}
_REASON = "reason"
_TRACEBACK = "traceback"
_PLAIN = "tempest"
# unittest names a class's or module's own set-up and end like this: tearDownClass (package.Class)
_FIXTURE = re.compile(r"(?P<method>\w+) \((?P<place>[\w.]+)\)")

OnOutcome = Callable[[TestOutcome], None]
Begun = Callable[[str], None]


def read(
    stream: BinaryIO,
    on_outcome: OnOutcome = lambda outcome: None,
    begun: Begun = lambda name: None,
) -> tuple[TestOutcome, ...]:
    """The outcomes of a stream, to its end.

    :param on_outcome: is given each outcome as it comes
    :param begun: is given the class and method of each test that begins
    """
    outcomes: list[TestOutcome] = []

    def take(test: Any) -> None:
        # What stestr lists before it runs it has no outcome.
        if test["id"] != _PLAIN and test["status"] in _VERDICTS:
            outcome = _outcome(test)
            outcomes.append(outcome)
            on_outcome(outcome)

    result = testtools.CopyStreamResult([testtools.StreamToDict(take), _Beginnings(begun)])
    result.startTestRun()
    subunit.ByteStreamToStreamResult(stream, non_subunit_name=_PLAIN).run(result)
    result.stopTestRun()
    return tuple(outcomes)


def copied(
    stream: BinaryIO,
    copy: Path,
    on_outcome: OnOutcome = lambda outcome: None,
    begun: Begun = lambda name: None,
) -> tuple[TestOutcome, ...]:
    """As ``read``; all of the stream is written to the file *copy* too."""
    with copy.open("wb") as file:
        return read(cast(BinaryIO, _Tee(stream, file)), on_outcome, begun)


class _Beginnings(testtools.StreamResult):
    def __init__(self, begun: Begun) -> None:
        super().__init__()
        self._begun = begun

    def status(self, *_: Any, **event: Any) -> None:
        if event.get("test_status") == "inprogress":
            self._begun(short(_name(event["test_id"])))


class _Tee:
    """What subunit wants of a stream, with a copy of all that it has read."""

    def __init__(self, source: BinaryIO, copy: BinaryIO) -> None:
        self._source = source
        self._copy = copy

    def read(self, count: int = -1) -> bytes:
        content = self._source.read(count)
        self._copy.write(content)
        return content

    def fileno(self) -> int:
        return self._source.fileno()


def _outcome(test: dict[str, Any]) -> TestOutcome:
    """From what testtools collects of a test."""
    begun, ended = test["timestamps"][:2]
    texts = {
        name: content.as_text() for name, content in test["details"].items() if _is_text(content)
    }
    verdict = _VERDICTS[test["status"]]
    return TestOutcome(
        test=_name(test["id"]),
        verdict=verdict,
        begun=begun.isoformat(timespec="seconds") if begun else "",
        elapsed_s=max(0.0, (ended - begun).total_seconds()) if begun and ended else 0.0,
        reason=texts.pop(_REASON, "")
        or "\n".join(texts.pop(name) for name in sorted(texts) if name.startswith(_TRACEBACK)),
        logs={name: text for name, text in texts.items() if text.strip()},
    )


def _name(identity: str) -> str:
    """Without tempest's brackets; a fixture's as that of a method."""
    fixture = _FIXTURE.fullmatch(identity)
    if fixture:
        return f"{fixture['place']}.{fixture['method']}"
    return identity.partition("[")[0]


def _is_text(content: Any) -> bool:
    return bool(content.content_type.type == "text")
