# SPDX-License-Identifier: Apache-2.0
import unittest

from vhost_tempest_plugin.lab.environment import pip_output

COLLECTING = [
    "Collecting nova==34.0.0",
    "  Downloading nova-34.0.0-py3-none-any.whl (5.1 MB)",
    "Requirement already satisfied: pbr in ./lib (7.1.3)",
    "Collecting oslo.log>=8.0.0",
]


class StageTest(unittest.TestCase):
    def test_stages(self) -> None:
        building = [
            *COLLECTING,
            "Building wheels for collected packages: a",
            "  Building wheel for a (pyproject.toml): started",
        ]
        for lines, news in (
            ([], "asking the package index"),
            (COLLECTING, "collecting packages, 3 so far"),
            (building, "building a"),
            ([*building, "Installing collected packages: a, nova"], "installing 2 packages"),
            (["Installing collected packages: nova"], "installing nova"),
        ):
            with self.subTest(news=news):
                self.assertEqual(news, pip_output.stage(lines))


class CauseTest(unittest.TestCase):
    def test_a_package_that_the_index_lacks(self) -> None:
        lines = [
            "Looking in indexes: https://me:secret@index.example/simple",
            "ERROR: Could not find a version that satisfies the requirement"
            " nova==99 (from versions: 1.0)",
            "ERROR: No matching distribution found for nova==99",
        ]
        cause = pip_output.cause(lines)
        self.assertIn("the package index has no 'nova==99'", cause.fact)
        self.assertIn("'pip config list'", cause.hint)
        self.assertNotIn("index.example", cause.fact)

    def test_no_network_is_not_taken_for_a_missing_package(self) -> None:
        lines = [
            "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by ...",
            "ERROR: No matching distribution found for nova",
        ]
        self.assertIn("no package index was reached for 'nova'", pip_output.cause(lines).fact)

    def test_a_pinned_version_that_the_index_lacks(self) -> None:
        for depends in ((), ("    oslo-db 18.1.1 depends on alembic!=1.0 and >=0.9.6",)):
            lines = [
                "ERROR: Cannot install alembic because these package versions have conflicting"
                " dependencies.",
                "The conflict is caused by:",
                *depends,
                "    The user requested (constraint) alembic==1.20.1",
                "ERROR: ResolutionImpossible: for help visit https://pip.example",
            ]
            with self.subTest(depends=depends):
                self.assertIn("index has no 'alembic==1.20.1'", pip_output.cause(lines).fact)

    def test_a_conflict_names_both_sides(self) -> None:
        lines = [
            "    neutron 29.0.0 depends on pbr!=2.1.0 and >=4.0.0",
            "    oslo-db 18.1.1 depends on Alembic<1.20 and >=0.9.6",
            "    The user requested (constraint) alembic==1.20.1",
            "ERROR: ResolutionImpossible: for help visit https://pip.example",
        ]
        self.assertEqual(
            pip_output.Cause(
                "oslo-db 18.1.1 depends on Alembic<1.20 and >=0.9.6, not alembic==1.20.1",
                "correct the release's constraints",
            ),
            pip_output.cause(lines),
        )

    def test_a_package_that_does_not_build(self) -> None:
        lines = [
            "  build/libvirt.h:1:10: fatal error: Python.h: No such file or directory",
            "  ERROR: Failed building wheel for libvirt-python",
            "ERROR: Could not build wheels for libvirt-python, which is required to install",
        ]
        self.assertEqual(
            pip_output.Cause(
                "'libvirt-python' does not build (fatal error: Python.h: No such file or"
                " directory)",
                "run 'vhost doctor' for what it needs",
            ),
            pip_output.cause(lines),
        )

    def test_anything_else_is_the_last_error_without_addresses(self) -> None:
        lines = ["ERROR: first", "ERROR: cannot read https://me:secret@index.example/x", "note: x"]
        self.assertEqual("ERROR: cannot read ...", pip_output.cause(lines).fact)
        self.assertEqual(
            pip_output.Cause("Killed"), pip_output.cause(["Collecting a", "Killed", ""])
        )
        self.assertEqual("pip said nothing", pip_output.cause([]).fact)
