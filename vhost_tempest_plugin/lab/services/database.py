# SPDX-License-Identifier: Apache-2.0
"""The lab's own MariaDB.

It listens on a unix socket in the lab's ``run`` directory, which is its owner's alone, and on no
port.  The owner is its administrator and needs no password there; the services have the lab's.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
import pymysql.cursors

from vhost_tempest_plugin.cloud.configuration.common import DATABASE_USER, Database
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.errors import VhostCommand, VhostError
from vhost_tempest_plugin.lab.services.program import Program, Tier
from vhost_tempest_plugin.util import atomic_file, private_files, process, speed
from vhost_tempest_plugin.util.die_with_parent import asked_to_end
from vhost_tempest_plugin.util.waiting import wait_for

READY_LIMIT_S = 60.0

_ADMINISTRATOR = "root"
# Its own, of a client that it does not let in (https://mariadb.com/kb/en/mariadb-error-codes/).
_DENIED = (1045, 1698)
_CONNECT_LIMIT_S = 30.0
_INSTALL_LIMIT_S = 120.0
_STOP_LIMIT_S = 60
_POLL_S = 0.05


def directory(settings: Settings) -> Path:
    """Where the data are."""
    return settings.directory / "mysql"


def prepare(settings: Settings) -> None:
    """Write the configuration, and make an empty data directory where there is none.

    :raises CommandError: mariadb-install-db fails
    :raises LocalError: MariaDB is not installed, or the disk is full
    """
    settings.run.chmod(0o700)
    atomic_file.write(_configuration(settings), _render(settings))
    private_files.touch(settings.log(Service.MARIADB))
    data = directory(settings)
    if (data / "mysql").is_dir():
        return
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # By names from there: the script takes apart at spaces what it is given and what it reads.
    process.run(
        [
            process.which("mariadb-install-db"),
            f"--defaults-file={_configuration(settings).relative_to(settings.directory)}",
            f"--datadir=./{data.relative_to(settings.directory)}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ],
        directory=settings.directory,
        timeout_s=_INSTALL_LIMIT_S * speed.timeout_scale(),
    )


def program(settings: Settings) -> Program:
    """The server, for the supervisor."""
    return Program(
        name=Service.MARIADB,
        argv=(str(process.which("mariadbd")), f"--defaults-file={_configuration(settings)}"),
        directory=settings.directory,
        log=settings.log(Service.MARIADB),
        stop_limit_s=_STOP_LIMIT_S,
        tier=Tier.BASE,
    )


def is_ready(settings: Settings) -> bool:
    """Whether the server answers a query.

    :raises StartError: it refuses its administrator; waiting would not help
    """
    try:
        query(settings, None, "SELECT 1")
    except (OSError, pymysql.OperationalError) as error:
        if error.args[0] in _DENIED:
            raise StartError(
                f"mariadb refuses its administrator: {error.args[-1]}",
                Service.MARIADB,
                hint=f"{VhostCommand('lab', 'up', cold=True, name=settings.name)} makes it anew",
            ) from None
        return False
    return True


def create(settings: Settings) -> None:
    """Create the databases that are missing, and the services' account with the lab's password."""
    account = f"'{DATABASE_USER}'@'localhost'"
    with connected(settings) as cursor:
        cursor.execute(
            f"CREATE OR REPLACE USER {account} IDENTIFIED BY %s", (settings.secrets.database,)
        )
        for name in Database:
            # Without a longer character set, in which some of the services' indexes do not fit.
            cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb3")
            cursor.execute(f"GRANT ALL ON `{name}`.* TO {account}")


def query(
    settings: Settings, database: str | None, sql: str, arguments: tuple[object, ...] = ()
) -> list[dict[str, Any]]:
    """The rows of a query by column.

    :raises pymysql.MySQLError: it fails
    :raises OSError: the server does not run
    """
    with connected(settings, database) as cursor:
        cursor.execute(sql, arguments)
        return list(cursor.fetchall())


@contextmanager
def connected(
    settings: Settings, database: str | None = None
) -> Iterator[pymysql.cursors.DictCursor]:
    """A cursor of the administrator; every statement is committed by itself."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(_CONNECT_LIMIT_S)
        with private_files.near(settings.database_socket) as name:
            channel.connect(name)
        connection = pymysql.connect(
            user=_ADMINISTRATOR,
            database=database,
            autocommit=True,
            cursorclass=pymysql.cursors.DictCursor,
            defer_connect=True,
        )
        connection.connect(channel)
        with connection, connection.cursor() as cursor:
            yield cursor


@contextmanager
def running_alone(settings: Settings) -> Iterator[None]:
    """Run the server without a supervisor, as for making what is to be cloned later.

    It ends with this process, whatever ends that, and afterwards in the cleanest way: the
    data directory can be copied then.

    :raises StartError: it does not come up
    """
    prepare(settings)
    argv = asked_to_end(program(settings).argv)
    with process.running(argv, log=settings.log(Service.MARIADB)) as server:

        def failed(fact: str) -> StartError:
            lines = failure.tail(settings.log(Service.MARIADB), settings.hidden)
            return failure.in_lab(settings.name, Service.MARIADB, f"did not start: {fact}", lines)

        def watch() -> None:
            if (status := server.poll()) is not None:
                raise failed(f"it exited with {status}")

        wait_for(
            lambda: is_ready(settings),
            "its answer",
            READY_LIMIT_S,
            watch=watch,
            poll_s=_POLL_S,
            error=failed,
        )
        yield
        with connected(settings) as cursor:
            cursor.execute("SET GLOBAL innodb_fast_shutdown = 0")
        server.terminate()
        hint = f"see {settings.log(Service.MARIADB)}"
        status = wait_for(
            server.poll,
            "the end of MariaDB",
            _STOP_LIMIT_S,
            poll_s=_POLL_S,
            error=lambda fact: VhostError(fact, hint=hint),
        )
        if status != 0:
            raise VhostError(f"MariaDB ended with {status}", hint=hint)


def clone(template: Path, data: Path) -> None:
    """Copy the data directory of a server that has been ended; shares blocks where it can.

    :raises CommandError: it cannot be copied
    """
    data.mkdir(mode=0o700, parents=True)
    process.run(
        asked_to_end(["cp", "--archive", "--reflink=auto", "--sparse=auto", f"{template}/.", data])
    )


def version() -> str:
    """What the server says of itself; another one may not read the same data directory."""
    return process.run([process.which("mariadbd"), "--version"]).stdout.strip()


def _configuration(settings: Settings) -> Path:
    return settings.etc(Service.MARIADB) / "my.cnf"


def _render(settings: Settings) -> str:
    """The options file (https://mariadb.com/kb/en/configuring-mariadb-with-option-files/)."""
    options = {
        "datadir": directory(settings),
        # From the data directory, where the server is: the name of a socket has a limit.
        "socket": f"../run/{settings.database_socket.name}",
        "pid_file": settings.run / "mariadb.pid",
        "tmpdir": settings.run,
        "skip_networking": "ON",
        "skip_log_bin": "ON",
        "max_connections": 500,
        "performance_schema": "OFF",
        "innodb_buffer_pool_size": "64M",
        "innodb_log_file_size": "8M",
        # The data directory is copied; the system's tablespace would grow by 64 MiB at once.
        "innodb_autoextend_increment": "2",
        "innodb_log_buffer_size": "4M",
        "aria_pagecache_buffer_size": "8M",
        "key_buffer_size": "1M",
        "query_cache_size": "0",
        # What is written is with the kernel and survives the server's death; that of the
        # machine it need not survive.
        "innodb_flush_log_at_trx_commit": "2",
        "loose_innodb_flush_method": "nosync",
        "debug_no_sync": "ON",
        "innodb_use_native_aio": "OFF",
    }
    if os.geteuid() == 0:
        options["user"] = "root"
    # Without quotes the first '#' would end a value.
    lines = (f'{name} = "{value}"\n' for name, value in options.items())
    return "".join(["[mariadbd]\n", *lines])
