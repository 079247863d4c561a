# SPDX-License-Identifier: Apache-2.0
"""What Nova makes of ``[pci] device_spec``; run as a script by the Python of a lab's environment.

A JSON object a line on standard input, the answer a line on standard output::

    {"device_spec": ["{...}", ...], "taken": [address, ...],
     "physical_functions": [address, ...],
     "devices": [{"address": ..., "parent_addr": ..., ...}]}

    {"exception": class}: the option or what it leads to is refused
    {"tracked": [address, ...], "providers": [{"name": ..., "parent": name or null,
     "inventories": {class: {"total": 1, "reserved": 0}}, "traits": [...]}]}
"""

import json
import logging
import sys
from typing import Any

import nova_objects
from nova import exception, objects
from nova.compute import pci_placement_translator, provider_tree
from nova.conf import CONF
from nova.pci import utils as pci_utils
from nova.pci import whitelist

Json = dict[str, Any]

HOST = "host"
_GUEST = "00000000-0000-4000-8000-000000000001"


def answer(question: Json) -> Json:
    """As above."""
    physical = frozenset(question["physical_functions"])
    # Nova reads that from sysfs.
    pci_utils.is_physical_function = lambda *parts: "{}:{}:{}.{}".format(*parts) in physical
    try:
        known = whitelist.Whitelist(question["device_spec"])
        view = pci_placement_translator.PlacementView(HOST, [])
        tracked = []
        for words in question["devices"]:
            if known.device_assignable(words) is None:
                continue
            tracked.append(words["address"])
            device = nova_objects.device(words)
            if words["address"] in question["taken"]:
                device.instance_uuid = _GUEST
            view.process_dev(device, known.get_devspec(device))
        tree = provider_tree.ProviderTree()
        root = tree.new_root(HOST, "00000000-0000-4000-8000-000000000002")
        view.update_provider_tree(tree, {})
    except exception.NovaException as error:
        return {"exception": type(error).__name__}
    found = [tree.data(uuid) for uuid in tree.get_provider_uuids()]
    return {
        "tracked": tracked,
        "providers": [
            {
                "name": each.name,
                "parent": HOST if each.parent_uuid == root else None,
                "inventories": {
                    kind: {"total": has["total"], "reserved": has.get("reserved", 0)}
                    for kind, has in each.inventory.items()
                },
                "traits": sorted(each.traits),
            }
            for each in found
        ],
    }


def main() -> None:
    """Answer until there is no more to read."""
    logging.disable(logging.CRITICAL)
    CONF([], project="nova", default_config_files=[])
    objects.register_all()
    CONF.set_override("report_in_placement", True, "pci")
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
