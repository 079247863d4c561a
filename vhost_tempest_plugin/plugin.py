# SPDX-License-Identifier: Apache-2.0
"""What tempest loads: where the tests are, the options and the service clients."""

from pathlib import Path
from typing import Any

from oslo_config import cfg
from tempest import config
from tempest.test_discover import plugins

from vhost_tempest_plugin import config as vhost_config


class VhostTempestPlugin(plugins.TempestPlugin):  # type: ignore[misc]
    """The entry point ``vhost_tests`` of the namespace ``tempest.test_plugins``."""

    def load_tests(self) -> tuple[str, str]:
        """The directory of the tests and the one their module names start from."""
        package = Path(__file__).resolve().parent
        return str(package / "scenario"), str(package.parent)

    def register_opts(self, conf: cfg.ConfigOpts) -> None:
        """Add the plugin's options to tempest's configuration."""
        for group, options in vhost_config.list_opts():
            config.register_opt_group(conf, group, options)

    def get_opt_lists(self) -> list[tuple[str, list[cfg.Opt]]]:
        """The options for tempest's own sample configuration."""
        return [(group.name, options) for group, options in vhost_config.list_opts()]

    def get_service_clients(self) -> list[dict[str, Any]]:
        """The clients of ``services``, which tempest's client managers have as ``vhost``."""
        return [
            {
                "name": "vhost",
                "service_version": "vhost",
                "module_path": "vhost_tempest_plugin.scenario.services",
                "client_names": ["ServerTopologyClient"],
                **config.service_client_config("compute"),
            }
        ]
