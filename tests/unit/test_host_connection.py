# SPDX-License-Identifier: Apache-2.0
"""A connection to a host, on a stand-in for OpenSSH: a script that runs the command here."""

import os
import socket
import tempfile
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.errors import HostError, TooMuchOutputError
from vhost_tempest_plugin.host import ssh
from vhost_tempest_plugin.host.ssh import HostConnection, Ssh
from vhost_tempest_plugin.util import process

# It notes its words; "-O" asks for a connection, which there is while the file "up" exists.
SSH = """\
#!/bin/sh
printf '%s\\n' "$@" >> "$STATE/words"
for word; do
    if [ "$word" = -O ]; then test -e "$STATE/up"; exit; fi
    last=$word
done
if [ ! -e "$STATE/up" ]; then echo 'Host key verification failed.' >&2; exit 255; fi
exec sh -c "$last"
"""
SCP = """\
#!/bin/sh
printf '%s\\n' "$@" >> "$STATE/words"
if [ ! -e "$STATE/up" ]; then echo 'no space' >&2; exit 1; fi
"""


class SshCase(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.state = Path(directory.name)
        for name, text in (("ssh", SSH), ("scp", SCP)):
            program = self.state / name
            program.write_text(text)
            program.chmod(0o755)
        path = f"{self.state}:{os.environ['PATH']}"
        patcher = mock.patch.dict(os.environ, {"PATH": path, "STATE": str(self.state)})
        patcher.start()
        self.addCleanup(patcher.stop)
        (self.state / "up").touch()
        self.connection = HostConnection(self.ssh(2222))

    def ssh(self, port: int) -> Ssh:
        return Ssh(self.state, port, Path("/k/50% key"), self.state / "known_hosts", "small")

    def words(self) -> list[str]:
        return (self.state / "words").read_text().splitlines()


class HostConnectionTest(SshCase):
    def test_words_arrive_as_they_are(self) -> None:
        words = ["a b", "c'd", "$HOME", "é", "", "*"]
        self.assertEqual(
            "a b|c'd|$HOME|é||*|", self.connection.run(["printf", "%s|", *words]).stdout
        )

    def test_the_hosts_key_is_checked_and_nothing_is_asked(self) -> None:
        self.connection.run(["true"])
        words = self.words()
        for word in (
            "-oStrictHostKeyChecking=yes",
            "-oHostKeyAlias=small",
            "-oBatchMode=yes",
            '-oIdentityFile="/k/50%% key"',
            f'-oUserKnownHostsFile="{self.state}/known_hosts"',
            "-oGlobalKnownHostsFile=/dev/null",
            "-oControlPath=ssh.socket",
            "root@127.0.0.1",
        ):
            self.assertIn(word, words)
        self.assertEqual(["-F", "none", "-p", "2222"], words[:4])

    def test_input(self) -> None:
        self.assertEqual("x\ny", self.connection.run(["cat"], input_text="x\ny").stdout)

    def test_a_command_that_fails(self) -> None:
        with self.assertRaisesRegex(HostError, r"'ls /nosuch' in the host exited with 2: .*nosuch"):
            self.connection.run(["ls", "/nosuch"])
        self.assertEqual(2, self.connection.run(["ls", "/nosuch"], check=False).returncode)

    def test_a_status_of_255_is_the_commands_while_the_connection_stands(self) -> None:
        self.assertEqual(255, self.connection.run(["sh", "-c", "exit 255"], check=False).returncode)

    def test_no_connection_is_an_error_even_unchecked(self) -> None:
        (self.state / "up").unlink()
        with self.assertRaisesRegex(HostError, "port 2222 failed .*Host key verification failed"):
            self.connection.run(["true"], check=False)

    def test_everything_has_a_limit_of_time(self) -> None:
        done = process.Completed([], 0, "", "")
        with (
            mock.patch.object(ssh.process, "run", return_value=done) as run,
            HostConnection(self.ssh(22)) as connection,
        ):
            connection.run(["true"])
            connection.put("text", "/file")
            connection.send([Path("/etc/passwd")], "/")
        self.assertEqual(4, run.call_count)
        for call in run.call_args_list:
            self.assertGreater(call.kwargs["timeout_s"], 0)

    def test_one_that_prints_without_end(self) -> None:
        error = TooMuchOutputError("ssh printed too much")
        with (
            mock.patch.object(ssh.process, "run", side_effect=error),
            self.assertRaisesRegex(HostError, "'yes' in the host printed too much"),
        ):
            HostConnection(self.ssh(22)).run(["yes"])

    def test_out_of_time(self) -> None:
        with self.assertRaisesRegex(HostError, "'sleep 9' in the host did not end within"):
            self.connection.run(["sleep", "9"], timeout_s=0.2)

    def test_one_that_is_awake_lets_us_in_or_not(self) -> None:
        self.assertIsNotNone(self.connection.lets_in(9.5))
        self.assertIn("-oConnectTimeout=10", self.words())
        (self.state / "up").unlink()
        self.assertIsNone(self.connection.lets_in(9.5))

    def test_one_that_hangs_does_not_let_us_in(self) -> None:
        (self.state / "ssh").write_text("#!/bin/sh\nexec sleep 9\n")
        self.assertIsNone(self.connection.lets_in(0.2))

    def program(self, name: str, text: str) -> None:
        """Put a program before the machine's own."""
        path = self.state / name
        path.write_text(text)
        path.chmod(0o755)

    def test_how_far_its_clock_is_behind(self) -> None:
        for behind_s in (0, 3600, -90):
            with self.subTest(behind_s=behind_s):
                now = f"exec /bin/date -d '{-behind_s} seconds' \"$@\""
                self.program("date", f"#!/bin/sh\n{now}\n")
                lag_s = self.connection.lets_in(9.5)
                assert lag_s is not None
                self.assertAlmostEqual(behind_s, lag_s, delta=0.5)

    def test_an_answer_that_is_no_time(self) -> None:
        self.program("date", "#!/bin/sh\necho Welcome\n")
        with self.assertRaisesRegex(HostError, r"'date' says 'Welcome\\n'"):
            self.connection.lets_in(9.5)

    def test_its_clock_is_set(self) -> None:
        setting = 'if [ "$2" = -s ]; then echo "$3" >"$STATE/set"; exit; fi'
        for behind_s in (3600.25, -90.0):
            with self.subTest(behind_s=behind_s):
                now = f"exec /bin/date -d '{-behind_s} seconds' \"$@\""
                self.program("date", f"#!/bin/sh\n{setting}\n{now}\n")
                self.connection.set_clock()
                step, unit = (self.state / "set").read_text().split()
                self.assertEqual("seconds", unit)
                self.assertRegex(step, r"^[+-]")
                self.assertAlmostEqual(behind_s, float(step), delta=0.5)

    def test_put(self) -> None:
        path = self.state / "new" / "file"
        self.connection.put("text", str(path), 0o600)
        self.assertEqual("text", path.read_text())
        self.assertEqual(0o600, path.stat().st_mode & 0o777)

    def test_send(self) -> None:
        self.connection.send([Path("/a/kernel")], "/run/x")
        self.assertEqual(
            ["-O", "-q", "--", "/a/kernel", "root@127.0.0.1:/run/x/"], self.words()[-5:]
        )
        self.assertIn("-P", self.words())
        (self.state / "up").unlink()
        with self.assertRaisesRegex(HostError, "cannot copy to '/run/x' in the host: no space"):
            self.connection.send([Path("/a/kernel")], "/run/x")

    def test_leaving_lets_the_connection_end(self) -> None:
        with self.connection:
            pass
        self.assertIn("stop", self.words())


class WaitTest(SshCase):
    @contextmanager
    def server(self, greetings: list[bytes]) -> Iterator[int]:
        """A server that greets its clients so, one after the other; gives its port."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=self.serve, args=(listener, greetings))
            thread.start()
            yield listener.getsockname()[1]
            thread.join()

    @staticmethod
    def serve(listener: socket.socket, greetings: list[bytes]) -> None:
        for greeting in greetings:
            link, _ = listener.accept()
            with link:
                link.sendall(greeting)

    def test_a_port_that_only_accepts_is_not_ready(self) -> None:
        attempts: list[None] = []
        with self.server([b"", b"", b"SSH-2.0-OpenSSH_9.2\r\n"]) as port:
            lag_s = HostConnection(self.ssh(port)).wait_until_ready(
                limit_s=20, watch=lambda: attempts.append(None)
            )
        self.assertEqual(2, len(attempts))
        self.assertAlmostEqual(0, lag_s, delta=0.5)

    def test_it_gives_up(self) -> None:
        with self.server([]) as port:
            pass
        with self.assertRaisesRegex(HostError, f"server on port {port}; 'vhost console small'"):
            HostConnection(self.ssh(port)).wait_until_ready(limit_s=0.3)

    def test_who_watches_can_end_it(self) -> None:
        def watch() -> None:
            raise HostError("QEMU is gone")

        with self.server([]) as port:
            pass
        with self.assertRaisesRegex(HostError, "QEMU is gone"):
            HostConnection(self.ssh(port)).wait_until_ready(limit_s=20, watch=watch)

    def test_a_host_that_does_not_let_us_in(self) -> None:
        (self.state / "up").unlink()
        with (
            self.server([b"SSH-2.0-OpenSSH_9.2\r\n"]) as port,
            self.assertRaisesRegex(HostError, "Host key verification failed"),
        ):
            HostConnection(self.ssh(port)).wait_until_ready(limit_s=20)
