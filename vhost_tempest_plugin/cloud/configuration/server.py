# SPDX-License-Identifier: Apache-2.0
"""The web server that a service with an API runs in: gunicorn, and its gunicorn.conf.py."""

from collections.abc import Mapping
from types import MappingProxyType

from vhost_tempest_plugin.cloud.configuration import common
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.util.tcp_ports import LOOPBACK

# gunicorn takes it from the working directory.  Words on its command line would be taken for
# the service's own by nova's applications (nova/api/openstack/wsgi_app.py reads sys.argv).
FILE = "gunicorn.conf.py"

APPLICATIONS: Mapping[Service, str] = MappingProxyType(
    {
        Service.KEYSTONE: "keystone.wsgi.api",
        Service.GLANCE: "glance.wsgi.api",
        Service.PLACEMENT: "placement.wsgi.api",
        Service.NEUTRON: "neutron.wsgi.api",
        Service.NOVA_API: "nova.wsgi.osapi_compute",
        Service.NOVA_METADATA: "nova.wsgi.metadata",
    }
)

_THREADS = 8
# How long a worker may be deaf, as it is while it imports its application.
_TIMEOUT_S = 600
_GRACE_S = 5
# Longer than the services' periods, so that they find their connections open.
_KEPT_S = 75

# The supervisor holds the port. gunicorn's own "reuse_port" would have each worker listen, and not
# the server, which could not see then whether it is to end (below).
_LISTENER = """\
import socket

listener = socket.create_server({address}, reuse_port=True, backlog=2048)
bind = f"fd://{{listener.detach()}}"
"""
# The supervisor restarts what ends, and reports it.
_HOOKS = """

def child_exit(server, worker):
    from gunicorn.errors import HaltServer

    if server.LISTENERS:
        raise HaltServer("its worker has ended", 3)
"""


def text(settings: Settings, service: Service) -> str:
    """The file for *service*, which must be of ``APPLICATIONS``."""
    options: dict[str, object] = {
        "wsgi_app": f"{APPLICATIONS[service]}:application",
        "proc_name": service.value,
        "worker_class": "gthread",
        "workers": 1,
        "threads": _THREADS,
        "timeout": _TIMEOUT_S,
        "graceful_timeout": _GRACE_S,
        "keepalive": _KEPT_S,
        "loglevel": "warning",
        "worker_tmp_dir": str(settings.run),
    }
    address = (LOOPBACK, common.port(settings.ports, service))
    lines = (f"{name} = {value!r}\n" for name, value in options.items())
    return "".join([_LISTENER.format(address=address), *lines, _HOOKS])
