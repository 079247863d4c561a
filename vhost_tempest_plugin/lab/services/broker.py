# SPDX-License-Identifier: Apache-2.0
"""The lab's own RabbitMQ, and the epmd by which Erlang's nodes find each other.

https://www.rabbitmq.com/docs/configure, https://www.erlang.org/doc/apps/erts/epmd_cmd
"""

import socket
from pathlib import Path

import amqp

from vhost_tempest_plugin.cloud.configuration.common import BROKER_USER
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import LOOPBACK, Settings
from vhost_tempest_plugin.errors import LocalError, VhostCommand
from vhost_tempest_plugin.lab.services.program import Program, Tier
from vhost_tempest_plugin.util import atomic_file, private_files, process

READY_LIMIT_S = 60.0

# Not the one in the PATH, which is Debian's and becomes the user rabbitmq.
_SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_STOP_LIMIT_S = 30
_ANSWER_LIMIT_S = 2.0
_CLIENT_LIMIT_S = 5.0
# NAMES_REQ (https://www.erlang.org/doc/apps/erts/erl_dist_protocol).
_NAMES_REQUEST = b"\0\x01n"


def directory(settings: Settings) -> Path:
    """Where its queues are, and the home with its cookie."""
    return settings.directory / "rabbitmq"


def prepare(settings: Settings) -> None:
    """Write the configuration and the cookie.

    :raises LocalError: RabbitMQ is not installed, or the disk is full
    """
    if not Path(_SERVER).exists():
        raise LocalError(
            "'rabbitmq-server' is not installed",
            hint=f"run {VhostCommand('doctor')} for the package",
        )
    etc = settings.etc(Service.RABBITMQ)
    atomic_file.write(etc / "rabbit.config", _render(settings))
    atomic_file.write(etc / "enabled_plugins", "[].\n")
    atomic_file.write(directory(settings) / ".erlang.cookie", settings.secrets.erlang_cookie)
    for service in (Service.EPMD, Service.RABBITMQ):
        private_files.touch(settings.log(service))


def programs(settings: Settings) -> tuple[Program, Program]:
    """For the supervisor: epmd, and the broker, which needs it to be ready first."""
    common = {
        "HOME": str(directory(settings)),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_EPMD_PORT": str(settings.ports.epmd),
        # A dump of its memory would have the passwords in it.
        "ERL_CRASH_DUMP_SECONDS": "0",
    }
    epmd = Program(
        name=Service.EPMD,
        argv=(str(process.which("epmd")),),
        directory=settings.directory,
        log=settings.log(Service.EPMD),
        environment=common,
        tier=Tier.BASE,
    )
    broker = Program(
        name=Service.RABBITMQ,
        argv=(_SERVER, "-noinput"),
        directory=settings.directory,
        log=settings.log(Service.RABBITMQ),
        environment={**common, **_environment(settings)},
        stop_limit_s=_STOP_LIMIT_S,
        tier=Tier.BROKER,
    )
    return epmd, broker


def is_registry_ready(settings: Settings) -> bool:
    """Whether epmd answers, with its port as it does first."""
    port = settings.ports.epmd
    return _ask(port, _NAMES_REQUEST, 4) == port.to_bytes(4, "big")


def is_ready(settings: Settings) -> bool:
    """Whether the broker takes clients, who log in as OpenStack's services do."""
    try:
        with connection(settings):
            return True
    except (OSError, amqp.AMQPError):
        return False


def connection(settings: Settings) -> amqp.Connection:
    """A connection to the broker, which is made and ended with a ``with`` block.

    :raises OSError: it does not run, or does not answer in time
    :raises amqp.AMQPError: it refuses the account
    """
    return amqp.Connection(
        f"{LOOPBACK}:{settings.ports.broker}",
        userid=BROKER_USER,
        password=settings.secrets.broker,
        connect_timeout=_CLIENT_LIMIT_S,
        read_timeout=_CLIENT_LIMIT_S,
    )


def _ask(port: int, question: bytes, length: int) -> bytes:
    """The beginning of the answer, *length* bytes at most."""
    try:
        with socket.create_connection((LOOPBACK, port), _ANSWER_LIMIT_S) as client:
            client.sendall(question)
            return client.recv(length, socket.MSG_WAITALL)
    except OSError:
        return b""


def _environment(settings: Settings) -> dict[str, str]:
    """What the server's start script reads (rabbitmq-env(8) and its script rabbitmq-env)."""
    etc, data = settings.etc(Service.RABBITMQ), directory(settings)
    node = f"{settings.name}@localhost"
    distribution = settings.ports.broker_distribution
    return {
        # To be replaced by Erlang rather than to wait for it and to stop it by rabbitmqctl.
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_NODENAME": node,
        "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
        "RABBITMQ_NODE_PORT": str(settings.ports.broker),
        "RABBITMQ_DIST_PORT": str(distribution),
        # With a name given here, RabbitMQ does not start three more virtual machines to see
        # whether there is an epmd and whether the name is free.
        "RABBITMQ_SERVER_START_ARGS": " ".join(
            [
                f"-sname {node} -start_epmd false",
                # From the lab's directory: these words are taken apart at spaces.
                f"-config etc/{Service.RABBITMQ}/rabbit",
                "-kernel inet_dist_use_interface {127,0,0,1}",
                f"-kernel inet_dist_listen_min {distribution}",
                f"-kernel inet_dist_listen_max {distribution}",
                "+S 1:1 +A 4",
            ]
        ),
        "RABBITMQ_CONFIG_FILE": f"{etc}/none",
        "RABBITMQ_CONFIG_FILES": f"{etc}/none.d",
        "RABBITMQ_ADVANCED_CONFIG_FILE": f"{etc}/none.config",
        "RABBITMQ_CONF_ENV_FILE": f"{etc}/none-env.conf",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{etc}/enabled_plugins",
        "RABBITMQ_MNESIA_BASE": str(data),
        "RABBITMQ_LOG_BASE": str(settings.directory / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_PID_FILE": str(settings.run / "rabbitmq.pid"),
    }


def _render(settings: Settings) -> str:
    """The configuration as Erlang reads it by itself (config(4)).

    In RabbitMQ's own format it would cost seconds at each start to check it.
    """
    return f"""[
 {{rabbit, [
   {{num_tcp_acceptors, 2}},
   {{default_user, <<"{BROKER_USER}">>}},
   {{default_pass, <<"{settings.secrets.broker}">>}},
   {{vm_memory_high_watermark, {{absolute, "512MiB"}}}},
   {{collect_statistics, none}}
 ]}}
].
"""
