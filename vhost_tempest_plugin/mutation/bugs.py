# SPDX-License-Identifier: Apache-2.0
"""Bugs that Nova had, brought back: each edit undoes, in a few words of our own, what fixed it.

The edits fit the releases of ``lab/releases``.
"""

from vhost_tempest_plugin.cloud.deployment.requirement import sockets_of_nodes, threads
from vhost_tempest_plugin.mutation.edit import Edit
from vhost_tempest_plugin.mutation.mutant import NovaMutant

_STATS = "nova/pci/stats.py"
_TRACKER = "nova/pci/manager.py"
_REQUEST = "nova/pci/request.py"
_HARDWARE = "nova/virt/hardware.py"
_DRIVER = "nova/virt/libvirt/driver.py"
_CONFIG = "nova/virt/libvirt/config.py"
_RESOURCES = "nova/compute/resource_tracker.py"
_REQUESTS = "nova/objects/instance_pci_requests.py"


def mutants() -> tuple[NovaMutant, ...]:
    """All of them, the newest bug first."""
    found = (*_devices(), *_moves(), *_processors(), *_memory(), *_requests())
    return tuple(sorted(found, key=lambda mutant: -(mutant.bug or 0)))


def _devices() -> tuple[NovaMutant, ...]:
    return (
        NovaMutant(
            "bug-2115729",
            "of several devices that are gone, every second one stays",
            (Edit(_TRACKER, "copy.copy(self.pci_devs.objects)", "self.pci_devs.objects"),),
            r"test_several_free_nics_at_once",
            2115729,
        ),
        NovaMutant(
            "bug-2115905",
            "a device that is gone is given away once its instance is deleted",
            (
                Edit(
                    _TRACKER,
                    "to_be_removed = self.to_be_removed_when_freed.pop(dev.address, None)",
                    "to_be_removed = None",
                ),
            ),
            r"test_nic_of_a_guest_that_is_deleted_meanwhile",
            2115905,
        ),
        NovaMutant(
            "bug-1633120",
            "a device that is gone is struck off, though an instance has it",
            (
                Edit(
                    _TRACKER,
                    "self.to_be_removed_when_freed[existed.address] = existed",
                    "existed.status = fields.PciDeviceStatus.REMOVED",
                ),
            ),
            r"test_nic_of_a_guest_that_is_off",
            1633120,
        ),
        NovaMutant(
            "bug-1986838",
            "an instance runs without devices that its requests only together are too many for",
            (
                Edit(
                    _STATS,
                    "            stats.apply_requests(requests, provider_mapping, numa_cells)\n",
                    "            for each in requests:\n"
                    "                copy.deepcopy(stats).apply_requests(\n"
                    "                    [each], provider_mapping, numa_cells)\n",
                ),
                Edit(
                    _STATS,
                    "raise exception.PciDeviceRequestFailed(requests=pci_requests)",
                    "return None",
                ),
            ),
            r"AliasTest\.test_two_aliases_that_only_together_are_too_many",
            1986838,
        ),
        NovaMutant(
            "bug-2098496",
            "devices of one provider come to be in several pools",
            (
                Edit(
                    _STATS,
                    "                pool_keys.pop(tag, None)\n",
                    "                pass\n",
                ),
            ),
            r"test_placement_scheduling",
            2098496,
        ),
        NovaMutant(
            "bug-1995153",
            "a node's socket is forgotten with the first instance",
            (Edit(_HARDWARE, "            socket=host_cell.socket,\n", ""),),
            r"SocketTest",
            1995153,
            (sockets_of_nodes(2),),
        ),
    )


def _moves() -> tuple[NovaMutant, ...]:
    return (
        NovaMutant(
            "bug-1983753",
            "a resize looks for the devices of the old flavor",
            (
                Edit(
                    "nova/compute/api.py",
                    "request_spec.pci_requests = new_pci_requests",
                    "pass",
                ),
            ),
            r"ResizeTest\.test_(more_devices_than_there_are|first_device|more_devices)",
            1983753,
        ),
        NovaMutant(
            "bug-1641750",
            "a resize that is confirmed keeps the devices of before",
            (
                Edit(
                    _RESOURCES,
                    "            self._drop_pci_devices(instance, nodename, prefix)\n",
                    "",
                ),
            ),
            r"ResizeTest\.test_(fewer|last)",
            1641750,
        ),
        NovaMutant(
            "bug-1607219",
            "a resize that is reverted keeps the devices that it would have had",
            (
                Edit(
                    _RESOURCES,
                    "            if pci_devices:\n                for pci_device in pci_devices:\n",
                    "            if pci_devices and prefix != 'new_':\n"
                    "                for pci_device in pci_devices:\n",
                ),
            ),
            r"ResizeTest\.test_(more_devices|first)",
            1607219,
        ),
    )


def _processors() -> tuple[NovaMutant, ...]:
    return (
        NovaMutant(
            "bug-2140537",
            "an iothreadpin that libvirt refuses",
            (
                Edit(_DRIVER, "            iothread_pin.iothread = iothread_id + 1\n", ""),
                Edit(_CONFIG, "if pin.iothread is not None and pin.cpuset:", "if True:"),
            ),
            r"RequiredTest\.test_pinned_guest_is_on_the_node_of_its_device",
            2140537,
        ),
        NovaMutant(
            "bug-1994526",
            "a mixed instance needs a dedicated CPU on each of its nodes",
            (
                Edit(
                    _HARDWARE,
                    "if pinning is None or (num_cpu_reserved and not cpuset_reserved):\n"
                    "                continue\n",
                    "if not pinning or (num_cpu_reserved and not cpuset_reserved):\n"
                    "                continue\n",
                ),
                Edit(
                    _HARDWARE,
                    "    if pinning is None or (num_cpu_reserved and not cpuset_reserved):\n"
                    "        return\n",
                    "    if not pinning or (num_cpu_reserved and not cpuset_reserved):\n"
                    "        return\n",
                ),
            ),
            r"MixedTest\.test_on_two_nodes_of_which_one_has_no_dedicated_cpu",
            1994526,
        ),
        NovaMutant(
            "bug-1898272",
            "of a mixed instance's CPUs only the dedicated ones are counted",
            (
                Edit(
                    _HARDWARE,
                    "        fields.CPUAllocationPolicy.MIXED,\n"
                    "        None,\n"
                    "    ):\n"
                    "        required_cpus = len(instance_cell.cpuset)\n",
                    "        None,\n    ):\n        required_cpus = len(instance_cell.cpuset)\n",
                ),
                Edit(
                    _HARDWARE,
                    "        fields.CPUAllocationPolicy.MIXED,\n        None,\n    ) and limits:\n",
                    "        None,\n    ) and limits:\n",
                ),
            ),
            r"MixedTest\.test_more_floating",
            1898272,
        ),
        NovaMutant(
            "bug-1889633",
            "an instance that wants no threads is pinned to them",
            (
                Edit(
                    _HARDWARE,
                    "if threads_per_core != 1 and host_cell.pcpuset != host_cell.cpuset:",
                    "if False:",
                ),
            ),
            r"ThreadTest",
            1889633,
            (threads(2),),
        ),
        NovaMutant(
            "bug-1746674",
            "an emulator with a CPU of its own, of an instance of two nodes, is none's",
            (
                Edit(
                    _DRIVER,
                    "            if object_numa_cell.cpuset_reserved:\n"
                    "                emulatorpin_cpuset = object_numa_cell.cpuset_reserved\n",
                    "            emulatorpin_cpuset = object_numa_cell.cpuset_reserved\n",
                ),
            ),
            r"EmulatorTest\.test_isolated_beside_the_first_of_two_nodes",
            1746674,
        ),
    )


def _memory() -> tuple[NovaMutant, ...]:
    return (
        NovaMutant(
            "bug-1811886",
            "pinned instances share memory that is there once",
            (
                Edit(
                    _HARDWARE,
                    "pagesize, instance_cell.memory * units.Ki, use_free=use_free",
                    "pagesize, instance_cell.memory * units.Ki, use_free=False",
                ),
            ),
            r"SmallPagesTest\.test_memory_of_pinned_guests_runs_out",
            1811886,
        ),
        NovaMutant(
            "bug-1602023",
            "memory of an instance's nodes is bound by the numbers of the host's nodes",
            (
                Edit(
                    _DRIVER,
                    "            memnode.cellid = i\n",
                    "            memnode.cellid = memnode.nodeset[0]\n",
                ),
            ),
            r"RequiredTest\.test_devices_run_out_and_come_back",
            1602023,
        ),
    )


def _requests() -> tuple[NovaMutant, ...]:
    return (
        NovaMutant(
            "bug-1805891",
            "the compute host does not get the policy",
            (Edit(_REQUESTS, "                 'numa_policy': x.numa_policy,\n", ""),),
            r"PolicyTest\.test_near_devices_out_of_reach_by_alias",
            1805891,
        ),
        NovaMutant(
            "bug-2111440",
            "an alias without ids is let through",
            (Edit(_REQUEST, "    _validate_required_ids(aliases)\n", ""),),
            r"AliasTest\.test_alias_without_ids",
            2111440,
        ),
        NovaMutant(
            "bug-2102038",
            "an alias of several specs is let through",
            (Edit(_REQUEST, "    _validate_multispec(aliases)\n", ""),),
            r"AliasTest\.test_two_sorts_for_one_alias_in_placement",
            2102038,
        ),
    )
