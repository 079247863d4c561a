# SPDX-License-Identifier: Apache-2.0
"""The lab's MariaDB."""

import contextlib
import os
import shutil
import signal
import socket
import time
from pathlib import Path

import pymysql

from tests.functional.lab import LabCase, new_settings
from vhost_tempest_plugin.cloud.configuration.common import DATABASE_USER, Database
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import LOOPBACK, Settings
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.lab.services import database, orphan_processes, tcp_ports
from vhost_tempest_plugin.lab.services.program_state import ProgramState
from vhost_tempest_plugin.util import speed

# It is a copy of files; to make one anew takes much longer.
_CLONED_S = 20


def as_service(settings: Settings, name: str = "nova_api") -> pymysql.Connection:
    """Connect as a service does."""
    return pymysql.connect(
        host=LOOPBACK,
        port=settings.ports.database,
        user=DATABASE_USER,
        password=settings.secrets.database,
        database=name,
    )


class DatabaseTest(LabCase):
    def up(self) -> None:
        database.prepare(self.settings)
        self.supervision.launch([database.program(self.settings)])
        self.supervision.start(Service.MARIADB)
        self.wait()

    def wait(self) -> None:
        ready = {Service.MARIADB: lambda: database.is_ready(self.settings)}
        self.supervision.wait(ready, database.READY_LIMIT_S)

    def state(self) -> ProgramState:
        (state,) = self.supervision.states()
        return state

    def test_the_services_get_in_with_the_password_and_it_survives_a_kill(self) -> None:
        self.up()
        self.assertIsInstance(self.state().pid, int)
        database.create(self.settings)
        with as_service(self.settings) as service, service.cursor() as cursor:
            cursor.execute("CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(255) UNIQUE)")
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(i, str(i)) for i in range(999)])
            service.commit()
        self.check_no_secret_is_shown()
        self.check_files_are_private()
        killed = self.state().pid
        os.kill(killed, signal.SIGKILL)
        self.eventually(lambda: self.state().pid not in (None, killed))
        self.eventually(lambda: database.is_ready(self.settings))
        rows = database.query(self.settings, "nova_api", "SELECT a FROM t WHERE b = %s", ("998",))
        self.assertEqual([{"a": 998}], rows)

    def test_nobody_gets_in_otherwise(self) -> None:
        self.up()
        database.create(self.settings)
        for user, password in (("root", ""), (DATABASE_USER, "wrong"), ("", "")):
            with self.subTest(user=user), self.assertRaises(pymysql.OperationalError) as caught:
                pymysql.connect(
                    host=LOOPBACK,
                    port=self.settings.ports.database,
                    user=user,
                    password=password,
                )
            self.assertEqual(1045, caught.exception.args[0])
        with socket.socket() as client, self.assertRaises(OSError):
            client.settimeout(1)
            client.connect((outward_address(), self.settings.ports.database))

    def test_a_prepared_one_is_cloned_with_another_password(self) -> None:
        template = new_settings(self)
        with database.running_alone(template):
            database.create(template)
            with as_service(template) as service, service.cursor() as cursor:
                cursor.execute("CREATE TABLE t (a INT)")
                cursor.execute("INSERT INTO t VALUES (7)")
                service.commit()
        self.assertEqual([], orphan_processes.find(template.directory))
        begun_s = time.monotonic()
        database.clone(database.directory(template), database.directory(self.settings))
        self.assertLess(time.monotonic() - begun_s, _CLONED_S * speed.timeout_scale())
        shutil.rmtree(template.directory)
        self.up()
        database.create(self.settings)
        with as_service(self.settings) as service, service.cursor() as cursor:
            cursor.execute("SELECT a FROM t")
            self.assertEqual(((7,),), cursor.fetchall())
        found = database.query(self.settings, None, "SHOW DATABASES LIKE 'nova%%'")
        self.assertEqual(
            [name for name in sorted(Database) if name.startswith("nova")],
            [value for row in found for value in row.values()],
        )

    def test_one_that_runs_alone_ends_with_its_command_however_that_ends(self) -> None:
        command = os.fork()
        if not command:
            with contextlib.suppress(BaseException), database.running_alone(self.settings):
                time.sleep(60)
            os._exit(1)
        self.eventually(lambda: database.is_ready(self.settings))
        self.assertTrue(self.told_of_the_lab())
        os.kill(command, signal.SIGKILL)
        os.waitpid(command, 0)
        # It has let its port go long before it has ended.
        self.eventually(lambda: not self.told_of_the_lab())
        self.assertEqual((), tcp_ports.taken([self.settings.ports.database]))

    def told_of_the_lab(self) -> list[Path]:
        """The command lines that have the lab's directory in them."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if os.fsencode(self.settings.directory) in path.read_bytes():
                    found.append(path)
        return found

    def test_a_port_that_is_taken_is_the_cause(self) -> None:
        database.prepare(self.settings)
        with socket.create_server((LOOPBACK, self.settings.ports.database)):
            with self.assertRaisesRegex(StartError, "mariadb .*: another program has its port"):
                self.up()
            with (
                self.assertRaisesRegex(StartError, "another program has its port"),
                database.running_alone(self.settings),
            ):
                self.fail("it runs")
        self.supervision.shutdown()


def outward_address() -> str:
    """An address of this machine that is not the loopback's, else one that cannot be had."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            return "127.0.0.2"
        return str(probe.getsockname()[0])
