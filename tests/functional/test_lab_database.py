# SPDX-License-Identifier: Apache-2.0
"""The lab's MariaDB."""

import contextlib
import os
import pwd
import shutil
import signal
import time
from pathlib import Path
from unittest import mock

import psutil
import pymysql

from tests.functional.lab import LabCase, is_private, new_settings
from vhost_tempest_plugin.cloud.configuration.common import DATABASE_USER, Database
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.lab.services import database, orphan_processes
from vhost_tempest_plugin.lab.services.program_state import ProgramState
from vhost_tempest_plugin.util import private_files, speed

# It is a copy of files; to make one anew takes much longer.
_CLONED_S = 20


def as_service(settings: Settings, name: str = "nova_api") -> pymysql.Connection:
    """Connect as a service does."""
    return connect(settings, DATABASE_USER, settings.secrets.database, name)


def connect(
    settings: Settings, user: str, password: str, database: str | None = None
) -> pymysql.Connection:
    with private_files.near(settings.database_socket) as name:
        return pymysql.connect(unix_socket=name, user=user, password=password, database=database)


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
        for user, password in ((DATABASE_USER, "wrong"), (DATABASE_USER, ""), ("nobody", "")):
            with self.subTest(user=user), self.assertRaises(pymysql.OperationalError) as caught:
                connect(self.settings, user, password)
            self.assertEqual(1045, caught.exception.args[0])
        self.assertEqual([], psutil.Process(self.state().pid).net_connections("inet"))
        # Everybody may write to the socket, to which nobody else has a way.
        self.assertTrue(is_private(self.settings.database_socket.parent))

    def test_one_that_is_refused_does_not_wait(self) -> None:
        self.up()
        database.query(self.settings, None, "RENAME USER root@localhost TO other@localhost")
        with self.assertRaisesRegex(StartError, "mariadb refuses its administrator: Access denied"):
            database.is_ready(self.settings)

    def test_an_account_with_any_name_has_one(self) -> None:
        """As those that winbind makes."""
        for name in ("CORP\\alice", "o'neil", "a b", "50%", "a@b", "$USER", '"'):
            entry = pwd.struct_passwd((name, "x", os.geteuid(), os.getegid(), "", "/", "/bin/sh"))
            with (
                self.subTest(name),
                mock.patch("pwd.getpwuid", return_value=entry),
                mock.patch.dict(os.environ, USER=name, LOGNAME=name),
            ):
                self.up()
                database.create(self.settings)
                with as_service(self.settings) as service, service.cursor() as cursor:
                    cursor.execute("SELECT 1")
                self.supervision.shutdown()
                shutil.rmtree(database.directory(self.settings))

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
        self.eventually(lambda: not self.told_of_the_lab())

    def told_of_the_lab(self) -> list[Path]:
        """The command lines that have the lab's directory in them."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if os.fsencode(self.settings.directory) in path.read_bytes():
                    found.append(path)
        return found

    def test_one_that_does_not_come_up_shows_why(self) -> None:
        database.prepare(self.settings)
        (database.directory(self.settings) / "ibdata1").write_bytes(b"")
        with self.assertRaises(StartError) as caught:
            self.up()
        self.assertIn("InnoDB", "".join(caught.exception.lines))
        with (
            self.assertRaisesRegex(StartError, "mariadb did not start: it exited with"),
            database.running_alone(self.settings),
        ):
            self.fail("it runs")
        self.supervision.shutdown()
