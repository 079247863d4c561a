# SPDX-License-Identifier: Apache-2.0
"""The configuration file of supervisord.

http://supervisord.org/configuration.html.  The file is an INI whose values are expanded
(``%``) and cut at a ``;`` or ``#`` behind white space.  ``command`` is then taken apart as a
shell would, while in ``environment`` quotes cannot be escaped (shlex, not POSIX, up to
supervisor 4.3.0).
"""

import re
import resource
from collections.abc import Iterable, Mapping
from pathlib import Path

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.lab.services import supervisor_plugin
from vhost_tempest_plugin.lab.services.program import Program

# In the directory in which supervisord is started: the way to it may be longer than the
# 107 bytes that the name of a socket can have (unix(7)).
SOCKET = Path("/proc/self/cwd/supervisor.sock")
NAME = "supervisord.conf"
_HINT = "supervisord's configuration cannot express it"
LOG = "supervisord.log"
PID_FILE = "supervisord.pid"

# What begins a comment in the file: any white space counts (configparser, inline_comment_prefixes).
_COMMENT = re.compile(r"(\s)([;#])")
_MEBI = 1 << 20
_LOG_BYTES = 16 * _MEBI
_OLD_LOGS = 2
_FILES = 4096
# Tries with a second more between each: a program gets this long for what it needs to come
# back, a minute in all.
_TRIES = 10


def render(programs: Iterable[Program], run: Path, ports: Iterable[int] = ()) -> str:
    """The file; no program is started before it is asked for.

    :param run: the directory for supervisord's own files
    :param ports: to hold while supervisord lives
    :raises InputError: a path or a word cannot be written there
    """
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    sections: dict[str, Mapping[str, object]] = {
        "supervisord": {
            "logfile": _path(run / LOG),
            "logfile_maxbytes": _LOG_BYTES,
            "logfile_backups": 1,
            "pidfile": _path(run / PID_FILE),
            "childlogdir": _path(run),
            "nocleanup": "true",
            "umask": "077",
            "minfds": _FILES if most_files == resource.RLIM_INFINITY else min(_FILES, most_files),
        },
        "unix_http_server": {"file": SOCKET, "chmod": "0600"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        f"rpcinterface:{supervisor_plugin.NAMESPACE}": {
            "supervisor.rpcinterface_factory": supervisor_plugin.FACTORY,
            "hosts": _path(HostDirectory.of("any").path.parent),
            "lab": run.parent.name,
            "ports": " ".join(map(str, ports)),
        },
    }
    sections |= {f"program:{program.name}": _program(program) for program in programs}
    return "\n".join(
        "".join([f"[{name}]\n", *(f"{key}={value}\n" for key, value in options.items())])
        for name, options in sections.items()
    )


def _program(program: Program) -> Mapping[str, object]:
    environment = (f'{key}="{_plain(value)}"' for key, value in program.environment.items())
    return {
        "command": " ".join(map(_quoted, program.argv)),
        "environment": ",".join(environment),
        "directory": _path(program.directory),
        "priority": int(program.tier),
        "autostart": "false",
        "autorestart": "true" if program.autorestart else "false",
        "startsecs": program.start_s,
        "startretries": _TRIES,
        "stopsignal": program.stop_signal,
        "stopwaitsecs": program.stop_limit_s,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": _path(program.log),
        "stdout_logfile_maxbytes": _LOG_BYTES,
        "stdout_logfile_backups": _OLD_LOGS,
    }


def _quoted(word: str) -> str:
    """A word that no shell takes apart, and in which the INI's parser sees no comment."""
    if "\n" in word or "\r" in word:
        raise InputError(f"{word!r} has a line break", hint=_HINT)
    quoted = "'" + word.replace("'", "'\"'\"'") + "'"
    return _COMMENT.sub(r"\1''\2", quoted).replace("%", "%%")


def _plain(value: str) -> str:
    if any(mark in value for mark in "\"'\\"):
        raise InputError(f"{value!r} has a quote or a backslash", hint=_HINT)
    return _unbroken(value).replace("%", "%%")


def _path(path: Path) -> str:
    if "%" in str(path):
        raise InputError(f"'{path}' has a '%'", hint=_HINT)
    return _unbroken(str(path))


def _unbroken(text: str) -> str:
    if "\n" in text or "\r" in text or _COMMENT.search(text):
        raise InputError(f"{text!r} has a line break or a comment", hint=_HINT)
    return text
