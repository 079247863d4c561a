# SPDX-License-Identifier: Apache-2.0
"""Programs of Debian's packages that are unpacked and not installed: the machine stays as it is."""

import platform
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from vhost_tempest_plugin.util import cache as kept
from vhost_tempest_plugin.util import progress

# ZooKeeper with as much as it takes to answer over TLS, and a server for ssh, whose account
# libnss-wrapper stands in for. Java is expected on the machine.
PACKAGES = (
    *("bubblewrap", "libnss-wrapper", "openssh-server", "openssh-sftp-server"),
    *("libzookeeper-java", "libcommons-cli-java", "libcommons-io-java"),
    *("libjackson2-annotations-java", "libjackson2-core-java", "libjackson2-databind-java"),
    *("libfindbugs-annotations-java", "libdropwizard-metrics-java"),
    *("libnetty-java", "libslf4j-java"),
    *("libsnappy-java", "libsnappy-jni", "libsnappy1v5"),
)
_JARS = (
    *("zookeeper", "zookeeper-jute", "commons-cli", "commons-io", "findbugs-annotations"),
    *("jackson-annotations", "jackson-core", "jackson-databind", "metrics-core"),
    *("netty-buffer", "netty-codec", "netty-common", "netty-handler", "netty-resolver"),
    *("netty-transport", "netty-transport-native-epoll", "netty-transport-native-unix-common"),
    *("slf4j-api", "slf4j-simple", "snappy-java"),
)


@cache
def root() -> Path:
    """Where they are unpacked; downloaded if there are none, 10 MB."""
    release = platform.freedesktop_os_release()["VERSION_ID"]
    digest = kept.digest(release, platform.machine(), *PACKAGES)
    return kept.obtain("zuul-packages", digest, _unpack, progress.Lines())


def class_path() -> str:
    """For ZooKeeper."""
    return ":".join(str(root() / f"usr/share/java/{name}.jar") for name in _JARS)


def _unpack(directory: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="vhost-packages-") as scratch:
        # As who runs this: apt's own user cannot write here.
        words = ["apt-get", "-q", "-o", "APT::Sandbox::User=", "download", *PACKAGES]
        done = subprocess.run(words, cwd=scratch, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"apt-get download failed: {done.stderr}")
        for package in Path(scratch).glob("*.deb"):
            subprocess.run(["dpkg-deb", "--extract", package, directory], check=True)
