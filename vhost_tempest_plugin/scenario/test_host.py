# SPDX-License-Identifier: Apache-2.0
"""The emulated host is what its topology says."""

import json

from tempest import config, test
from tempest.lib import decorators

from vhost_tempest_plugin.host.checks.finding import CheckVerdict
from vhost_tempest_plugin.util import interpreter, process

CONF = config.CONF
_TIME_LIMIT_S = 1800
_GOOD = frozenset({CheckVerdict.PASSED, CheckVerdict.NOT_APPLICABLE})


class EmulatedHostTest(test.BaseTestCase):  # type: ignore[misc]
    """Looks at emulated hosts of ``[vhost]hosts`` through the ``vhost`` command; needs no cloud."""

    @classmethod
    def skip_checks(cls) -> None:
        super().skip_checks()
        if not _emulated():
            raise cls.skipException("[vhost]hosts is not set: no emulated host to look at")

    @decorators.attr(type=["host", "slow"])
    @decorators.idempotent_id("7d8e2c7e-5d8b-4f5e-9f53-6d1f3a0f5a10")
    def test_host_is_what_its_topology_says(self) -> None:
        for host in _emulated():
            topology = CONF.vhost.topologies.get(host) or CONF.vhost.topology
            findings = _findings(host, CONF.vhost.checks, topology)
            self.assertNotEqual([], findings)
            self.assertEqual([], [f for f in findings if f["verdict"] not in _GOOD])


def _emulated() -> list[str]:
    """The hosts that are emulated on this machine."""
    return [host for host in CONF.vhost.hosts if host not in CONF.vhost.ssh_addresses]


def _findings(host: str, checks: list[str], topology: str | None) -> list[dict[str, str]]:
    """What ``vhost check`` finds; its exit status repeats the verdicts, so it is not looked at."""
    vhost = str(interpreter.own_program("vhost"))
    against = ["--compare-with", topology] if topology else []
    command = [vhost, "check", host, *checks, *against, "--format", "json"]
    done = process.run(command, timeout_s=_TIME_LIMIT_S, check=False)
    try:
        findings: list[dict[str, str]] = json.loads(done.stdout)
    except ValueError:
        raise AssertionError(f"vhost check printed nothing: {done.stderr.strip()}") from None
    return findings
