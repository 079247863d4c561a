# SPDX-License-Identifier: Apache-2.0
"""The machine's apt settings for the time of a build, which may hold the password of a proxy.

They are on no command line, and only root of the tree that is built can read them there.
"""

import io
import os
import shlex
import tarfile
from collections.abc import Sequence
from pathlib import Path

# Where they are in the tree while it is built.
FILE = "etc/apt/apt.conf.d/99vhost"
_MODE = 0o600


def hook(settings: Sequence[str], work: Path) -> str:
    """The option by which mmdebstrap takes settings.

    It reads the file for the options as an ordinary user, and hands it to root of the tree.

    :param settings: lines of apt.conf(5)
    :param work: where the file for it is made; only this user can read it
    """
    archive = work / "apt-settings.tar"
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
        content = "".join(f"{line}\n" for line in settings).encode()
        member = tarfile.TarInfo(FILE)
        member.size, member.mode = len(content), _MODE
        tar.addfile(member, io.BytesIO(content))
    return f"--setup-hook=tar-in {shlex.quote(str(archive))} /"
