# SPDX-License-Identifier: Apache-2.0
import dataclasses
import re
import shlex
import socket
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from hypothesis import example, given
from hypothesis import strategies as st
from supervisor import events, xmlrpc
from supervisor.options import ServerOptions

from tests.unit import lab_settings
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.lab.services import (
    program_state,
    supervisor_file,
    supervisor_plugin,
)
from vhost_tempest_plugin.lab.services.program import Program, Tier
from vhost_tempest_plugin.lab.services.program_state import Phase
from vhost_tempest_plugin.util import atomic_file, private_files, tcp_ports

SECRETS = dataclasses.replace(lab_settings.SECRETS, broker="a/b+c", admin="swordfish")

WORDS = st.text(
    st.one_of(st.sampled_from("""%;#'"\\ \t$,=(){}"""), st.characters(codec="utf-8")), max_size=20
).filter(lambda word: not set(word) & set("\0\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"))
PLAIN = WORDS.filter(lambda word: not set(word) & set("\"'\\") and not re.search(r"\s[;#]", word))


def program(**changes: object) -> Program:
    """A program in /tmp."""
    base = Program(name="one", argv=("/bin/true",), directory=Path("/tmp"), log=Path("/tmp/1.log"))
    return dataclasses.replace(base, **changes)


def read_back(text: str) -> list[object]:
    """What supervisord itself makes of its file."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        options = ServerOptions()
        options.realize(["-c", file.name])
        return [config.process_configs[0] for config in options.process_group_configs]


class SupervisorFileTest(unittest.TestCase):
    @example(["a ;b", "a\t#b", "a\xa0;b", "a\u3000#b", "';"], {})
    @example(["a"], {"A": "a,b=%;#"})
    @given(st.lists(WORDS, min_size=1), st.dictionaries(st.sampled_from("ABC"), PLAIN))
    def test_supervisord_reads_what_was_meant(
        self, argv: list[str], environment: dict[str, str]
    ) -> None:
        written = program(argv=tuple(argv), environment=environment, tier=Tier.BROKER)
        (read,) = read_back(supervisor_file.render([written], Path("/tmp")))
        self.assertEqual(argv, shlex.split(read.command))  # as supervisor/process.py does
        self.assertEqual(environment, read.environment)
        self.assertEqual((2, False, True), (read.priority, read.autostart, read.killasgroup))

    def test_what_cannot_be_written_is_refused(self) -> None:
        for changes in (
            {"argv": ("a\nb",)},
            {"directory": Path("/a ;b")},
            {"log": Path("/a%b")},
            {"environment": {"A": "'"}},
            {"environment": {"A": "a #b"}},
            {"environment": {"A": "a\xa0#b"}},
        ):
            with self.subTest(changes=changes), self.assertRaises(InputError):
                supervisor_file.render([program(**changes)], Path("/tmp"))

    def test_a_program_has_a_plain_name_and_something_to_run(self) -> None:
        for changes in ({"name": "a:b"}, {"name": "a b"}, {"argv": ()}):
            with self.subTest(changes=changes), self.assertRaises(ValueError):
                program(**changes)


INFO = {"name": "one", "statename": "RUNNING", "stdout_logfile": "/l", "pid": 7, "start": 9}
LOG = (
    "2026-11-24 13:19:02,123 INFO spawned: 'one' with pid 5\n"
    "2026-11-24 13:19:02,123 WARN exited: one (exit status 1; not expected)\n"
    "2026-11-24 13:19:03,123 INFO stopped: one (terminated by SIGTERM)\n"
    "2026-11-24 13:19:03,123 WARN exited: another (exit status 2; not expected)\n"
    "2026-11-24 13:19:04,123 INFO exited: one (terminated by SIGKILL; expected)\n"
)


class ProgramStateTest(unittest.TestCase):
    def test_the_ends_are_counted_by_the_plugin(self) -> None:
        (state,) = program_state.read([INFO], {"one": 2, "another": 3})
        self.assertEqual(
            program_state.ProgramState("one", Phase.RUNNING, Path("/l"), 7, 9, 2), state
        )

    def test_how_it_ended_is_in_the_log(self) -> None:
        for name, how in (
            ("one", "terminated by SIGKILL"),
            ("another", "exit status 2"),
            ("third", "its log does not say how"),
        ):
            self.assertEqual(how, program_state.last_end(name, LOG.splitlines()))

    def test_one_that_never_ran(self) -> None:
        info = {**INFO, "statename": "STOPPED", "pid": 0, "start": 0}
        (state,) = program_state.read([info], {})
        self.assertEqual(program_state.ProgramState("one", Phase.STOPPED, Path("/l")), state)
        self.assertTrue(state.phase.is_down)


class PluginTest(unittest.TestCase):
    """supervisord's own events, of processes that only look like its own."""

    def setUp(self) -> None:
        before = events.callbacks[:]
        self.addCleanup(events.callbacks.__setitem__, slice(None), before)
        self.ends = supervisor_plugin.make(None, ports="")

    def notify(self, kind: type, name: str, pid: int = 7) -> None:
        process = mock.Mock(pid=pid, backoff=1)
        process.config.name = name
        events.notify(kind(process, None))

    def test_unrequested_ends_are_counted(self) -> None:
        self.notify(events.ProcessStateExitedEvent, "one")
        self.notify(events.ProcessStateBackoffEvent, "one")
        self.notify(events.ProcessStateExitedEvent, "another")
        self.notify(events.ProcessStateStoppedEvent, "one")
        self.notify(events.ProcessStateStartingEvent, "one")
        self.notify(events.ProcessStateBackoffEvent, "absent", pid=0)
        self.assertEqual({"one": 2, "another": 1}, self.ends.getEnds())

    def test_supervisord_answers_with_it(self) -> None:
        root = xmlrpc.RootRPCInterface([("vhost", self.ends)])
        self.notify(events.ProcessStateExitedEvent, "one")
        self.assertEqual({"one": 1}, xmlrpc.traverse(root, "vhost.getEnds", ()))

    def test_supervisord_loads_it(self) -> None:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(supervisor_file.render([program()], Path("/tmp")))
            file.flush()
            options = ServerOptions()
            options.realize(["-c", file.name])
        factories = {name: factory for name, factory, _ in options.rpcinterface_factories}
        self.assertIs(supervisor_plugin.make, factories["vhost"])


class FailureTest(unittest.TestCase):
    TRACEBACK = (
        "2026-11-24 ERROR nova Traceback (most recent call last):\n"
        '2026-11-24 ERROR nova   File "x.py", line 3, in <module>\n'
        "2026-11-24 ERROR nova ModuleNotFoundError: No module named 'nova.shceduler'\n"
        "2026-11-24 ERROR nova \n"
    )

    def test_causes(self) -> None:
        for text, cause in (
            ("[Errno 98] Address already in use", "another program has its port"),
            ("Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use",) * 2,
            ("{listen_error,{acceptor,{127,0,0,1},5672},eaddrinuse}", "another program"),
            ("OSError: [Errno 28] No space left on device", "the disk is full"),
            ("eheap_alloc: Cannot allocate 600 bytes of memory", "not enough memory"),
            ("(1049, \"Unknown database 'nova'\")", "schema is missing: 'nova'"),
            ("(1146, \"Table 'nova.services' doesn't exist\")", "missing: 'nova.services'"),
            ("Access denied for user 'openstack'@'127.0.0.1' (using", "'openstack'@'127.0.0.1'"),
            ("AMQP server on 127.0.0.1:5 is unreachable: x", "the broker at 127.0.0.1:5 does"),
            ("Can't connect to MySQL server on '127.0.0.1'", "the database does not answer"),
            ("supervisor: couldn't exec /x: ENOENT", "cannot be run: couldn't exec /x: ENOENT"),
            ("mkdir: Permission denied: '/var/x'", "lacks a permission: '/var/x'"),
            (self.TRACEBACK, "ModuleNotFoundError: No module named 'nova.shceduler'"),
            (
                "2026-11-24 01:02:03.004 7 ERROR nova.cmd [None req-1 - -] cannot bind x\n"
                "2026-11-24 01:02:03.005 7 INFO nova.cmd [-] exiting\n",
                "cannot bind x",
            ),
            ("one\ntwo\n\n", "two"),
        ):
            with self.subTest(text=text):
                found = failure.likely_cause(text)
                self.assertIn(cause if cause != text else "another program has its port", found)
                self.assertNotIn("\n", found)
        self.assertEqual("", failure.likely_cause(""))

    def test_it_is_one_line_with_the_log_beside_it(self) -> None:
        error = failure.in_lab("demo", "keystone", "ended (exit status 1)", ("a", "disk is full"))
        self.assertEqual(
            "keystone ended (exit status 1): the disk is full; "
            "'vhost lab logs keystone --name demo' shows its log",
            str(error),
        )
        self.assertEqual(("a", "disk is full"), error.lines)

    def test_secrets_are_masked_as_they_are_and_as_in_a_url(self) -> None:
        masked = failure.mask("amqp://u:a%2Fb%2Bc@h a/b+c swordfish", SECRETS.values)
        self.assertEqual("amqp://u:***@h *** ***", masked)
        self.assertEqual("http://u:***@proxy", failure.mask("http://u:p@proxy", ()))

    def test_the_tail_begins_at_the_offset_with_a_whole_line(self) -> None:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("old\nnew swordfish\n")
            file.flush()
            log = Path(file.name)
            self.assertEqual(("new ***",), failure.tail(log, SECRETS.values, 4))
            self.assertEqual(("old", "new ***"), failure.tail(log, SECRETS.values, 400))
            file.write("x" * 99 + "\n" + "y" * 64 * 1024)
            file.flush()
            self.assertEqual((), failure.tail(log, SECRETS.values))
            file.write("\nlast\n")
            file.flush()
            self.assertEqual(("last",), failure.tail(log))
        self.assertEqual((), failure.tail(log))


class PortsTest(unittest.TestCase):
    def test_they_are_different_and_free(self) -> None:
        chosen = tcp_ports.choose(20)
        self.assertEqual(20, len(set(chosen)))
        self.assertEqual((), tcp_ports.taken(chosen))

    def test_one_that_is_listened_on_is_taken(self) -> None:
        free = tcp_ports.choose(1)
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.assertTrue(tcp_ports.answers(port))
            self.assertEqual((port,), tcp_ports.taken((port, *free)))
        self.assertFalse(tcp_ports.answers(port))
        self.assertEqual((), tcp_ports.taken((port, *free)))


class PrivateTest(unittest.TestCase):
    def test_a_file_is_replaced_and_the_users_alone(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "new", "file")
            for text in ("one", "two"):
                atomic_file.write(path, text)
                self.assertEqual(text, path.read_text())
                self.assertEqual(0o600, path.stat().st_mode & 0o777)
            self.assertEqual([path], list(path.parent.iterdir()))
            self.assertEqual(0o700, path.parent.stat().st_mode & 0o777)

    def test_a_socket_is_reached_however_long_its_name(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "d" * 100, "e" * 100, "socket")
            path.parent.mkdir(parents=True)
            with private_files.near(path) as name, socket.socket(socket.AF_UNIX) as server:
                server.bind(name)
                server.listen()
                with private_files.near(path) as again, socket.socket(socket.AF_UNIX) as client:
                    client.connect(again)
            self.assertTrue(path.is_socket())
