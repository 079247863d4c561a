# SPDX-License-Identifier: Apache-2.0
"""The image's build against a bare mmdebstrap of the same packages."""

import os
from collections.abc import Iterator
from pathlib import Path

from vhost_tempest_plugin.bench.measurement import Measurement, in_turn, seconds
from vhost_tempest_plugin.bench.setting import Setting
from vhost_tempest_plugin.host.image import apt_settings, archives, distribution
from vhost_tempest_plugin.util import interpreter, process

_AIM = 1.15
_BUILD = "from vhost_tempest_plugin.host import image; image.build()"


def measure(setting: Setting) -> Iterator[Measurement]:
    """Both with nothing cached, in turn."""

    def build_s() -> float:
        with setting.workplace.fresh("cache") as cache:
            environment = setting.workplace.environment(cache)
            return seconds(
                lambda: process.run(interpreter.own("-c", _BUILD), environment=environment)
            )

    def bootstrap_s() -> float:
        with setting.workplace.fresh("bootstrap") as work:
            words = argv(work)
            return seconds(lambda: process.run(words))

    samples, baseline = in_turn(
        setting.runs, build_s, bootstrap_s, report=setting.about("image build, bare mmdebstrap, s")
    )
    yield Measurement("image build", "s", samples, "bare mmdebstrap", baseline, _AIM)


def argv(work: Path) -> list[str | Path]:
    """A bare mmdebstrap of the image's packages into the empty directory *work*.

    From the same archives with the same exclusions, without the image's configuration,
    its initramfs, kernel and disk.  Its target is a tar archive for an ordinary user.
    """
    system = distribution.here()
    sources = work / "sources"
    sources.touch(mode=0o600)
    sources.write_text(
        "\n".join(archive.stanza() for archive in archives.own(system)), encoding="utf-8"
    )
    as_root = os.geteuid() == 0
    return [
        process.which("mmdebstrap"),
        f"--mode={'root' if as_root else 'unshare'}",
        f"--format={'directory' if as_root else 'tar'}",
        "--variant=apt",
        '--aptopt=APT::Install-Recommends "false"',
        apt_settings.hook(archives.settings(), work),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in distribution.EXCLUDED),
        "--dpkgopt=force-unsafe-io",
        f"--include={','.join(system.packages)}",
        system.codename,
        work / ("root" if as_root else "root.tar"),
        sources,
    ]
