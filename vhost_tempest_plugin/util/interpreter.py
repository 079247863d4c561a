# SPDX-License-Identifier: Apache-2.0
"""The words that start a Python interpreter; every one that this project starts comes from here.

``python -m`` and ``python -c`` import from the current directory first, which may be anybody's:
``/tmp``, or another checkout of this project.  With ``-P`` and ``-I`` they do not (python(1)).
"""

import sys
from collections.abc import Mapping
from pathlib import Path, PurePath
from types import MappingProxyType

DISTRIBUTION = Path("/usr/bin/python3")

# For those that start interpreters themselves, as stestr does with "python -m".
SAFE: Mapping[str, str] = MappingProxyType({"PYTHONSAFEPATH": "1", "PYTHON": sys.executable})
# For the interpreter of another environment: what the user set for his own would change what it
# imports or runs.  To Python an empty variable is none.
NEUTRAL: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT"), ""),
        "PYTHONNOUSERSITE": "1",
    }
)


def own(*words: str | PurePath) -> list[str]:
    """The interpreter that runs this, with what it can import."""
    return [*map(str, (sys.executable, "-P", *words))]


def again() -> list[str]:
    """What started this program, options of its interpreter included."""
    return [sys.executable, *sys.orig_argv[1:]]


def own_program(name: str) -> Path:
    """A program of the environment that this runs in."""
    return Path(sys.executable).with_name(name)


def of(environment: PurePath, *words: str | PurePath) -> list[str]:
    """The interpreter of a virtual environment; it heeds the variables that it is given.

    :param environment: its directory, here or in a host
    """
    return [*map(str, (environment / "bin/python", "-P", *words))]


def isolated(environment: PurePath, *words: str | PurePath) -> list[str]:
    """The interpreter of a virtual environment, whatever the variables and the user's packages.

    :param environment: its directory, here or in a host
    """
    return [*map(str, (environment / "bin/python", "-I", *words))]


def distribution(*words: str | PurePath) -> list[str]:
    """The distribution's interpreter, whatever the variables and the user's packages."""
    return [*map(str, (DISTRIBUTION, "-I", *words))]
