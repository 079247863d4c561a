# SPDX-License-Identifier: Apache-2.0
"""The servers around a real Zuul: ZooKeeper, MariaDB and ssh, each on loopback and its own.

All of a server's files are in the directory that it is given, secrets in such as only their
owner can read.
"""

import contextlib
import os
import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pymysql.cursors

from tests.zuul import debian
from vhost_tempest_plugin.util import atomic_file, private_files, process, speed, tcp_ports

LOOPBACK = "127.0.0.1"
_READY_S = 120.0
_STOP_S = 60.0
_TAIL = 4000


class Server:
    """A program that runs."""

    def __init__(self, name: str, log: Path, running: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.log = log
        self._running = running

    def has(self, news: str) -> bool:
        """Whether its log has what a regular expression finds.

        :raises AssertionError: it has ended
        """
        self.check()
        return re.search(news, self.log.read_text(errors="replace")) is not None

    def check(self) -> None:
        """Raise an error where it has ended."""
        if self._running.poll() is not None:
            tail = self.log.read_text(errors="replace")[-_TAIL:]
            raise AssertionError(f"{self.name} ended with {self._running.returncode}: {tail}")


@contextlib.contextmanager
def running(
    directory: Path,
    name: str,
    words: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Run a program, at most as long as this process."""
    log = directory / f"{name}.log"
    command = [process.which("setpriv"), "--pdeathsig", "KILL", *words]
    with log.open("wb") as said:
        server = subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=directory,
            start_new_session=True,
        )
    try:
        yield Server(name, log, server)
    finally:
        server.terminate()
        try:
            server.wait(_STOP_S * speed.timeout_scale())
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(
    what: str,
    condition: Callable[[], object],
    servers: Sequence[Server] = (),
    limit_s: float = _READY_S,
    poll_s: float = 0.2,
) -> None:
    """Wait until a condition is true; all servers must run that long."""
    end_s = time.monotonic() + limit_s * speed.timeout_scale()
    while not condition():
        for server in servers:
            server.check()
        if time.monotonic() > end_s:
            raise AssertionError(f"not within {limit_s:g} s: {what}")
        time.sleep(poll_s)


def new_directory(top: Path, name: str) -> Path:
    """One of its owner's alone."""
    directory = top / name
    directory.mkdir(mode=0o700)
    return directory


@dataclass(frozen=True)
class ZooKeeper:
    """Answers who has its key."""

    port: int
    key: Path
    certificate: Path


@contextlib.contextmanager
def zookeeper(directory: Path) -> Iterator[ZooKeeper]:
    """A ZooKeeper; it and its clients have one key, and a certificate that vouches for itself."""
    (port,) = tcp_ports.choose(1)
    key, certificate, both = (directory / f"{name}.pem" for name in ("key", "certificate", "both"))
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    words += ["-subj", f"/CN={LOOPBACK}", "-addext", f"subjectAltName=IP:{LOOPBACK}"]
    private_files.touch(key)
    words += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, check=True, capture_output=True)
    atomic_file.write(both, key.read_text() + certificate.read_text())
    settings = {
        "dataDir": new_directory(directory, "data"),
        "secureClientPort": port,
        "secureClientPortAddress": LOOPBACK,
        "serverCnxnFactory": "org.apache.zookeeper.server.NettyServerCnxnFactory",
        "ssl.keyStore.location": both,
        "ssl.trustStore.location": certificate,
        "admin.enableServer": "false",
        "tickTime": 2000,
    }
    configuration = directory / "zoo.cfg"
    atomic_file.write(configuration, "".join(f"{key}={value}\n" for key, value in settings.items()))
    java = str(process.which("java"))
    words = [java, "-Xmx256m", "-cp", debian.class_path()]
    words += ["org.apache.zookeeper.server.quorum.QuorumPeerMain", str(configuration)]
    with running(directory, "zookeeper", words, {"JMXDISABLE": "true"}) as server:
        wait_for("ZooKeeper listens", lambda: tcp_ports.answers(port), [server])
        yield ZooKeeper(port, key, certificate)


@dataclass(frozen=True)
class Database:
    """Zuul's, in a MariaDB."""

    port: int
    password: str

    @property
    def uri(self) -> str:
        return f"mysql+pymysql://zuul:{self.password}@{LOOPBACK}:{self.port}/zuul"

    def query(self, sql: str, *arguments: object) -> list[dict[str, Any]]:
        connection = pymysql.connect(
            host=LOOPBACK,
            port=self.port,
            user="zuul",
            password=self.password,
            database="zuul",
            cursorclass=pymysql.cursors.DictCursor,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return list(cursor.fetchall())

    def answers(self) -> bool:
        try:
            return bool(self.query("SELECT 1"))
        except pymysql.OperationalError:
            return False


@contextlib.contextmanager
def mariadb(directory: Path) -> Iterator[Database]:
    """A MariaDB with an empty database."""
    (port,) = tcp_ports.choose(1)
    database = Database(port, secrets.token_hex(16))
    data = directory / "data"
    begin = directory / "begin.sql"
    atomic_file.write(
        begin,
        "CREATE DATABASE zuul;\n"
        f"CREATE USER zuul@'{LOOPBACK}' IDENTIFIED BY '{database.password}';\n"
        f"GRANT ALL ON zuul.* TO zuul@'{LOOPBACK}';\n",
    )
    install: list[str | Path] = [
        process.which("mariadb-install-db"),
        "--no-defaults",
        f"--datadir={data}",
    ]
    install += ["--auth-root-authentication-method=socket", "--skip-test-db"]
    user = "--user=root" if os.geteuid() == 0 else "--skip-name-resolve"
    subprocess.run([*install, user], check=True, capture_output=True)
    words: list[str | Path] = [
        process.which("mariadbd"),
        "--no-defaults",
        f"--datadir={data}",
        user,
    ]
    words += [f"--socket={directory}/s", f"--bind-address={LOOPBACK}", f"--port={port}"]
    words += [f"--pid-file={directory}/pid", f"--init-file={begin}", "--skip-name-resolve"]
    with running(directory, "mariadb", words) as server:
        wait_for("MariaDB answers", database.answers, [server])
        begin.unlink()
        yield database


@dataclass(frozen=True)
class Node:
    """This machine for who has the key; with a home that is the test's."""

    port: int
    key: Path


# The user's home is ours, but what is kept in its cache is the machine's.
_IN_OWN_HOME = """
mkdir -p "$1/.cache" "$2/.cache"
mount --bind "$2/.cache" "$1/.cache"
mount --rbind "$1" "$2"
shift 2
exec "$@"
"""


@contextlib.contextmanager
def sshd(directory: Path, environment: Mapping[str, str]) -> Iterator[Node]:
    """This machine as root, by ssh.

    :param environment: of each session
    """
    (port,) = tcp_ports.choose(1)
    host, key = directory / "host", directory / "key"
    for path in (host, key):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)]
        subprocess.run(words, check=True)
    lines = {
        "Port": port,
        "ListenAddress": LOOPBACK,
        "HostKey": host,
        "AuthorizedKeysFile": key.with_suffix(".pub"),
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "PidFile": "none",
        # The directories above are anybody's, as /tmp is.
        "StrictModes": "no",
        "Subsystem": f"sftp {debian.root() / 'usr/lib/openssh/sftp-server'}",
        "SetEnv": " ".join(f"{name}={value}" for name, value in environment.items()),
    }
    configuration = directory / "sshd_config"
    atomic_file.write(configuration, "".join(f"{name} {value}\n" for name, value in lines.items()))
    # sshd asks for an account of its own, which the package's installation would make.
    accounts = directory / "passwd"
    accounts.write_text(
        Path("/etc/passwd").read_text() + "sshd:x:65534:65534::/run/sshd:/usr/sbin/nologin\n"
    )
    wrapper = next(debian.root().glob("usr/lib/*/libnss_wrapper.so"))
    wrapped = ["env", f"LD_PRELOAD={wrapper}", f"NSS_WRAPPER_PASSWD={accounts}"]
    wrapped += ["NSS_WRAPPER_GROUP=/etc/group", str(debian.root() / "usr/sbin/sshd")]
    wrapped += ["-D", "-e", "-f", str(configuration)]
    home = new_directory(directory, "home")
    words = ["unshare", "--mount", "--propagation", "slave", "sh", "-eu", "-c", _IN_OWN_HOME]
    words += ["sh", str(home), str(Path.home()), *wrapped]
    with _separated(), running(directory, "sshd", words) as server:
        wait_for("sshd listens", lambda: tcp_ports.answers(port), [server])
        yield Node(port, key)


@contextlib.contextmanager
def _separated() -> Iterator[None]:
    """The directory that sshd locks itself in, where nobody else has made it."""
    place = Path("/run/sshd")
    with contextlib.ExitStack() as stack:
        if not place.exists():
            place.mkdir(mode=0o755)
            stack.callback(place.rmdir)
        yield
