# SPDX-License-Identifier: Apache-2.0
"""The devices that can be emulated and passed through, one module each.

A module here is a device model: its MODEL has all the facts, and everything else reads them
from it. To add a model is to add its module.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from vhost_tempest_plugin.topology.device_model import DeviceModel

MODELS: Mapping[str, DeviceModel] = {
    module.name: import_module(f"{__name__}.{module.name}").MODEL
    for module in pkgutil.iter_modules(__path__)
}
