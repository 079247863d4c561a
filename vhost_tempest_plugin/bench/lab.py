# SPDX-License-Identifier: Apache-2.0
"""The lab that measurements are taken on; one serves several of them in turn."""

from collections.abc import Iterator
from contextlib import contextmanager

from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.bench.workplace import Workplace
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.host import image, nested_guest
from vhost_tempest_plugin.lab.environment import environment, release
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.lab.services import schema
from vhost_tempest_plugin.lab.state.directory import LabDirectory

NAME = "bench"


def directory(place: Workplace) -> LabDirectory:
    """Its files."""
    return LabDirectory(place.lab(NAME))


def fill_cache(setting: Setting) -> None:
    """Make what a lab needs from the user's cache, where that lacks it."""
    image.build(setting.progress)
    nested_guest.build(setting.progress)
    schema.obtain(environment.obtain(release.find(None), setting.progress), setting.progress)


@contextmanager
def up(setting: Setting) -> Iterator[Settings]:
    """The lab for as long as the block takes, new or as it was when it was ready."""
    fill_cache(setting)
    place = setting.workplace
    setting.progress("bringing the lab up")
    place.vhost("lab", "up", "--topology", setting.topology, "--name", NAME)
    try:
        yield Lab(directory(place), directory(place).read()).settings
    finally:
        place.vhost("lab", "down", "--name", NAME)
