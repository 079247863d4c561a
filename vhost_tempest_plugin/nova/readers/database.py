# SPDX-License-Identifier: Apache-2.0
"""Nova's cell database, which is only read.

Every query names the compute node and leaves out what is deleted: two hosts may have devices
with the same addresses, and Nova keeps rows of what is gone.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pymysql
import pymysql.cursors

from vhost_tempest_plugin.errors import HostError, InputError
from vhost_tempest_plugin.nova.views.nova import NovaView, TrackedDevice, extra_specs, numa_topology
from vhost_tempest_plugin.util.private_files import near

_PORT = 3306
_LIMIT_S = 30
_NODE = (
    "SELECT id, uuid FROM compute_nodes WHERE host = %s AND deleted = 0 ORDER BY id DESC LIMIT 1"
)
_DEVICES = (
    "SELECT address, vendor_id, product_id, numa_node, dev_type, status, instance_uuid"
    " FROM pci_devices WHERE compute_node_id = %s AND deleted = 0"
)
_GUESTS = (
    "SELECT i.uuid, e.numa_topology, e.flavor FROM instances i"
    " LEFT JOIN instance_extra e ON e.instance_uuid = i.uuid AND e.deleted = 0"
    " WHERE i.host = %s AND i.deleted = 0"
)
# nova/utils.py, SM_IMAGE_PROP_PREFIX.
_IMAGE = "image_"
_PROPERTIES = (
    "SELECT m.instance_uuid, m.`key`, m.value FROM instance_system_metadata m"
    " JOIN instances i ON i.uuid = m.instance_uuid AND i.deleted = 0"
    " WHERE i.host = %s AND m.deleted = 0 AND m.`key` LIKE 'image_hw_%%'"
)
_COMPUTE = (
    "SELECT version FROM services WHERE host = %s AND `binary` = 'nova-compute' AND deleted = 0"
    " ORDER BY id DESC LIMIT 1"
)


class NovaDatabase:
    """The database; a connection lasts as long as one look.

    :param url: as in ``[database]connection`` of Nova's cell: ``mysql+pymysql://...``, also with
        ``?unix_socket=...``
    :raises InputError: it is no such URL; the message leaves it out, since it has a password
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            query = dict(parse_qsl(parts.query))
            self._words: Mapping[str, Any] = {
                "host": parts.hostname or "",
                "port": parts.port or _PORT,
                "user": unquote(parts.username or ""),
                "password": unquote(parts.password or ""),
                "database": parts.path.strip("/"),
                "charset": query.get("charset", "utf8mb4"),
            }
            self._socket = Path(query["unix_socket"]) if "unix_socket" in query else None
        except ValueError:
            parts = urlsplit("")
        if parts.scheme != "mysql+pymysql" or not parts.hostname or not parts.path.strip("/"):
            raise InputError(
                "the URL of Nova's cell database is none",
                hint=(
                    "write it as Nova has it in "
                    "[database]connection: mysql+pymysql://user:password@address/nova_cell1"
                ),
            )

    def view(self, host: str) -> NovaView:
        """What Nova has of one compute host.

        :raises HostError: the database does not answer, or knows no such host
        """
        with self._cursor() as cursor:
            cursor.execute(_NODE, (host,))
            node = cursor.fetchone()
            if node is None:
                raise HostError(f"Nova has no compute host {host!r}", hint="correct [vhost]hosts")
            cursor.execute(_DEVICES, (node["id"],))
            devices = tuple(sorted(TrackedDevice.read(row) for row in cursor.fetchall()))
            cursor.execute(_GUESTS, (host,))
            guests = cursor.fetchall()
            asked = {row["uuid"]: dict(extra_specs(row["flavor"])) for row in guests}
            cursor.execute(_PROPERTIES, (host,))
            for row in cursor.fetchall():
                # One that has come since the query before is left out.
                asked.get(row["instance_uuid"], {})[row["key"].removeprefix(_IMAGE)] = row["value"]
            cursor.execute(_COMPUTE, (host,))
            compute = cursor.fetchone()
        return NovaView(
            node["uuid"],
            devices,
            {row["uuid"]: numa_topology(row["numa_topology"]) for row in guests},
            asked,
            int(compute["version"] or 0) if compute else 0,
        )

    @contextmanager
    def _cursor(self) -> Iterator[pymysql.cursors.DictCursor]:
        try:
            with (
                near(self._socket) if self._socket else nullcontext() as socket,
                pymysql.connect(
                    **self._words,
                    unix_socket=socket,
                    connect_timeout=_LIMIT_S,
                    read_timeout=_LIMIT_S,
                    init_command="SET SESSION TRANSACTION READ ONLY",
                    cursorclass=pymysql.cursors.DictCursor,
                ) as connection,
                connection.cursor() as cursor,
            ):
                yield cursor
        except (OSError, pymysql.MySQLError) as error:
            raise HostError(
                f"Nova's cell database does not answer: {error}",
                hint="correct [vhost]nova_cell_database, or see that it runs",
            ) from None
