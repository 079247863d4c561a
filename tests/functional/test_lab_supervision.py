# SPDX-License-Identifier: Apache-2.0
"""supervisord with small programs."""

import os
import signal
import socket
import sys
from pathlib import Path
from unittest import mock

from tests.functional import intruder
from tests.functional.lab import LabCase
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.lab.services import orphan_processes
from vhost_tempest_plugin.lab.services.program import Program, Tier
from vhost_tempest_plugin.lab.services.program_state import Phase, ProgramState
from vhost_tempest_plugin.lab.services.supervision import Supervision
from vhost_tempest_plugin.util import atomic_file, tcp_ports
from vhost_tempest_plugin.util.tcp_ports import PortTakenError

# Listens on a port and writes its name to a file when it is asked to end.
SERVER = """
import signal, socket, sys
name, port, ended = sys.argv[1:]
def end(*_):
    with open(ended, "a") as file:
        print(name, file=file)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("starting", flush=True)
with socket.create_server(("127.0.0.1", int(port)), reuse_port=True):
    while True:
        signal.pause()
"""
# A child that lives on for a moment with the port when its parent ends.
LINGERING = """
import os, signal, socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[2])), reuse_port=True):
    if os.fork():
        while True:
            signal.pause()
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.1)
    time.sleep(1)
"""


class SupervisionTest(LabCase):
    def setUp(self) -> None:
        super().setUp()
        self.ended = self.settings.directory / "ended"

    def program(
        self, name: str, port: int = 0, *, code: str = SERVER, tier: Tier = Tier.SERVICE
    ) -> Program:
        script = self.settings.directory / f"{name}.py"
        atomic_file.write(script, code)
        return Program(
            name=name,
            argv=(sys.executable, str(script), name, str(port), str(self.ended)),
            directory=Path("/"),
            log=self.settings.directory / "log" / f"{name}.log",
            tier=tier,
        )

    def up(self, *programs: Program) -> None:
        self.supervision.launch(programs)
        self.supervision.start(*(program.name for program in programs))
        self.eventually(lambda: all("starting" in p.log.read_text() for p in programs))

    def state(self, name: str) -> ProgramState:
        return next(state for state in self.supervision.states() if state.name == name)

    def test_a_killed_program_is_back_and_its_end_is_known(self) -> None:
        self.up(self.program("one"))
        self.eventually(lambda: self.state("one").phase is Phase.RUNNING)
        before = self.state("one")
        os.kill(before.pid, signal.SIGKILL)
        self.eventually(lambda: self.state("one").pid not in (None, before.pid))
        after = self.state("one")
        self.assertEqual((0, 1), (before.restarts, after.restarts))
        self.check_files_are_private()

    def test_another_command_finds_it_and_stops_the_tiers_in_order(self) -> None:
        tiers = {"base": Tier.BASE, "broker": Tier.BROKER, "service": Tier.SERVICE}
        self.up(*(self.program(name, tier=tier) for name, tier in tiers.items()))
        another = Supervision(self.settings.directory)
        self.assertTrue(another.is_running())
        another.shutdown()
        self.assertFalse(self.supervision.is_running())
        self.assertEqual(["service", "broker", "base"], self.ended.read_text().split())
        self.assertEqual([], orphan_processes.find(self.settings.directory))

    def test_what_a_killed_supervisor_leaves_is_ended_by_the_next_command(self) -> None:
        self.up(self.program("one"))
        (supervisor,) = set(orphan_processes.find(self.settings.directory)) - {
            self.state("one").pid
        }
        os.kill(supervisor, signal.SIGKILL)
        self.eventually(lambda: not self.supervision.is_running())
        self.assertEqual(1, len(orphan_processes.find(self.settings.directory)))
        self.up(self.program("one"))
        self.assertEqual(["one"], self.ended.read_text().split())
        self.assertEqual(2, len(orphan_processes.find(self.settings.directory)))

    def test_a_hung_supervisor_is_ended_too(self) -> None:
        self.up(self.program("one"))
        (supervisor,) = set(orphan_processes.find(self.settings.directory)) - {
            self.state("one").pid
        }
        os.kill(supervisor, signal.SIGSTOP)
        with (
            mock.patch("vhost_tempest_plugin.lab.services.supervisor_client._LIMIT_S", 0.5),
            mock.patch("vhost_tempest_plugin.lab.services.supervision._GRACE_S", 0.5),
        ):
            with self.assertRaisesRegex(VhostError, "does not answer within 0.5 s"):
                self.supervision.is_running()
            self.supervision.shutdown()
        self.assertEqual([], orphan_processes.find(self.settings.directory))

    def test_a_program_whose_port_is_taken_is_named_with_the_cause(self) -> None:
        port = self.settings.ports.keystone
        with socket.create_server(("127.0.0.1", port)):
            self.supervision.launch([self.program("one", port)])
            self.supervision.start("one")
            with self.assertRaises(StartError) as caught:
                self.supervision.wait({"one": lambda: False}, 10)
        self.assertIn("another program has its port", str(caught.exception))
        self.assertIn("starting", caught.exception.lines)

    def test_no_other_user_gets_a_port_from_the_launch_to_the_end(self) -> None:
        ports = (self.settings.ports.keystone, self.settings.ports.glance)
        programs = [self.program("one", ports[0])]

        def check(moment: str) -> None:
            with self.subTest(moment):
                self.assertEqual([], intruder.listens_on(ports))

        self.supervision.launch(programs, ports)
        check("before it is started")
        self.supervision.start("one")
        self.eventually(lambda: tcp_ports.answers(ports[0]))
        check("while it runs")
        self.supervision.stop("one")
        check("between the end and the start of a restart")
        self.assertFalse(tcp_ports.answers(ports[0]))
        self.supervision.start("one")
        self.eventually(lambda: tcp_ports.answers(ports[0]))
        killed = self.state("one").pid
        os.kill(killed, signal.SIGKILL)
        self.eventually(lambda: not tcp_ports.answers(ports[0]))
        check("when it was killed")
        self.eventually(lambda: tcp_ports.answers(ports[0]))
        self.assertEqual(
            ("one",),
            self.supervision.launch([self.program("one", ports[0], tier=Tier.BASE)], ports),
        )
        check("when its file has changed")
        self.supervision.shutdown()
        self.assertNotEqual([], intruder.listens_on(ports))

    def test_a_port_that_somebody_has_is_named_and_nothing_runs(self) -> None:
        port = self.settings.ports.glance
        for address in ("127.0.0.1", "0.0.0.0"):
            with (
                self.subTest(address),
                socket.create_server((address, port)),
                self.assertRaisesRegex(PortTakenError, f"another program has port {port}$"),
            ):
                self.supervision.launch([self.program("one")], [port])
            self.assertFalse(self.supervision.is_running())

    def test_one_that_does_not_exist_or_is_never_ready(self) -> None:
        absent = Program(
            "absent", ("/nonexistent",), Path("/"), self.settings.directory / "log" / "absent.log"
        )
        self.up(self.program("one"))
        self.supervision.launch([self.program("one"), absent])
        with self.assertRaisesRegex(StartError, "absent cannot be run: .*/nonexistent"):
            self.supervision.start("absent")
        with self.assertRaisesRegex(
            StartError, "one is not ready: .* for its answer: starting; 'vhost lab logs one"
        ):
            self.supervision.wait({"one": lambda: False}, 0.3)

    def test_an_old_failure_in_the_log_is_not_taken_for_the_new_one(self) -> None:
        program = self.program("one", code="raise SystemExit('a new reason')")
        program.log.write_text("OSError: [Errno 98] Address already in use\n")
        self.supervision.launch([program])
        self.supervision.start("one")
        with self.assertRaisesRegex(StartError, "one .*: a new reason; 'vhost lab logs one"):
            self.supervision.wait({"one": lambda: False}, 10)

    def test_stopped_means_that_its_children_are_gone_too(self) -> None:
        port = self.settings.ports.keystone
        self.supervision.launch([self.program("one", port, code=LINGERING)])
        for _ in range(2):
            self.supervision.restart("one")
            self.supervision.wait({"one": lambda: self.state("one").phase is Phase.RUNNING}, 10)

    def test_programs_come_and_go_and_change_while_it_runs(self) -> None:
        self.up(self.program("kept"), self.program("changed"), self.program("removed"))
        kept = self.state("kept").pid
        self.supervision.launch(
            [self.program("kept"), self.program("changed", 1), self.program("added")]
        )
        self.assertCountEqual(["changed", "removed"], self.ended.read_text().split())
        phases = {state.name: state.phase for state in self.supervision.states()}
        self.assertEqual({"kept", "changed", "added"}, set(phases))
        self.assertEqual((Phase.STOPPED, Phase.STOPPED), (phases["changed"], phases["added"]))
        self.assertEqual(kept, self.state("kept").pid)

    def test_logs_are_rotated_by_size_and_stay_private(self) -> None:
        program = self.program("one", code="print('x' * 5000)\n" + SERVER)
        with mock.patch("vhost_tempest_plugin.lab.services.supervisor_file._LOG_BYTES", 4000):
            self.supervision.launch([program])
        self.supervision.start("one")
        rotated = program.log.with_name("one.log.1")
        self.eventually(lambda: rotated.exists() and program.log.exists())
        self.assertIn("x" * 4000, rotated.read_text())
        for log in (program.log, rotated):
            self.assertEqual(0o600, log.stat().st_mode & 0o777)

    def test_nothing_runs_where_nothing_was_started(self) -> None:
        self.assertFalse(self.supervision.is_running())
        self.supervision.shutdown()
        with self.assertRaisesRegex(VhostError, "no supervisor listens"):
            self.supervision.states()
