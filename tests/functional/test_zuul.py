# SPDX-License-Identifier: Apache-2.0
"""zuul.d as Zuul's own loader takes it, with what is elsewhere declared in tests/zuul."""

import re
import shutil
import tempfile
import unittest
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import yaml

from tests.zuul import loading
from tests.zuul.loading import TOP, Loaded
from vhost_tempest_plugin.lab.environment import release
from vhost_tempest_plugin.topology import catalog

OURS = "vhost-tempest-plugin"
MOST_TIMEOUT_S = 10800  # opendev's tenants have 3 h for a job, unless they say otherwise

# What the roles of others that our jobs are run by say of their variables: devstack's
# roles/orchestrate-devstack and write-devstack-local-conf, tempest's run-tempest, zuul-jobs' tox
# and bindep.
FOREIGN = {
    "devstack_local_conf": dict,
    "devstack_localrc": dict,
    "devstack_plugins": dict,
    "devstack_services": dict,
    "tempest_concurrency": int,
    "tempest_exclude_regex": str,
    "tempest_plugins": list,
    "tempest_test_regex": str,
    "tox_envlist": str,
    "bindep_profile": str,
    "zuul_copy_output": dict,
}
# What our playbooks take from a job.
OWN = {"vhost_topology": str, "vhost_lab_tests": list}


class ZuulTest(unittest.TestCase):
    loaded: ClassVar[Loaded]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.loaded = loading.load()

    def test_it_loads(self) -> None:
        self.assertEqual([], self.loaded.errors)

    def test_the_jobs(self) -> None:
        wanted = {"base", "smoke", "full", "sockets", "smt", "mutants", "multinode", "lab"}
        self.assertLessEqual({f"{OURS}-{name}" for name in wanted}, set(self.loaded.jobs))

    def test_each_release_has_a_job(self) -> None:
        for name in release.catalogue():
            with self.subTest(release=name):
                job = self.loaded.jobs[f"{OURS}-smoke-{name.replace('.', '-')}"]
                self.assertEqual(f"stable/{name}", job["override_checkout"])

    def test_each_job_says_what_it_is_and_has_a_playbook(self) -> None:
        for name, job in self.loaded.jobs.items():
            with self.subTest(job=name):
                self.assertTrue(job["description"])
                self.assertLessEqual(self.loaded.first(name, "timeout"), MOST_TIMEOUT_S)
                for path in job["playbooks"]:
                    self.assertTrue((TOP / path).is_file(), path)

    def test_our_source_is_on_every_node(self) -> None:
        """Also in the jobs of other projects, where Zuul would not have it by itself."""
        for name in self.loaded.jobs:
            if name != f"{OURS}-functional":
                projects = {p for job in self.loaded.ancestry(name) for p in job["projects"]}
                self.assertIn(loading.PROJECT, projects, name)

    def test_variables_are_of_the_types_that_their_roles_take(self) -> None:
        for name in self.loaded.jobs:
            found = self.loaded.variables(name)
            with self.subTest(job=name):
                self.assertEqual([], wrong_types(found))

    def test_the_plugin_knows_all_that_jobs_set(self) -> None:
        settings = (TOP / "devstack" / "settings").read_text()
        known = set(re.findall(r"^(VHOST_\w+)=", settings, flags=re.M))
        self.assertIn("define_plugin vhost-tempest-plugin\n", settings)
        for name, job in self.loaded.jobs.items():
            given = [self.loaded.variables(name), *job["group_variables"].values()]
            names = {key for each in given for key in each.get("devstack_localrc", {})}
            self.assertLessEqual({key for key in names if key.startswith("VHOST_")}, known, name)

    def test_topologies_exist_and_fit(self) -> None:
        for name in self.loaded.jobs:
            topology = self.loaded.variables(name).get("vhost_topology")
            if topology is not None:
                with self.subTest(job=name):
                    self.assertLess(catalog.find(topology).host.memory_mib, 5 * 1024)

    def test_every_alternative_has_the_same_nodes_and_groups(self) -> None:
        nodesets = self.loaded.facts["nodesets"]
        choices = {name: each["alternatives"] for name, each in nodesets.items()}
        for name, alternatives in choices.items():
            if alternatives:
                with self.subTest(nodeset=name):
                    first, *others = [nodesets[each] for each in alternatives]
                    self.assertTrue(others)
                    for other in others:
                        self.assertEqual(first["nodes"], other["nodes"])
                        self.assertEqual(first["groups"], other["groups"])

    def test_nested_virtualization_is_switched_off_in_one_place(self) -> None:
        """As zuul.d/nodesets.yaml says: without the alternatives, only plain nodes are asked."""
        path = TOP / "zuul.d" / "nodesets.yaml"
        text = re.sub(r"^ +- vhost-\w+-node-nested-virt\n", "", path.read_text(), flags=re.M)
        self.assertNotEqual(path.read_text(), text)
        loaded = changed("nodesets.yaml", text)
        self.assertEqual([], loaded.errors)
        for name in ("vhost-single-node", "vhost-two-node"):
            (left,) = loaded.facts["nodesets"][name]["alternatives"]
            labels = set(loaded.facts["nodesets"][left]["labels"])
            self.assertEqual({"ubuntu-noble"}, labels)

    def test_what_gates_is_checked_first_and_votes(self) -> None:
        (project,) = [
            config
            for name, configs in self.loaded.facts["projects"].items()
            if name.endswith(loading.PROJECT)
            for config in configs
        ]
        self.assertEqual(OURS, project["queue"])
        pipelines = project["pipelines"]
        for name, votes in pipelines["gate"].items():
            self.assertTrue(votes and pipelines["check"][name], name)

    def test_the_snippets_of_the_documentation(self) -> None:
        """What Nova's maintainers paste loads as their project's."""
        snippets = sorted((TOP / "doc/source/contributor/snippets").glob("*.yaml"))
        self.assertEqual(3, len(snippets))
        for path in snippets:
            with self.subTest(snippet=path.name):
                loaded = loading.load(nova=path)
                self.assertEqual([], loaded.errors)
                self.assertIn("opendev.org/openstack/nova", loaded.facts["projects"])


class WrongTest(unittest.TestCase):
    """That it can fail: each of these is one mistake, and Zuul or the types find it."""

    MISTAKES = (
        ("timeouts: 60", "extra keys not allowed"),
        ("timeout: long", "expected int"),
        ("timeout: 20000", "max-job-timeout"),
        ("nodeset: unheard-of", "unheard-of"),
        ("required-projects: openstack/unheard-of", "openstack/unheard-of"),
        ("vars: [vhost_topology]", "expected dict"),
        ("vars: {vhost-topology: small}", "Invalid Ansible variable name"),
        ("irrelevant-files: ['(']", "missing"),
        ("pre-run: [{path: a.yaml}]", "extra keys not allowed"),
        ("parent: unheard-of", "Job unheard-of not defined"),
    )
    VARIABLES = ("vhost_topology: 3", "devstack_services: [tempest]", "unknown: 1")

    def test_mistakes_of_jobs(self) -> None:
        lines = dict(enumerate(line for line, _ in self.MISTAKES))
        errors = self.loaded(lines).errors
        for number, (line, said) in enumerate(self.MISTAKES):
            with self.subTest(line=line):
                found = [error for error in errors if f"name: wrong-{number}\n" in error]
                self.assertEqual(1, len(found))
                self.assertIn(said, found[0])
        self.assertEqual(len(self.MISTAKES), len(errors))

    def test_variables_of_the_wrong_type(self) -> None:
        loaded = self.loaded({n: f"vars: {{{each}}}" for n, each in enumerate(self.VARIABLES)})
        self.assertEqual([], loaded.errors)
        for number, each in enumerate(self.VARIABLES):
            with self.subTest(variables=each):
                self.assertEqual(1, len(wrong_types(loaded.variables(f"wrong-{number}"))))

    def test_an_unknown_job_in_a_pipeline(self) -> None:
        text = yaml.dump([{"project": {"check": {"jobs": [f"{OURS}-unheard-of"]}}}])
        self.assertIn("unheard-of not defined", changed("more.yaml", text).errors[0])

    def loaded(self, lines: Mapping[int, str]) -> Loaded:
        """Ours with a job more for each line."""
        stanzas = [
            f"- job:\n    name: wrong-{number}\n"
            + ("" if line.startswith("parent") else f"    parent: {OURS}-base\n")
            + f"    {line}\n"
            for number, line in lines.items()
        ]
        return changed("wrong.yaml", "\n".join(stanzas))


def changed(name: str, text: str) -> Loaded:
    """The tenant with another text for one of our files."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(TOP / "zuul.d", Path(scratch) / "zuul.d")
        (Path(scratch) / "zuul.d" / name).write_text(text)
        return loading.load(Path(scratch))


def wrong_types(variables: dict[str, object]) -> list[str]:
    """The variables that no role takes, or not of their type."""
    known = {**FOREIGN, **OWN}
    return [
        f"{name} is {value!r}, not {known[name].__name__ if name in known else 'anything known'}"
        for name, value in variables.items()
        if name not in known or not isinstance(value, known[name])
    ]
