# SPDX-License-Identifier: Apache-2.0
"""Whether a Nova compiles and imports; where not, the place and the last line of the traceback."""

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from vhost_tempest_plugin.errors import CommandError, InputError
from vhost_tempest_plugin.util import capacity, interpreter, process, speed
from vhost_tempest_plugin.util.die_with_parent import killed_with_parent

# What the services of a lab import; the modules in nova.wsgi would run their applications.
MODULES = (
    *("nova.conf", "nova.cmd.compute", "nova.cmd.conductor", "nova.cmd.scheduler"),
    *("nova.cmd.manage", "nova.api.openstack.wsgi_app", "nova.api.openstack.compute.routes"),
    *("nova.compute.manager", "nova.conductor.manager", "nova.scheduler.manager"),
    "nova.virt.libvirt.driver",
)

_IMPORT_S = 60.0
_COMPILE_S = 300.0
_IMPORT = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)\n"
_VARIABLES = {
    **interpreter.NEUTRAL,
    "PYTHONDONTWRITEBYTECODE": "1",
    # nova-manage would have its own, too late for the others (nova/monkey_patch.py).
    "OS_NOVA_DISABLE_EVENTLET_PATCHING": "1",
}
_PLACE = re.compile(r'^\s*File "([^"]+)", line (\d+)', re.MULTILINE)


def compile_files(files: Iterable[Path], environment: Path, path: Path, source: Path) -> None:
    """Byte-compile those of *files* that are Python's.

    The result is taken whatever the time of its source is, since the time may change on the
    way into a host.

    :param environment: the directory of the virtual environment with the Python
    :param path: where the files are below
    :param source: where they came from, for the error
    :raises InputError: one does not compile
    """
    names = [str(file) for file in files if file.suffix == ".py"]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as listed:
        listed.write("\n".join(names))
        listed.flush()
        words = (
            "-q",
            "-j",
            str(capacity.jobs()),
            "--invalidation-mode",
            "unchecked-hash",
            "-i",
            listed.name,
        )
        done = process.run(
            killed_with_parent(interpreter.isolated(environment, "-m", "compileall", *words)),
            timeout_s=_COMPILE_S * speed.timeout_scale(),
            check=False,
        )
    if done.returncode != 0:
        said = fault(done.stdout or done.stderr, path)
        raise InputError(f"the Nova of {source} does not compile: {said}")


def import_nova(environment: Path, path: Path, source: Path) -> None:
    """Import what the services import, with *path* in front.

    :param environment: the directory of a virtual environment with all that it imports
    :param source: where the files came from, for the error
    :raises InputError: it does not import, or does not come to an end
    """
    limit_s = _IMPORT_S * speed.timeout_scale()
    try:
        done = process.run(
            killed_with_parent(interpreter.of(environment, "-c", _IMPORT, *MODULES)),
            environment={**_VARIABLES, "PYTHONPATH": str(path)},
            timeout_s=limit_s,
            check=False,
        )
    except CommandError as error:
        raise InputError(
            f"importing the Nova of {source} did not end within {limit_s:.0f} s",
            hint="see what its modules do when they are imported",
        ) from error
    if done.returncode != 0:
        raise InputError(f"the Nova of {source} does not import: {fault(done.stderr, path)}")


def fault(traceback: str, path: Path) -> str:
    """The last line of a traceback, after the last place below *path*, relative to that."""
    lines = [line.strip() for line in traceback.splitlines() if line.strip()]
    last = lines[-1] if lines else "it said nothing"
    places = [
        f"{Path(file).relative_to(path)} line {number}: "
        for file, number in _PLACE.findall(traceback)
        if Path(file).is_relative_to(path)
    ]
    return f"{places[-1] if places else ''}{last}"
