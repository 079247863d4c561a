# SPDX-License-Identifier: Apache-2.0
import io
import json
import os
import re
import unittest
from dataclasses import replace
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg

from tests.unit.lab_settings import SECRETS, host, settings
from vhost_tempest_plugin.cloud.configuration import client, override, render
from vhost_tempest_plugin.cloud.configuration.override import CONFIGURABLE
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Options, Override
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.lab.services import tunnels

GOLDEN = Path(__file__).parent / "golden" / "configuration"
REGENERATE = "VHOST_REGENERATE_GOLDEN"


def read(text: str) -> dict[str, dict[str, list[str]]]:
    """What oslo.config makes of a file."""
    sections: dict[str, dict[str, list[str]]] = {}
    parser = cfg.ConfigParser("", {})
    # What options are looked up in.
    parser._add_normalized(sections)
    cfg.iniparser.BaseParser.parse(parser, io.StringIO(text))
    return sections


class GoldenTest(unittest.TestCase):
    """VHOST_REGENERATE_GOLDEN=1 writes the files anew; read the difference before committing."""

    def check(self, name: str, text: str) -> None:
        golden = GOLDEN / name
        if os.environ.get(REGENERATE):
            golden.parent.mkdir(exist_ok=True)
            golden.write_text(text)
        self.assertEqual(golden.read_text(), text, f"set {REGENERATE}=1 if this is meant")

    def test_services_of_the_machine(self) -> None:
        for service, options in render.options(settings()).items():
            with self.subTest(service):
                self.check(f"{service}.conf", render.text(options))

    def test_compute(self) -> None:
        shapes = {
            "article": host("article"),
            "sriov-kvm": host("sriov", "lab-1", Accelerator.KVM),
            "lopsided": host("lopsided"),
        }
        for shape, compute_host in shapes.items():
            with self.subTest(shape):
                options = render.compute_options(settings(compute_host), compute_host)
                self.check(f"nova-compute-{shape}.conf", render.text(options))

    def test_clients(self) -> None:
        self.check("openrc", client.openrc(settings(), {}))
        self.check("clouds.yaml", client.clouds(settings()))


_line = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=8)
# Blanks around a line are kept of the first one only.
_values = st.builds(
    lambda first, others: "\n".join([first, *others]),
    st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=8),
    st.lists(_line, max_size=2),
)
options_strategy = st.dictionaries(
    st.from_regex(r"DEFAULT|[a-z_]{1,8}", fullmatch=True),
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.lists(
            _values,
            min_size=1,
            max_size=3,
        ).map(lambda values: values[0] if len(values) == 1 else tuple(values)),
        min_size=1,
        max_size=3,
    ),
    max_size=3,
)


class TextTest(unittest.TestCase):
    @given(options_strategy)
    def test_reads_back_equal(self, options: Options) -> None:
        self.assertEqual(
            {
                section: {
                    option: list(value) if isinstance(value, tuple) else [value]
                    for option, value in content.items()
                }
                for section, content in options.items()
            },
            read(render.text(options)),
        )

    def test_what_was_computed_stands_for_itself(self) -> None:
        odd = replace(settings(), directory=Path("/home/$user/lab"))
        content = render.options(odd)[Service.GLANCE]["file"]
        self.assertEqual("/home/$$user/lab/glance", content["filesystem_store_datadir"])


class SecretsTest(unittest.TestCase):
    def test_a_host_gets_only_those_that_it_needs(self) -> None:
        lab = settings()
        text = render.text(render.compute_options(lab, lab.hosts[0]))
        self.assertIn(SECRETS.broker, text)
        self.assertIn(SECRETS.service, text)
        for secret in (SECRETS.database, SECRETS.admin, SECRETS.metadata):
            self.assertNotIn(secret, text)

    def test_no_service_has_the_administrators(self) -> None:
        for service, options in render.options(settings()).items():
            with self.subTest(service):
                text = render.text(options)
                self.assertNotIn(SECRETS.admin, text)


class PlacesTest(unittest.TestCase):
    def test_a_host_names_what_its_tunnel_leads_to(self) -> None:
        lab = settings()
        text = render.text(render.compute_options(lab, lab.hosts[0]))
        self.assertEqual(
            set(tunnels.ports(lab)), {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", text)}
        )
        self.assertNotIn("10.0.2.2", text)

    def test_two_labs_share_no_place(self) -> None:
        one = render.options(settings(directory=Path("/labs/one")))
        for service, options in one.items():
            with self.subTest(service):
                self.assertNotIn("/labs/lab", render.text(options))

    def test_the_alias_stands_on_both_sides(self) -> None:
        lab = settings(host("article"), host("sriov", "lab-1"))
        api = render.options(lab)[Service.NOVA_API]["pci"]["alias"]
        for compute_host in lab.hosts:
            self.assertEqual(api, render.compute_options(lab, compute_host)["pci"]["alias"])
        self.assertIn("igb-vf-legacy", {json.loads(alias)["name"] for alias in api})


class OverrideTest(unittest.TestCase):
    def test_parse(self) -> None:
        self.assertEqual(
            (
                Override(Service.NOVA_COMPUTE, "pci", "report_in_placement", "true"),
                Override(Service.NOVA_COMPUTE, "DEFAULT", "debug", "true"),
                Override(Service.NOVA_COMPUTE, "pci", "alias", ('{"a": "b=c"}', "")),
            ),
            override.parse(
                "nova-compute",
                [
                    "pci.report_in_placement=true",
                    "debug = true",
                    'pci.alias={"a": "b=c"}',
                    "pci.alias=",
                ],
            ),
        )

    def test_bad_input(self) -> None:
        for service, assignment, said in (
            ("nova-compue", "debug=true", "did you mean 'nova-compute'?"),
            ("cinder", "debug=true", "known are keystone"),
            ("mariadb", "debug=true", "has no options to set"),
            ("nova-api", "debug", "section.option=value"),
            ("nova-api", "=true", "section.option=value"),
            ("nova-api", "pci.=true", "section.option=value"),
            ("nova-api", "[pci].alias=true", "section.option=value"),
            ("nova-api", "pci.alias=a\n[pci]", "section.option=value"),
        ):
            with self.subTest(service=service, assignment=assignment):
                with self.assertRaises(InputError) as caught:
                    override.parse(service, [assignment])
                self.assertIn(said, str(caught.exception))

    def test_an_option_reaches_every_service_that_reads_it(self) -> None:
        (alias,) = override.parse("nova-compute", ["pci.alias={}"])
        self.assertEqual(
            [Service.NOVA_COMPUTE, Service.NOVA_API], [o.service for o in override.spread(alias)]
        )
        (spec,) = override.parse("nova-compute", ["pci.device_spec={}"])
        self.assertEqual((spec,), override.spread(spec))
        (placed,) = override.parse("nova-scheduler", ["filter_scheduler.pci_in_placement=true"])
        self.assertEqual(
            {Service.NOVA_API, Service.NOVA_SCHEDULER, Service.NOVA_CONDUCTOR},
            {o.service for o in override.spread(placed)},
        )

    def test_the_last_one_counts(self) -> None:
        first, second, other = (
            Override(Service.NOVA_API, "a", "b", "1"),
            Override(Service.NOVA_API, "a", "b", "2"),
            Override(Service.NOVA_METADATA, "a", "b", "1"),
        )
        self.assertEqual((second, other), override.merge([first, other], [second]))

    def test_it_is_in_the_file_of_its_service_alone(self) -> None:
        for service in CONFIGURABLE:
            with self.subTest(service):
                entry = Override(service, "new", "option", ("$my_ip", '"quoted"'))
                plain, lab = settings(), replace(settings(), overrides=(entry,))
                before = {**render.options(plain)}
                after = {**render.options(lab)}
                before[Service.NOVA_COMPUTE] = render.compute_options(plain, plain.hosts[0])
                after[Service.NOVA_COMPUTE] = render.compute_options(lab, lab.hosts[0])
                self.assertEqual([service], [s for s in after if before[s] != after[s]])
                self.assertEqual(
                    ["$my_ip", '"quoted"'], read(render.text(after[service]))["new"]["option"]
                )


class ClientTest(unittest.TestCase):
    def test_clouds_is_yaml(self) -> None:
        (cloud,) = yaml.safe_load(client.clouds(settings()))["clouds"].values()
        self.assertEqual(SECRETS.admin, cloud["auth"]["password"])
