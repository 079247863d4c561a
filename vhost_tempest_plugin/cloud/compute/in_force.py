# SPDX-License-Identifier: Apache-2.0
"""What nova-compute's options lead to on a host, those set by hand included."""

from vhost_tempest_plugin.cloud.configuration.settings import ComputeHost, Options
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.nova import compute_options
from vhost_tempest_plugin.nova.compute_options import ComputeOptions
from vhost_tempest_plugin.nova.device_spec import InterfaceNameError


def read(options: Options, host: ComputeHost, hint: str) -> ComputeOptions:
    """What *options* lead to on *host*.

    :param hint: where the options are to be seen
    :raises InterfaceNameError: that cannot be known
    :raises HostError: Nova would not take one of them
    """
    try:
        return compute_options.read(options, host.layout)
    except InterfaceNameError:
        raise
    except ValueError as error:
        raise HostError(f"Nova does not take nova-compute's options: {error}", hint=hint) from None
