# SPDX-License-Identifier: Apache-2.0
"""What a cloud offers to its tests from the start: an image to boot, and flavors.

Everything is looked for first and made only where it is missing.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.host import nested_guest
from vhost_tempest_plugin.host.nested_guest import GuestImage
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.topology.layout import Layout

IMAGE = "vhost-guest"

# The guest does not read its disk, but Nova wants one.
_DISK = bytes(1 << 20)
_MEMORY_MIB = 128


@dataclass(frozen=True, slots=True)
class Flavor:
    """What a server gets; the disk is of 1 GiB, since none is for administrators only."""

    name: str
    vcpus: int = 1
    memory_mib: int = _MEMORY_MIB
    extra_specs: Mapping[str, str] = field(default_factory=dict)


def flavors(layouts: Iterable[Layout]) -> tuple[Flavor, ...]:
    """``vhost.pci`` has the first kind of NIC of the hosts, if they have any."""
    numa = {"hw:numa_nodes": "1"}
    names = (json.loads(alias)["name"] for alias in pci_devices.aliases(layouts))
    nic = next(names, None)
    return (
        Flavor("vhost.plain"),
        Flavor("vhost.numa", extra_specs=numa),
        Flavor("vhost.pinned", extra_specs={**numa, "hw:cpu_policy": "dedicated"}),
        *(
            [Flavor("vhost.pci", extra_specs={**numa, "pci_passthrough:alias": f"{nic}:1"})]
            if nic
            else []
        ),
    )


def ensure(layouts: Iterable[Layout], cloud: Cloud, image: GuestImage) -> None:
    """Make what is missing.

    :param layouts: the hosts'
    :raises CloudError: an API refuses or does not answer
    """
    _flavors(layouts, cloud)
    _image(cloud, image)


def _flavors(layouts: Iterable[Layout], cloud: Cloud) -> None:
    known = cloud.flavors()
    for flavor in flavors(layouts):
        if flavor.name in known:
            continue
        with cloud.refusals(Service.NOVA_API, f"a new flavor {flavor.name!r}"):
            compute = cloud.connection.compute
            made = compute.create_flavor(
                name=flavor.name, vcpus=flavor.vcpus, ram=flavor.memory_mib, disk=1
            )
            if flavor.extra_specs:
                compute.create_flavor_extra_specs(made, dict(flavor.extra_specs))


def _image(cloud: Cloud, image: GuestImage) -> None:
    known = cloud.images()
    if IMAGE in known:
        return
    parts = {"aki": image.kernel, "ari": image.initrd}
    ids = {
        kind: known.get(name := f"{IMAGE}-{kind}-{image.digest}")
        or _upload(cloud, name, kind, path.read_bytes())
        for kind, path in parts.items()
    }
    _upload(
        cloud,
        IMAGE,
        "ami",
        _DISK,
        kernel_id=ids["aki"],
        ramdisk_id=ids["ari"],
        os_command_line=" ".join(nested_guest.PARAMETERS),
        hw_machine_type="q35",
    )


def _upload(cloud: Cloud, name: str, kind: str, content: bytes, **properties: Any) -> str:
    """Make an image and fill it; its id."""
    with cloud.refusals(Service.GLANCE, f"a new image {name!r}"):
        made = cloud.connection.image.create_image(
            name,
            data=content,
            disk_format=kind,
            container_format=kind,
            visibility="public",
            # It was looked for, and what is sent need not be read again.
            allow_duplicates=True,
            validate_checksum=False,
            **properties,
        )
        return str(made.id)
