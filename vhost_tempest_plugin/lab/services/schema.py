# SPDX-License-Identifier: Apache-2.0
"""The databases of a release as they are before the first use, made once and copied.

The services' own commands take a minute of both processors to make them.
"""

import shutil
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration.settings import Ports, Settings
from vhost_tempest_plugin.lab.environment.environment import Environment
from vhost_tempest_plugin.lab.services import bootstrap, database, secret, services
from vhost_tempest_plugin.util import cache, tcp_ports
from vhost_tempest_plugin.util.progress import Progress

_KIND = "schema"
_SOURCES = ("bootstrap.py", "database.py", "schema.py")


def obtain(environment: Environment, progress: Progress) -> Path:
    """The data directory to copy, made where it is not in the cache; that takes a minute.

    :raises CommandError: one of the services' commands fails
    :raises StartError: MariaDB does not come up
    """

    def make(place: Path) -> None:
        progress(f"databases: making the tables of {environment.release.name} (once)")
        work = place / "work"
        work.mkdir(mode=0o700)
        settings = Settings(
            name=_KIND,
            directory=work,
            environment=environment.path,
            ports=Ports(*tcp_ports.choose(len(Ports.__dataclass_fields__))),
            secrets=secret.choose(),
            hosts=(),
        )
        settings.run.mkdir()
        services.write(settings)
        with database.running_alone(settings):
            database.create(settings)
            bootstrap.schema(settings, progress)
        database.directory(settings).rename(place / "mysql")
        shutil.rmtree(work)

    sources = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in _SOURCES)
    digest = cache.digest(environment.digest, database.version(), *sources)
    return cache.obtain(_KIND, digest, make, progress) / "mysql"
