# SPDX-License-Identifier: Apache-2.0
"""Programs that find what they import already imported; runs by itself, in a host.

``preload.py serve SOCKET MODULE...`` imports modules and waits, as a service of systemd.
``preload.py run SOCKET PROGRAM ARGUMENT...`` has a Python program run in a copy (``fork``) of
that process, with the arguments, environment, directory, files and control group of its own, and
ends as that does.  Where nobody serves it runs the program itself.

Under emulation nova-compute imports for half a minute, and runs anew with each change of its
options.
"""

import errno
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

_CGROUP = Path("/proc/self/cgroup")
_SIZE = 1 << 20
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def serve(path: str, modules: list[str]) -> None:
    """Import *modules*, then run what is asked for over the socket *path*, until killed."""
    for name in modules:
        importlib.import_module(name)
    if threading.active_count() > 1:
        sys.exit("a module has started a thread, which no copy would have")
    gc.collect()
    gc.freeze()
    woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(waker)
    os.umask(0o077)
    Path(path).unlink(missing_ok=True)
    running: dict[int, socket.socket] = {}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        _notify("READY=1")
        while True:
            ready, _, _ = select.select([listener.fileno(), woken], [], [])
            if woken in ready:
                os.read(woken, _SIZE)
                _reap(running)
            if listener.fileno() in ready:
                connection, _ = listener.accept()
                pid = os.fork()
                if pid == 0:
                    for other in (listener, *running.values()):
                        other.close()
                    os.close(woken)
                    os.close(waker)
                    _become(connection)
                running[pid] = connection


def run(path: str, argv: list[str]) -> NoReturn:
    """Have a program run by who serves, and end as it does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        try:
            connection.connect(path)
        except OSError:
            _run_itself(argv)
        asked = {
            "argv": argv,
            "directory": str(Path.cwd()),
            "environment": dict(os.environ),
            "cgroup": _CGROUP.read_text(encoding="utf-8"),
        }
        socket.send_fds(connection, [json.dumps(asked).encode()], [0, 1, 2])
        _, files, _, _ = socket.recv_fds(connection, _SIZE, 1)
        if not files:
            _run_itself(argv)
        (held,) = files
        for number in _PASSED_ON:
            signal.signal(number, lambda number, frame: signal.pidfd_send_signal(held, number))
        ended = connection.recv(_SIZE)
        if not ended:
            # Who served is gone; the program is not.
            select.select([held], [], [])
    status = int(ended or 1)
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    sys.exit(status)


def _run_itself(argv: list[str]) -> NoReturn:
    os.execv(argv[0], argv)  # noqa: S606 - it is what the caller has asked for


def _become(connection: socket.socket) -> NoReturn:
    """Turn this copy into the program that is asked for."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    message, files, _, _ = socket.recv_fds(connection, _SIZE, 3)
    asked: dict[str, Any] = json.loads(message)
    if _CGROUP.read_text(encoding="utf-8") != asked["cgroup"]:
        _enter(asked["cgroup"])
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.setsid()
    os.chdir(asked["directory"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.umask(0o022)
    sys.argv = asked["argv"]
    Path("/proc/self/comm").write_text(Path(sys.argv[0]).name, encoding="utf-8")
    # Not the number, which is nobody's, or another's, once this has ended.
    held = os.pidfd_open(os.getpid())
    socket.send_fds(connection, [b"runs"], [held])
    os.close(held)
    connection.close()
    runpy.run_path(sys.argv[0], run_name="__main__")
    sys.exit()


def _enter(cgroup: str) -> None:
    """Enter a control group, as /proc/PID/cgroup has it; only where there is one hierarchy."""
    _, _, place = cgroup.strip().partition("0::")
    Path(f"/sys/fs/cgroup{place}/cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")


def _reap(running: dict[int, socket.socket]) -> None:
    """Tell of the programs that have ended."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as connection:
            try:
                connection.send(str(os.waitstatus_to_exitcode(status)).encode())
            except OSError as error:
                if error.errno not in (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN):
                    raise


def _notify(state: str) -> None:
    """Tell systemd, where it has started this (sd_notify(3))."""
    if path := os.environ.pop("NOTIFY_SOCKET", ""):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(state.encode(), path.replace("@", "\0", 1))


if __name__ == "__main__":
    {"serve": serve, "run": run}[sys.argv[1]](sys.argv[2], sys.argv[3:])
