# SPDX-License-Identifier: Apache-2.0
"""Who listens to the lab's broker."""

import amqp

from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.lab.services import broker


def listens(settings: Settings, queue: str) -> bool:
    """Whether somebody takes what is put into *queue*; no where the broker does not run.

    One of Nova's services listens to ``<topic>.<host>`` once it has done all that it does at
    its start (nova/service.py), up to 5 s before it reports itself in the database.
    """
    try:
        with broker.connection(settings) as connection:
            found = connection.channel().queue_declare(queue, passive=True)
    except (OSError, amqp.AMQPError):
        return False
    return bool(found.consumer_count)
