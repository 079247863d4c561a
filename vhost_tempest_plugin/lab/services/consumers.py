# SPDX-License-Identifier: Apache-2.0
"""Who listens to the lab's broker."""

import amqp

from vhost_tempest_plugin.cloud.configuration.common import BROKER_USER
from vhost_tempest_plugin.cloud.configuration.settings import LOOPBACK, Settings

_LIMIT_S = 5.0


def listens(settings: Settings, queue: str) -> bool:
    """Whether somebody takes what is put into *queue*; no where the broker does not run.

    One of Nova's services listens to ``<topic>.<host>`` once it has done all that it does at
    its start (nova/service.py), up to 5 s before it reports itself in the database.
    """
    try:
        with amqp.Connection(
            f"{LOOPBACK}:{settings.ports.broker}",
            userid=BROKER_USER,
            password=settings.secrets.broker,
            connect_timeout=_LIMIT_S,
            read_timeout=_LIMIT_S,
        ) as connection:
            found = connection.channel().queue_declare(queue, passive=True)
    except (OSError, amqp.AMQPError):
        return False
    return bool(found.consumer_count)
