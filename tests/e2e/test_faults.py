# SPDX-License-Identifier: Apache-2.0
"""A short campaign of faults; ``make faults`` runs a long one."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tests.e2e import arena
from tests.e2e.faults.__main__ import MODULE, environment
from vhost_tempest_plugin.util import speed

_SEED = 3
_FAULTS = 12
_LIMIT_S = 900.0


class FaultsTest(unittest.TestCase):
    """Faults of hosts and networks; the seed was chosen for its many kinds."""

    def test_each_is_healed(self) -> None:
        if reason := arena.lacking():
            self.skipTest(reason)
        with tempfile.TemporaryDirectory() as scratch:
            output = Path(scratch) / "faults.jsonl"
            words = ["--seed", str(_SEED), "--faults", str(_FAULTS), "--output", str(output)]
            done = subprocess.run(
                [sys.executable, *MODULE, "--subjects", "host", "network", *words],
                env=environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=_LIMIT_S * speed.timeout_scale(),
            )
            outcomes = [json.loads(line) for line in output.read_text().splitlines()]
        self.assertEqual(0, done.returncode, f"{done.stdout}{done.stderr}")
        self.assertEqual([[]] * _FAULTS, [outcome["violations"] for outcome in outcomes])
        self.assertLess(5, len({outcome["kind"] for outcome in outcomes}))
