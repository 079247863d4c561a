# SPDX-License-Identifier: Apache-2.0
"""What hardware a test needs, said beside its name."""

from collections.abc import Callable
from typing import Any, TypeVar

from vhost_tempest_plugin.cloud.deployment.requirement import HardwareRequirement

_Test = TypeVar("_Test", bound=Callable[..., Any])
_ATTRIBUTE = "vhost_requires"


def requires(*wanted: HardwareRequirement) -> Callable[[_Test], _Test]:
    """Declare what a test, or each test of a class, needs."""

    def declare(test: _Test) -> _Test:
        setattr(test, _ATTRIBUTE, (*getattr(test, _ATTRIBUTE, ()), *wanted))
        return test

    return declare


def declared(case: type, name: str) -> tuple[HardwareRequirement, ...]:
    """All that a test needs, by its class and its own declaration."""
    return (*getattr(case, _ATTRIBUTE, ()), *getattr(getattr(case, name), _ATTRIBUTE, ()))
