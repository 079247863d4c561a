# SPDX-License-Identifier: Apache-2.0
"""Faults in Nova that nobody has reported: what the scenarios are about, left out or turned over.

The edits fit the releases of ``lab/releases``.
"""

from vhost_tempest_plugin.cloud.deployment.requirement import dedicated_cpus
from vhost_tempest_plugin.mutation.edit import Edit
from vhost_tempest_plugin.mutation.mutant import NovaMutant

_STATS = "nova/pci/stats.py"
_TRACKER = "nova/pci/manager.py"
_REQUEST = "nova/pci/request.py"
_HARDWARE = "nova/virt/hardware.py"
_DRIVER = "nova/virt/libvirt/driver.py"
_MANAGER = "nova/compute/manager.py"
_SCHEDULER = "nova/scheduler/manager.py"


def mutants() -> tuple[NovaMutant, ...]:
    """All of them."""
    return (*_affinity(), *_accounting(), *_guests())


def _affinity() -> tuple[NovaMutant, ...]:
    return (
        NovaMutant(
            "affinity-always-true",
            "every device is near enough",
            (Edit(_STATS, "        if not numa_cells:\n", "        if True:\n"),),
            r"RequiredTest\.test_more_devices_than_any_node",
        ),
        NovaMutant(
            "policy-ignored",
            "whatever is asked for, the policy is legacy",
            (
                Edit(
                    _STATS,
                    "requested_policy = request.numa_policy or requested_policy",
                    "requested_policy = requested_policy",
                ),
            ),
            r"PolicyTest\.test_near_devices_out_of_reach|FarDeviceTest",
        ),
        NovaMutant(
            "flavors-policy-ignored",
            "the policy of flavor or image does not go before that of the alias",
            (
                Edit(
                    _REQUEST,
                    "policy = affinity_policy or numa_policy",
                    "policy = numa_policy",
                ),
            ),
            r"PolicyTest\.test_near_devices_out_of_reach_by_(flavor|image)",
        ),
        NovaMutant(
            "policies-do-not-conflict",
            "a flavor and an image of two minds are let through",
            (
                Edit(
                    _HARDWARE,
                    "    if flavor_policy and image_policy and flavor_policy != image_policy:\n"
                    "        raise exception.ImagePCINUMAPolicyForbidden()\n",
                    "",
                ),
            ),
            r"test_flavor_against_image_is_refused",
        ),
        NovaMutant(
            "required-is-preferred",
            "a device of another node does where it must not",
            (
                Edit(
                    _STATS,
                    "if requested_policy == fields.PCINUMAAffinityPolicy.REQUIRED or sum(",
                    "if sum(",
                ),
                Edit(
                    _STATS,
                    "if requested_policy == fields.PCINUMAAffinityPolicy.LEGACY or sum(",
                    "if sum(",
                ),
            ),
            r"PolicyTest\.test_near_devices_out_of_reach_by_alias|SeveralNodesTest",
        ),
        NovaMutant(
            "devices-of-one-node-do",
            "only the first of an instance's nodes counts for its devices",
            (
                Edit(
                    _STATS,
                    "numa_cell_ids = [cell.id for cell in numa_cells]",
                    "numa_cell_ids = [cell.id for cell in numa_cells[:1]]",
                ),
            ),
            r"SeveralNodesTest\.test_(two|three)_nodes",
        ),
    )


def _accounting() -> tuple[NovaMutant, ...]:
    return (
        NovaMutant(
            "claim-not-freed",
            "the devices of a deleted instance stay its own",
            (
                Edit(
                    _TRACKER,
                    "            self.free_instance(context, instance)\n",
                    "            pass\n",
                ),
                Edit(
                    _TRACKER,
                    "for uuid in list(self.allocations):",
                    "for uuid in ():",
                ),
            ),
            r"RequiredTest\.test_devices_run_out_and_come_back",
        ),
        NovaMutant(
            "pcpus-never-asked-for",
            "Placement is asked for VCPUs where CPUs are dedicated",
            (
                Edit(
                    _SCHEDULER,
                    "enable_pinning_translate=True)",
                    "enable_pinning_translate=False)",
                ),
            ),
            r"PowerTest\.test_(paused|stopped)_guest_keeps_its_device",
        ),
        NovaMutant(
            "allocation-leaked",
            "what a deleted instance has in Placement stays its own",
            (
                Edit(
                    _MANAGER,
                    "        force = False if CONF.reclaim_instance_interval > 0 else True\n",
                    "        return\n        force = False\n",
                ),
            ),
            r"RequiredTest\.test_devices_run_out_and_come_back",
        ),
        NovaMutant(
            "usage-lost-at-restart",
            "a restarted nova-compute takes devices of instances for free",
            (
                Edit(
                    _TRACKER,
                    "            elif dev.status == fields.PciDeviceStatus.ALLOCATED:\n"
                    "                self.allocations[uuid].append(dev)\n"
                    "            elif dev.status == fields.PciDeviceStatus.AVAILABLE:\n",
                    "            else:\n",
                ),
            ),
            r"test_compute_is_restarted",
        ),
        NovaMutant(
            "gone-device-stays",
            "a device that is not there any more is given away",
            (
                Edit(
                    _TRACKER,
                    "            if existed.address in exist_addrs - new_addrs:\n",
                    "            if existed.address in exist_addrs - new_addrs:\n"
                    "                continue\n",
                ),
            ),
            r"UnpluggedTest\.test_free_nic",
        ),
        NovaMutant(
            "moved-device-stays",
            "a device that is on another node now is taken for one of its old node",
            (
                Edit(
                    _TRACKER,
                    "                    existed.update_device(new_value)\n"
                    "                    self.stats.update_device(existed)\n",
                    "                    pass\n",
                ),
            ),
            r"RewiredTest\.test_nics_of_two_nodes_are_exchanged",
        ),
        NovaMutant(
            "pins-not-counted",
            "CPUs of a pinned instance are given to the next one, too",
            (
                Edit(
                    _HARDWARE,
                    "                    new_cell.pin_cpus(pinned_cpus)\n",
                    "                    pass\n",
                ),
                Edit(
                    _HARDWARE,
                    "                    new_cell.unpin_cpus(pinned_cpus)\n",
                    "                    pass\n",
                ),
            ),
            r"DedicatedTest|PolicyTest\.test_near_devices_out_of_reach_by_alias",
        ),
    )


def _guests() -> tuple[NovaMutant, ...]:
    return (
        NovaMutant(
            "wrong-device-attached",
            "an instance is given another device than is written down",
            (
                Edit(
                    _DRIVER,
                    "        dev.domain, dev.bus, dev.slot, dev.function = dbsf\n",
                    "        dev.domain, dev.bus, dev.slot, dev.function = dbsf\n"
                    "        dev.bus = '%02x' % (int(dev.bus, 16) ^ 1)\n",
                ),
            ),
            r"RequiredTest\.test_pinned_guest_is_on_the_node_of_its_device",
        ),
        NovaMutant(
            "numatune-left-out",
            "an instance's memory is anywhere",
            (
                Edit(
                    _DRIVER,
                    "guest.numatune = guest_numa_config.numatune",
                    "guest.numatune = None",
                ),
            ),
            r"RequiredTest\.test_pinned_guest_is_on_the_node_of_its_device",
        ),
        NovaMutant(
            "numatune-preferred",
            "an instance's memory is on its nodes only while there is room",
            (
                Edit(
                    _DRIVER,
                    "        guest_numa_tune.memnodes = []\n",
                    "        guest_numa_tune.memnodes = []\n"
                    "        guest_numa_tune.memory.mode = 'preferred'\n",
                ),
            ),
            r"RequiredTest\.test_pinned_guest_is_on_the_node_of_its_device",
        ),
        NovaMutant(
            "huge-pages-left-out",
            "an instance's memory is on small pages",
            (Edit(_DRIVER, "                        pages.append(page)\n", ""),),
            r"LargePagesTest\.test_pages_and_device_of_one_node",
        ),
        NovaMutant(
            "emulator-not-isolated",
            "the emulator has not the CPU that it was promised",
            (
                Edit(
                    _DRIVER,
                    "emulatorpin_cpuset = object_numa_cell.cpuset_reserved",
                    "emulatorpin_cpuset = pin_cpuset.cpuset",
                ),
            ),
            r"EmulatorTest\.test_isolated\b",
            requires=(dedicated_cpus(2),),
        ),
        NovaMutant(
            "device-kept-by-vfio",
            "a device is not given back to the host's driver",
            (
                Edit(
                    _DRIVER,
                    "managed = pci_device.extra_info.get('managed', 'true')",
                    "managed = 'false'",
                ),
            ),
            r"RequiredTest\.test_pinned_guest_is_on_the_node_of_its_device",
        ),
    )
