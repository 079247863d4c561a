# SPDX-License-Identifier: Apache-2.0
"""All mutants that there are, this package's and those that others register.

An entry point of NAMESPACE is a callable that returns mutants.
"""

import re

from stevedore import ExtensionManager

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.mutation.mutant import HostMutant, Mutant, NovaMutant

NAMESPACE = "vhost_tempest_plugin.mutants"


def load() -> tuple[Mutant, ...]:
    """All of them, those of Nova first.

    :raises InputError: an entry point does not give mutants, or two have one name
    """
    found: dict[str, Mutant] = {}
    for extension in sorted(
        ExtensionManager[object](NAMESPACE, invoke_on_load=True), key=lambda each: each.name
    ):
        for mutant in _mutants(extension.name, extension.obj):
            if mutant.name in found:
                raise InputError(
                    f"there are two mutants {mutant.name!r}", hint="call one otherwise"
                )
            found[mutant.name] = mutant
    return tuple(sorted(found.values(), key=lambda mutant: isinstance(mutant, HostMutant)))


def chosen(pattern: str = "") -> tuple[Mutant, ...]:
    """Those whose names match a regular expression.

    :raises InputError: none does, or it is no regular expression
    """
    known = load()
    try:
        found = tuple(mutant for mutant in known if re.search(pattern, mutant.name))
    except re.error as error:
        raise InputError(
            f"{pattern!r} is no regular expression ({error})", hint="correct it"
        ) from None
    if not found:
        names = ", ".join(mutant.name for mutant in known)
        raise InputError(f"there is no mutant {pattern!r}", hint=f"there are {names}")
    return found


def _mutants(name: str, made: object) -> tuple[Mutant, ...]:
    if isinstance(made, tuple) and all(isinstance(m, NovaMutant | HostMutant) for m in made):
        return made
    raise InputError(f"the entry point {name!r} of {NAMESPACE} gives no mutants", hint="correct it")
