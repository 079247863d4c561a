# SPDX-License-Identifier: Apache-2.0
"""The limits of a real cgroup, of whichever version this machine has."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

LIMIT_MIB = 300
BASE = Path("/sys/fs/cgroup")
# In a cgroup within the one that has the limit: what this process and what a lab can have.
ASK = """
import sys
from pathlib import Path
from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host.doctor.doctor import ResourceRequirement
from vhost_tempest_plugin.lab import preflight
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.util import capacity
print(capacity.memory().total_mib, capacity.cpus(), capacity.jobs())
try:
    preflight.require(Path("/"), ResourceRequirement(catalog.find("small"), lab=True), 0)
except LocalError as error:
    print(error.fact)
"""


class CgroupTest(unittest.TestCase):
    def made(self, parent: Path, **files: object) -> Path:
        """A cgroup with a limit; gives one below it."""
        outer = parent / f"vhost-test-{os.getpid()}"
        try:
            outer.mkdir()
            self.addCleanup(outer.rmdir)
            for name, content in files.items():
                (outer / name.replace("__", ".")).write_text(str(content))
            inner = outer / "inner"
            inner.mkdir()
            self.addCleanup(inner.rmdir)
        except OSError as error:
            self.skipTest(f"no cgroup can be made here: {error}")
        return inner

    def test_a_limit_counts_as_the_size_of_the_machine(self) -> None:
        limit = LIMIT_MIB << 20
        controllers = BASE / "cgroup.controllers"
        if controllers.exists() and {"memory", "cpu"} <= set(controllers.read_text().split()):
            cgroups = [self.made(BASE, memory__max=limit, cpu__max="50000 100000")]
        else:
            cgroups = [
                self.made(BASE / "memory", memory__limit_in_bytes=limit),
                self.made(BASE / "cpu", cpu__cfs_quota_us=50000),
            ]
        joining = "".join(f"echo $$ >{cgroup}/cgroup.procs; " for cgroup in cgroups)
        argv = ["sh", "-ec", f'{joining}exec "$@"', "sh", sys.executable, "-c", ASK]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        size, refusal = done.stdout.splitlines()
        self.assertEqual((f"{LIMIT_MIB} 0.5 1", ""), (size, done.stderr))
        self.assertRegex(refusal, r"the lab takes up to \d+ MiB of memory and [12]\d\d MiB are fr")


if __name__ == "__main__":
    unittest.main()
