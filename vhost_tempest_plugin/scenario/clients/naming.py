# SPDX-License-Identifier: Apache-2.0
"""What tests call what they make."""

from tempest import config
from tempest.lib.common.utils import data_utils

CONF = config.CONF


def name() -> str:
    """A name that shows whose it is."""
    return str(data_utils.rand_name("vhost", prefix=CONF.resource_name_prefix))
