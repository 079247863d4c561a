# SPDX-License-Identifier: Apache-2.0
"""OpenStack's services on the machine: their files, how they are run, whether they are ready."""

import http.client
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from vhost_tempest_plugin.cloud.configuration import common, keystone, render, server
from vhost_tempest_plugin.cloud.configuration.server import APPLICATIONS
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.lab.services import consumers, fernet
from vhost_tempest_plugin.lab.services.program import Program
from vhost_tempest_plugin.util import atomic_file, interpreter
from vhost_tempest_plugin.util.tcp_ports import LOOPBACK

# In the order in which they may be started: those of a stage together, a stage when the one
# before is ready.  nova-scheduler and nova-conductor end where keystone does not know Nova
# yet, which ``bootstrap.identity`` sees to.
STAGES: tuple[tuple[Service, ...], ...] = (
    (Service.KEYSTONE, Service.PLACEMENT, Service.GLANCE, Service.NEUTRON, Service.NOVA_API),
    (Service.NOVA_CONDUCTOR, Service.NOVA_SCHEDULER, Service.NOVA_METADATA),
)
READY_LIMIT_S = 120.0

_FILES: Mapping[Service, str] = MappingProxyType(
    {
        Service.KEYSTONE: "keystone.conf",
        Service.GLANCE: "glance-api.conf",
        Service.PLACEMENT: "placement.conf",
        Service.NEUTRON: "neutron.conf",
    }
)
_NOVA_FILE = "nova.conf"
_PASTE = "api-paste.ini"
_PASTED = (Service.NOVA_API, Service.NOVA_METADATA)
_ANSWER_LIMIT_S = 5.0
# Without a task in hand, Nova's services would take up to 10 s: oslo.messaging looks only every
# 5 s whether it is to end.  What they have in hand goes on meanwhile.
_STOP_LIMIT_S = 5


def file(settings: Settings, service: Service) -> Path:
    """The configuration of a service on the machine."""
    return settings.etc(service) / _FILES.get(service, _NOVA_FILE)


def write(settings: Settings) -> frozenset[Service]:
    """Write the files of all services, those in the hosts left out; whose changed.

    :raises LocalError: the disk does not take them
    """
    changed = set()
    for service, options in render.options(settings).items():
        texts = {file(settings, service): render.text(options)}
        if service in APPLICATIONS:
            texts[settings.etc(service) / server.FILE] = server.text(settings, service)
        for path, text in texts.items():
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                atomic_file.write(path, text)
                changed.add(service)
        if service in _PASTED:
            _link_paste(settings, service)
    for keys in (keystone.fernet_keys(settings), keystone.credential_keys(settings)):
        if fernet.prepare(keys):
            changed.add(Service.KEYSTONE)
    return frozenset(changed)


def programs(settings: Settings) -> tuple[Program, ...]:
    """All services on the machine, for the supervisor, in the order of ``STAGES``."""
    return tuple(_program(settings, service) for stage in STAGES for service in stage)


def variables(settings: Settings, service: Service) -> dict[str, str]:
    """What is in the environment of a service, and of its commands."""
    path = {}
    if service.is_nova and settings.nova_path is not None:
        path = {"PYTHONPATH": str(settings.nova_path)}
    return {
        **path,
        # Nobody writes to the environment, and none of its files lacks its bytecode.
        "PYTHONDONTWRITEBYTECODE": "1",
        # Fewer threads' heaps: memory, for a little speed (mallopt(3), M_ARENA_MAX).
        "MALLOC_ARENA_MAX": "2",
        **_places(settings, service),
    }


def ready(settings: Settings, service: Service) -> Callable[[], bool]:
    """How to see that a service that has been started can be used."""
    if service in APPLICATIONS:
        return partial(_answers, settings, service)
    queue = f"{service.removeprefix('nova-')}.{settings.name}"
    return partial(consumers.listens, settings, queue)


def _program(settings: Settings, service: Service) -> Program:
    words: tuple[str | Path, ...] = ("-m", "gunicorn")
    if service not in APPLICATIONS:
        script = settings.environment / "bin" / service
        words = (script, "--config-file", file(settings, service))
    return Program(
        name=service,
        argv=tuple(interpreter.of(settings.environment, *words)),
        directory=settings.etc(service),
        log=settings.log(service),
        environment=variables(settings, service),
        stop_limit_s=_STOP_LIMIT_S,
    )


def _places(settings: Settings, service: Service) -> dict[str, str]:
    """How an application, which has no command line, finds its files."""
    etc = str(settings.etc(service))
    match service:
        case Service.KEYSTONE:
            return {"OS_KEYSTONE_CONFIG_DIR": etc}
        case Service.PLACEMENT:
            return {"OS_PLACEMENT_CONFIG_DIR": etc}
        case Service.GLANCE:
            return {"OS_GLANCE_CONFIG_DIR": etc}
        case Service.NEUTRON:
            return {"OS_NEUTRON_CONFIG_DIR": etc, "OS_NEUTRON_CONFIG_FILES": "neutron.conf"}
        case Service.NOVA_API | Service.NOVA_METADATA:
            return {"OS_NOVA_CONFIG_DIR": etc}
        case _:
            return {}


def _link_paste(settings: Settings, service: Service) -> None:
    """Put Nova's api-paste.ini beside its configuration, where its applications look for it."""
    link = settings.etc(service) / _PASTE
    target = (settings.nova_path or settings.environment) / "etc/nova" / _PASTE
    if not link.is_symlink() or link.readlink() != target:
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def _answers(settings: Settings, service: Service) -> bool:
    """Whether an API lists its versions, which needs no token."""
    port = common.port(settings.ports, service)
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_ANSWER_LIMIT_S)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
