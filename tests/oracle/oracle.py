# SPDX-License-Identifier: Apache-2.0
"""Nova to ask: ``nova_answers.py`` in a process of a lab's environment."""

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from tests.oracle.case import Case, Json

_PROGRAM = Path(__file__).with_name("nova_answers.py")
_SHOWN = 4000


class Oracle:
    """Answers, in the order of the questions."""

    def __init__(self, process: "subprocess.Popen[str]", errors: IO[str]) -> None:
        self._process = process
        self._errors = errors

    def answers(self, case: Case, repairs: Iterable[str] = ()) -> list[Json]:
        """What Nova decides on each request of a case, with some of its mistakes put right."""
        ((_, answers),) = self.answers_to([case], repairs)
        return answers

    def answers_to(
        self, cases: Iterable[Case], repairs: Iterable[str] = ()
    ) -> Iterator[tuple[Case, list[Json]]]:
        """The same for many: while Nova is at one, the one before can be judged."""
        repairs, before = tuple(repairs), None
        for case in cases:
            self._send(case.question(repairs))
            if before is not None:
                yield before, self._receive()
            before = case
        if before is not None:
            yield before, self._receive()

    def ways(self, case: Case, repairs: Iterable[str] = ()) -> set[tuple[int, ...]]:
        """The nodes on which Nova would place the first request, each way by itself."""
        self._send(case.question(tuple(repairs), ways=True))
        return {tuple(nodes) for nodes in self._receive()}

    def _send(self, question: Json) -> None:
        assert self._process.stdin is not None
        # Where it is gone, its answer says why.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"Nova does not answer: {self._errors.read()[-_SHOWN:]}")
        return json.loads(line)


@contextlib.contextmanager
def running(
    environment: Path, aliases: Iterable[str], before: Path | None = None
) -> Iterator[Oracle]:
    """Nova of a virtual environment, with ``[pci] alias``.

    :param before: a directory with another Nova, which is imported in its place
    """
    variables = {**os.environ, **({} if before is None else {"PYTHONPATH": str(before)})}
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [environment / "bin/python", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=variables,
        ) as process,
    ):
        try:
            oracle = Oracle(process, errors)
            oracle._send({"aliases": tuple(aliases)})
            oracle._receive()
            yield oracle
        finally:
            process.kill()
