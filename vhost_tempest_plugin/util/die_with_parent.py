# SPDX-License-Identifier: Apache-2.0
"""Ends a program, and all that it started, with this process, however this process ends."""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from vhost_tempest_plugin.util import interpreter, process

_LEADER = Path(__file__).with_name("session_leader.py")


def killed_with_parent(argv: Sequence[str | Path]) -> list[str | Path]:
    """*argv* so that it is killed with the thread that starts it.

    What it started is killed too where a namespace of processes can be made, as root nearly
    everywhere (prctl(2), PR_SET_PDEATHSIG; pid_namespaces(7)).
    """
    return [process.which("setpriv"), "--pdeathsig", "KILL", *_namespace(), *argv]


def asked_to_end(argv: Sequence[str | Path]) -> list[str | Path]:
    """*argv* so that it is asked to end (SIGTERM) with the thread that starts it.

    What it started lives on, unless it ends that itself (prctl(2), PR_SET_PDEATHSIG).
    """
    return [process.which("setpriv"), "--pdeathsig", "TERM", *argv]


def ended_with_parent(argv: Sequence[str | Path]) -> list[str | Path]:
    """*argv* so that it and all of its process group are ended with the thread that starts it.

    They are asked to end (SIGTERM), and soon killed.  For a program that does not end those that
    it started, and whose processes must be seen under the numbers that they have elsewhere.
    """
    return asked_to_end(interpreter.own("-S", _LEADER, *argv))


@cache
def _namespace() -> tuple[str | Path, ...]:
    mine = () if os.geteuid() == 0 else ("--user", "--map-current-user")
    argv = (process.which("unshare"), *mine, "--pid", "--fork", "--kill-child")
    return argv if process.run([*argv, "true"], check=False).returncode == 0 else ()
