# SPDX-License-Identifier: Apache-2.0
"""The root file system, kernel and initramfs of the emulated hosts."""

from vhost_tempest_plugin.host.image.image import (
    PARAMETERS,
    Image,
    build,
    create_overlay,
    find,
    kept,
)
from vhost_tempest_plugin.host.seed import Seed, write

__all__ = ["PARAMETERS", "Image", "Seed", "build", "create_overlay", "find", "kept", "write"]
