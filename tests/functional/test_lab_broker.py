# SPDX-License-Identifier: Apache-2.0
"""The lab's RabbitMQ and epmd."""

import os
import signal
import socket

from tests.functional.lab import LabCase
from vhost_tempest_plugin.cloud.configuration.common import BROKER_USER
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import LOOPBACK
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.lab.services import broker, orphan_processes
from vhost_tempest_plugin.lab.services.program_state import ProgramState
from vhost_tempest_plugin.lab.services.supervisor_file import PID_FILE


class BrokerTest(LabCase):
    def up(self) -> None:
        broker.prepare(self.settings)
        self.supervision.launch(broker.programs(self.settings))
        self.start(Service.EPMD)
        self.start(Service.RABBITMQ)

    def start(self, name: Service) -> None:
        is_ready = {
            Service.EPMD: broker.is_registry_ready,
            Service.RABBITMQ: broker.is_ready,
        }[name]
        self.supervision.start(name)
        self.supervision.wait({name: lambda: is_ready(self.settings)}, broker.READY_LIMIT_S)

    def state(self, name: Service) -> ProgramState:
        return next(state for state in self.supervision.states() if state.name == name)

    def test_only_the_labs_user_gets_in_and_it_comes_back_when_killed(self) -> None:
        self.up()
        self.assertEqual("", self.log_in("guest", "guest"))
        self.assertEqual("", self.log_in(BROKER_USER, "wrong"))
        self.assertEqual("tune", self.log_in(BROKER_USER, self.settings.secrets.broker))
        self.check_no_secret_is_shown()
        self.check_files_are_private()
        for name in (Service.RABBITMQ, Service.EPMD):
            killed = self.state(name).pid
            os.kill(killed, signal.SIGKILL)
            self.eventually(
                lambda name=name, killed=killed: self.state(name).pid not in (None, killed)
            )
        self.eventually(lambda: broker.is_ready(self.settings), 60)
        self.assertEqual("tune", self.log_in(BROKER_USER, self.settings.secrets.broker))
        # What it leaves is ended when the test is cleaned up, and looked for then.
        os.kill(int((self.settings.run / PID_FILE).read_text()), signal.SIGKILL)

    def test_a_port_that_is_taken_is_the_cause_and_nothing_is_left(self) -> None:
        with (
            socket.create_server((LOOPBACK, self.settings.ports.broker)),
            self.assertRaisesRegex(StartError, "rabbitmq .*: another program has its port"),
        ):
            self.up()
        self.supervision.shutdown()
        self.assertEqual([], orphan_processes.find(self.settings.directory))

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
