# SPDX-License-Identifier: Apache-2.0
"""The IOMMUs that can be emulated, one module each.

A module here is an IOMMU model: its MODEL has all the facts, and everything else reads them
from it. To add a model is to add its module.
"""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from vhost_tempest_plugin.topology.iommu_model import IommuModel

MODELS: Mapping[str, IommuModel] = {
    module.name: import_module(f"{__name__}.{module.name}").MODEL
    for module in pkgutil.iter_modules(__path__)
}
