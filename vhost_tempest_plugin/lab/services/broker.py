# SPDX-License-Identifier: Apache-2.0
"""The lab's own RabbitMQ: a node that no other one can find or connect to.

https://www.rabbitmq.com/docs/configure, https://www.erlang.org/doc/apps/erts/erl_cmd
"""

from pathlib import Path

import amqp

from vhost_tempest_plugin.cloud.configuration.common import BROKER_USER
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.errors import LocalError, VhostCommand
from vhost_tempest_plugin.lab.services.program import Program, Tier
from vhost_tempest_plugin.util import atomic_file, private_files
from vhost_tempest_plugin.util.tcp_ports import LOOPBACK

READY_LIMIT_S = 60.0

# Not the one in the PATH, which is Debian's and becomes the user rabbitmq.
_SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
_STOP_LIMIT_S = 30
_CLIENT_LIMIT_S = 5.0
# RabbitMQ's own (rabbit.app), and SO_REUSEPORT in numbers (socket(7); inet(3), raw), since the
# supervisor holds the port.
_LISTEN_OPTIONS = (
    "{backlog, 128}, {nodelay, true}, {linger, {true, 0}}, {exit_on_close, false},"
    " {raw, 1, 15, <<1:32/native>>}"
)


def directory(settings: Settings) -> Path:
    """Its home, where its queues are."""
    return settings.directory / "rabbitmq"


def prepare(settings: Settings) -> None:
    """Write the configuration.

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
    directory(settings).mkdir(mode=0o700, exist_ok=True)
    private_files.touch(settings.log(Service.RABBITMQ))


def program(settings: Settings) -> Program:
    """The server, for the supervisor."""
    return Program(
        name=Service.RABBITMQ,
        argv=(_SERVER, "-noinput"),
        directory=settings.directory,
        log=settings.log(Service.RABBITMQ),
        environment={
            "HOME": str(directory(settings)),
            # A dump of its memory would have the passwords in it.
            "ERL_CRASH_DUMP_SECONDS": "0",
            **_environment(settings),
        },
        stop_limit_s=_STOP_LIMIT_S,
        tier=Tier.BROKER,
    )


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


def _environment(settings: Settings) -> dict[str, str]:
    """What the server's start script reads (rabbitmq-env(8) and its script rabbitmq-env)."""
    etc, data = settings.etc(Service.RABBITMQ), directory(settings)
    return {
        # To be replaced by Erlang rather than to wait for it and to stop it by rabbitmqctl.
        "RABBITMQ_ALLOW_INPUT": "1",
        "RABBITMQ_NODENAME": _node(settings),
        "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
        "RABBITMQ_NODE_PORT": str(settings.ports.broker),
        # With a name given here, RabbitMQ does not start three more virtual machines to see
        # whether there is an epmd and whether the name is free.
        "RABBITMQ_SERVER_START_ARGS": " ".join(
            [
                f"-sname {_node(settings)}",
                # From the lab's directory: these words are taken apart at spaces.
                f"-config etc/{Service.RABBITMQ}/rabbit",
                "+S 1:1 +A 4",
            ]
        ),
        # Also for what it starts each minute to see to an epmd (rabbit_epmd_monitor): no node
        # listens for others, and none starts an epmd or believes one that somebody else has.
        "ERL_ZFLAGS": f"-start_epmd false -dist_listen false -erl_epmd_port {settings.ports.epmd}",
        "ERL_EPMD_PORT": str(settings.ports.epmd),
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


def _node(settings: Settings) -> str:
    return f"{settings.name}@localhost"


def _render(settings: Settings) -> str:
    """The configuration as Erlang reads it by itself (config(4)).

    In RabbitMQ's own format it would cost seconds at each start to check it.
    """
    return f"""[
 {{rabbit, [
   {{num_tcp_acceptors, 2}},
   {{tcp_listen_options, [{_LISTEN_OPTIONS}]}},
   {{default_user, <<"{BROKER_USER}">>}},
   {{default_pass, <<"{settings.secrets.broker}">>}},
   {{vm_memory_high_watermark, {{absolute, "512MiB"}}}},
   {{collect_statistics, none}}
 ]}}
].
"""
