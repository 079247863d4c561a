# SPDX-License-Identifier: Apache-2.0
"""Options that are set by hand: read, brought to every service that needs them, applied."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Options, Override
from vhost_tempest_plugin.errors import InputError

DEFAULT = "DEFAULT"

_API, _COMPUTE = Service.NOVA_API, Service.NOVA_COMPUTE
_SCHEDULER, _CONDUCTOR = Service.NOVA_SCHEDULER, Service.NOVA_CONDUCTOR

CONFIGURABLE = (
    *(Service.KEYSTONE, Service.GLANCE, Service.PLACEMENT, Service.NEUTRON, _API),
    *(Service.NOVA_METADATA, _SCHEDULER, _CONDUCTOR, _COMPUTE),
)

# Options that several of Nova's services read, by where its source (34.0) has CONF.<them>.
_OPTION_READERS = {
    ("DEFAULT", "reclaim_instance_interval"): (_API, _COMPUTE),
    ("DEFAULT", "report_interval"): (_SCHEDULER, _CONDUCTOR, _COMPUTE),
    ("DEFAULT", "service_down_time"): (_API, _SCHEDULER, _CONDUCTOR, _COMPUTE),
    ("compute", "packing_host_numa_cells_allocation_strategy"): (_SCHEDULER, _COMPUTE),
    ("filter_scheduler", "pci_in_placement"): (_API, _SCHEDULER, _CONDUCTOR),
    ("glance", "default_trusted_certificate_ids"): (_API, _COMPUTE),
    ("glance", "enable_certificate_validation"): (_API, _COMPUTE),
    ("glance", "verify_glance_signatures"): (_API, _COMPUTE),
    ("pci", "alias"): (_API, _COMPUTE),
    ("quota", "count_usage_from_placement"): (_API, _CONDUCTOR),
    ("quota", "driver"): (_API, _CONDUCTOR),
    ("quota", "recheck_quota"): (_API, _CONDUCTOR),
    ("quota", "unified_limits_resource_list"): (_API, _CONDUCTOR),
    ("quota", "unified_limits_resource_strategy"): (_API, _CONDUCTOR),
    ("scheduler", "max_attempts"): (_SCHEDULER, _CONDUCTOR),
    ("upgrade_levels", "compute"): (_API, _SCHEDULER, _CONDUCTOR, _COMPUTE),
    ("workarounds", "unified_limits_count_pcpu_as_vcpu"): (_API, _CONDUCTOR),
}


def parse(service: str, assignments: Sequence[str]) -> tuple[Override, ...]:
    """Read ``section.option=value``, or ``option=value`` for the section DEFAULT.

    An option that is named more than once has all of the values, in their order.

    :raises InputError: there is no such service, or it is no assignment
    """
    owner = _service(service)
    values: dict[tuple[str, str], list[str]] = {}
    for assignment in assignments:
        if not _is_assignment(assignment):
            raise InputError(
                f"{assignment!r} is no assignment", hint="write section.option=value on one line"
            )
        name, _, value = assignment.partition("=")
        section, _, option = name.strip().rpartition(".")
        values.setdefault((section or DEFAULT, option), []).append(value.strip())
    return tuple(
        Override(owner, section, option, tuple(said) if len(said) > 1 else said[0])
        for (section, option), said in values.items()
    )


def lines(text: str, place: str) -> list[str]:
    """The assignments of a file, one a line; empty lines and those that begin with # are none.

    :param place: what the file is called
    :raises InputError: a line is no assignment; its text, which may be a secret, is not shown
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not _is_assignment(line):
            raise InputError(
                f"line {number} of {place} is no assignment", hint="write section.option=value"
            )
        found.append(line)
    return found


def spread(override: Override) -> tuple[Override, ...]:
    """The same for every service that reads the option, the named one first."""
    readers = _OPTION_READERS.get((override.section, override.option), ())
    services = dict.fromkeys((override.service, *readers))
    return tuple(replace(override, service=service) for service in services)


def merge(old: Iterable[Override], new: Iterable[Override]) -> tuple[Override, ...]:
    """Both; where they set the same option, the new one counts."""
    merged = {(entry.service, entry.section, entry.option): entry for entry in (*old, *new)}
    return tuple(merged.values())


def apply(options: Options, service: Service, overrides: Iterable[Override]) -> Options:
    """The options of a service with what was set for it by hand."""
    changed = {section: dict(content) for section, content in options.items()}
    for override in overrides:
        if override.service is service:
            changed.setdefault(override.section, {})[override.option] = override.value
    return changed


def _is_assignment(text: str) -> bool:
    name, equals, value = text.partition("=")
    option = name.strip().rpartition(".")[2]
    return bool(equals and option) and not any(c in name for c in "[]:#\n") and "\n" not in value


def _service(name: str) -> Service:
    known = [service.value for service in CONFIGURABLE]
    if name in known:
        return Service(name)
    if name in list(Service):
        raise InputError(
            f"{name!r} has no options to set", hint=f"those that have: {', '.join(known)}"
        )
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    raise InputError(f"there is no service {name!r}", hint=hint)
