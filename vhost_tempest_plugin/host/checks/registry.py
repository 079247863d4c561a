# SPDX-License-Identifier: Apache-2.0
"""Checks by name: those of this package, and those that others register."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from stevedore import ExtensionManager

from vhost_tempest_plugin.errors import InputError, VhostError
from vhost_tempest_plugin.host.checks.base import AnyCheck, S, Subject
from vhost_tempest_plugin.host.checks.finding import CheckVerdict, Finding


@dataclass(frozen=True, slots=True)
class Registry(Generic[S]):
    """The checks of one kind of subject.

    :param namespace: stevedore's, in which they are registered
    :param order: from what the others build on to what builds on them; other people's
        checks come last
    """

    namespace: str
    order: tuple[str, ...]

    def load(self) -> dict[str, type[AnyCheck[S]]]:
        """Every check by its name, in the order in which they run.

        :raises InputError: a check that someone registered cannot be loaded
        """
        broken: list[str] = []

        def failed(_: object, entry_point: object, error: BaseException) -> None:
            broken.append(f"{getattr(entry_point, 'name', entry_point)!r} ({error})")

        manager: ExtensionManager[AnyCheck[S]] = ExtensionManager(
            self.namespace, on_load_failure_callback=failed
        )
        if broken:
            raise InputError(
                f"cannot load the check {', '.join(broken)}",
                hint=f"repair or remove the package that registers it under {self.namespace}",
            )
        found = {extension.name: extension.plugin for extension in manager}
        names = [name for name in self.order if name in found]
        names += sorted(name for name in found if name not in self.order)
        return {name: found[name] for name in names}

    def run_all(self, subject: S, names: Sequence[str] = ()) -> tuple[Finding, ...]:
        """Run the checks of *names*, by default all, in their order.

        A check that raises anything gives a finding with its reason; the others run on.

        :raises InputError: there is no check of such a name
        """
        checks = self.load()
        unknown = [name for name in names if name not in checks]
        if unknown:
            raise InputError(
                f"there is no check {', '.join(map(repr, unknown))}",
                hint=f"known: {', '.join(checks)}",
            )
        return tuple(
            _run(check(), subject) for name, check in checks.items() if not names or name in names
        )


HOST: Registry[Subject] = Registry(
    "vhost_tempest_plugin.checks",
    (
        "numa-topology",
        "pci-topology",
        "device-affinity",
        "iommu-active",
        "interrupt-remapping",
        "iommu-groups",
        "nodedev",
        "kvm",
        "hugepages",
        "vfio",
        "sriov",
        "default-network-off",
        "nested-guest",
    ),
)


def _error(check: AnyCheck[S], fact: str, hint: str) -> Finding:
    return Finding(check.name, CheckVerdict.ERROR, "that the check can be made", fact, hint)


def _run(check: AnyCheck[S], subject: S) -> Finding:
    subject.progress(f"check {check.name}")
    try:
        finding = check.run(subject)
    except VhostError as error:
        finding = _error(check, error.fact, error.hint)
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        fact = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        finding = _error(check, fact, "report it: the check itself is at fault")
    return finding
