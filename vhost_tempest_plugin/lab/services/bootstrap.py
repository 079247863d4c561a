# SPDX-License-Identifier: Apache-2.0
"""What a lab's services need before they can be used: tables, cells, accounts, contents."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from vhost_tempest_plugin.cloud.client import accounts
from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration import common, nova
from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import REGION, Settings
from vhost_tempest_plugin.lab.services import services
from vhost_tempest_plugin.util import interpreter, process, speed
from vhost_tempest_plugin.util.die_with_parent import killed_with_parent
from vhost_tempest_plugin.util.progress import Progress, silent

_LIMIT_S = 300.0

# Where a cell's database and broker are, as Nova completes it from its own configuration: so
# a database can be copied to a lab with other ports and passwords (nova/objects/cell_mapping.py).
_SERVER = "{scheme}://{username}:{password}@{hostname}"
_CELL_BROKER = f"{_SERVER}:{{port}}/"
_CELL_DATABASES = {name: f"{_SERVER}/{name}?{{query}}" for name in Database}

Commands = Sequence[Sequence[str]]

# By who runs them; those of one service one after the other.
_SCHEMAS: dict[Service, tuple[str, Commands]] = {
    Service.NOVA_API: (
        "nova-manage",
        (
            ("api_db", "sync"),
            ("cell_v2", "map_cell0", "--database_connection", _CELL_DATABASES[Database.NOVA_CELL0]),
            (
                *("cell_v2", "create_cell", "--name", nova.CELL),
                *("--transport-url", _CELL_BROKER),
                *("--database_connection", _CELL_DATABASES[Database.NOVA_CELL1]),
            ),
            ("db", "sync"),
        ),
    ),
    Service.NEUTRON: ("neutron-db-manage", (("upgrade", "heads"),)),
    Service.KEYSTONE: ("keystone-manage", (("db_sync",),)),
    Service.GLANCE: ("glance-manage", (("db_sync",),)),
    Service.PLACEMENT: ("placement-manage", (("db", "sync"),)),
}


def schema(settings: Settings, progress: Progress = silent) -> None:
    """Make the tables of all services and Nova's cells, in databases that are empty.

    The database runs, its databases are there and the services' files are written.  Nothing
    of what is made depends on the lab's ports and secrets.

    :raises CommandError: one of the services' own commands fails
    """
    with ThreadPoolExecutor(len(_SCHEMAS)) as pool:
        made = [
            pool.submit(_make_schema, settings, service, program, commands, progress)
            for service, (program, commands) in _SCHEMAS.items()
        ]
    for future in made:
        future.result()


def upgrade_nova(settings: Settings) -> None:
    """Make Nova's tables those of the Nova under test, where it has migrations of its own.

    :raises CommandError: ``nova-manage`` fails
    """
    for words in (("api_db", "sync"), ("db", "sync")):
        _run(settings, Service.NOVA_API, "nova-manage", words)


def identity(settings: Settings) -> None:
    """Make the administrator, the services' accounts and the catalogue; keystone runs.

    :raises CommandError: ``keystone-manage bootstrap`` fails
    :raises CloudError: keystone refuses
    """
    url = common.url(settings, Service.KEYSTONE)
    _run(
        settings,
        Service.KEYSTONE,
        "keystone-manage",
        (
            *("bootstrap", "--bootstrap-username", common.ADMIN),
            *("--bootstrap-project-name", common.ADMIN),
            *("--bootstrap-region-id", REGION, "--bootstrap-service-name", Service.KEYSTONE),
            *("--bootstrap-public-url", url, "--bootstrap-internal-url", url),
        ),
        {"OS_BOOTSTRAP_PASSWORD": settings.secrets.admin},
    )
    with Cloud.open(settings) as cloud:
        accounts.ensure(settings, cloud)


def _make_schema(
    settings: Settings, service: Service, program: str, commands: Commands, progress: Progress
) -> None:
    begun_s = time.monotonic()
    for words in commands:
        _run(settings, service, program, words)
    progress(f"{program}: {time.monotonic() - begun_s:.1f} s")


def _run(
    settings: Settings,
    service: Service,
    program: str,
    words: Sequence[str],
    secret: dict[str, str] | None = None,
) -> None:
    """Run one of a service's commands from the environment.

    :param secret: variables of its environment
    """
    script = settings.environment / "bin" / program
    configuration = services.file(settings, service)
    process.run(
        killed_with_parent(
            interpreter.of(settings.environment, script, "--config-file", configuration, *words)
        ),
        environment={
            **interpreter.NEUTRAL,
            **services.variables(settings, service),
            **(secret or {}),
        },
        directory=settings.etc(service),
        timeout_s=_LIMIT_S * speed.timeout_scale(),
    )
