# SPDX-License-Identifier: Apache-2.0
"""Checks by name: those of this package, and those that others register."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic

from stevedore import ExtensionManager

from vhost_tempest_plugin.errors import HostError, InputError
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
                f"cannot load the check {', '.join(broken)}; repair or remove the package that "
                f"registers it under {self.namespace}"
            )
        found = {extension.name: extension.plugin for extension in manager}
        names = [name for name in self.order if name in found]
        names += sorted(name for name in found if name not in self.order)
        return {name: found[name] for name in names}

    def run_all(self, subject: S, names: Sequence[str] = ()) -> tuple[Finding, ...]:
        """Run the checks of *names*, by default all, in their order.

        A check that the subject does not let finish has failed.

        :raises InputError: there is no check of such a name
        """
        checks = self.load()
        unknown = [name for name in names if name not in checks]
        if unknown:
            raise InputError(
                f"there is no check {', '.join(map(repr, unknown))}; known: {', '.join(checks)}"
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


def _run(check: AnyCheck[S], subject: S) -> Finding:
    subject.progress(f"check {check.name}")
    try:
        finding = check.run(subject)
    except HostError as error:
        fact, _, remedy = str(error).rpartition("; ")
        finding = Finding(check.name, CheckVerdict.FAILED, "an answer", fact, remedy)
    subject.progress(f"check {check.name}: {finding.verdict}")
    return finding
