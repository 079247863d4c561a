# SPDX-License-Identifier: Apache-2.0
"""The lab's RabbitMQ."""

import dataclasses
import os
import shutil
import signal
import socket
import subprocess

import psutil

from tests.functional import intruder
from tests.functional.lab import LabCase
from vhost_tempest_plugin.cloud.configuration.common import BROKER_USER
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.lab.services import broker, orphan_processes
from vhost_tempest_plugin.lab.services.program_state import ProgramState
from vhost_tempest_plugin.lab.services.supervisor_file import PID_FILE
from vhost_tempest_plugin.util import tcp_ports
from vhost_tempest_plugin.util.tcp_ports import LOOPBACK

_ERL = shutil.which("erl") or "erl"


class BrokerTest(LabCase):
    def up(self) -> None:
        broker.prepare(self.settings)
        self.supervision.launch(
            [broker.program(self.settings)], dataclasses.astuple(self.settings.ports)
        )
        self.supervision.start(Service.RABBITMQ)
        ready = {Service.RABBITMQ: lambda: broker.is_ready(self.settings)}
        self.supervision.wait(ready, broker.READY_LIMIT_S)

    def state(self) -> ProgramState:
        (state,) = self.supervision.states()
        return state

    def test_only_the_labs_user_gets_in_and_it_comes_back_when_killed(self) -> None:
        self.up()
        self.assertEqual("", self.log_in("guest", "guest"))
        self.assertEqual("", self.log_in(BROKER_USER, "wrong"))
        self.assertEqual("tune", self.log_in(BROKER_USER, self.settings.secrets.broker))
        self.check_no_secret_is_shown()
        self.check_files_are_private()
        ports = (self.settings.ports.broker, self.settings.ports.epmd)
        self.assertEqual([], intruder.listens_on(ports))
        killed = self.state().pid
        os.kill(killed, signal.SIGKILL)
        self.assertEqual([], intruder.listens_on(ports))
        self.eventually(lambda: self.state().pid not in (None, killed))
        self.eventually(lambda: broker.is_ready(self.settings), 60)
        self.assertEqual("tune", self.log_in(BROKER_USER, self.settings.secrets.broker))
        # What it leaves is ended when the test is cleaned up, and looked for then.
        os.kill(int((self.settings.run / PID_FILE).read_text()), signal.SIGKILL)

    def test_it_listens_for_clients_alone_and_starts_no_epmd(self) -> None:
        self.up()

        def listening() -> list[tuple[str, int]]:
            return [
                tuple(found.laddr)
                for pid in orphan_processes.find(self.settings.directory)
                for found in psutil.Process(pid).net_connections("tcp")
                if found.status == psutil.CONN_LISTEN
            ]

        self.assertEqual([(LOOPBACK, self.settings.ports.broker)], listening())
        # What RabbitMQ does each minute is done now (rabbit_epmd_monitor).
        done = subprocess.run(
            [_ERL, "-boot", "no_dot_erlang", "-sname", "x", "-noinput", "-s", "erlang", "halt"],
            env={**os.environ, **dict(broker.program(self.settings).environment)},
            capture_output=True,
            check=False,
        )
        self.assertEqual((0, b"", b""), (done.returncode, done.stdout, done.stderr))
        self.assertEqual([(LOOPBACK, self.settings.ports.broker)], listening())
        self.assertFalse(tcp_ports.answers(self.settings.ports.epmd))

    def log_in(self, user: str, password: str) -> str:
        """Log in with AMQP 0-9-1; ``tune`` where that is what the broker goes on to.

        https://www.rabbitmq.com/resources/specs/amqp0-9-1.pdf, 2.2.4 and 4.2
        """
        response = f"\0{user}\0{password}".encode()
        body = (
            b"\0\x0a\0\x0b"  # Connection.Start-Ok
            + table("capabilities", b"F" + table("authentication_failure_close", b"t\x01"))
            + b"\x05PLAIN"
            + len(response).to_bytes(4, "big")
            + response
            + b"\x05en_US"
        )
        frame = b"\x01\0\0" + len(body).to_bytes(4, "big") + body + b"\xce"
        with socket.create_connection((LOOPBACK, self.settings.ports.broker), 20) as client:
            client.sendall(b"AMQP\0\0\x09\x01")
            with client.makefile("rwb") as stream:
                self.assertEqual(b"\0\x0a\0\x0a", read_method(stream))
                stream.write(frame)
                stream.flush()
                return "tune" if read_method(stream) == b"\0\x0a\0\x1e" else ""


def table(name: str, value: bytes) -> bytes:
    """A table with one entry; that capability has the broker refuse at once, not after 3 s."""
    entry = bytes([len(name)]) + name.encode() + value
    return len(entry).to_bytes(4, "big") + entry


def read_method(stream) -> bytes:
    """Class and method of the next frame; empty where the connection ends."""
    try:
        header = stream.read(7)
    except ConnectionResetError:
        return b""
    if len(header) < 7:
        return b""
    return stream.read(int.from_bytes(header[3:], "big") + 1)[:4]
