# SPDX-License-Identifier: Apache-2.0
"""The folders of the package, their ideas, and what each may import.

``tests/unit/test_layers.py`` holds the code against this table; the architecture page draws it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

PACKAGE = "vhost_tempest_plugin"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the package.

    :param idea: what it is, in half a sentence
    :param below: the folders that it may import; all of them are below it
    :param libraries: the third-party packages that it owns, and nobody else imports
    """

    name: str
    idea: str
    below: str = ""
    libraries: str = ""


# From the top down.
FOLDERS = (
    Folder(
        "cli",
        "the vhost command: one command a module, no logic",
        "devstack bench lab scenario mutation report cloud nova host hypervisor topology util",
        "cliff",
    ),
    Folder(
        "devstack",
        "emulated hosts as compute hosts of a devstack",
        "cloud nova host hypervisor topology util",
        "packaging",
    ),
    Folder("bench", "what the program costs", "lab report cloud host hypervisor topology util"),
    Folder(
        "lab",
        "a whole OpenStack around emulated hosts",
        "scenario mutation report cloud nova host hypervisor topology util",
        "amqp packaging pymysql supervisor",
    ),
    Folder(
        "scenario",
        "the tempest tests, their base classes, clients, inspection and requests",
        "cloud nova host hypervisor topology util",
        "tempest testtools",
    ),
    Folder(
        "mutation",
        "Novas and hosts that are broken on purpose",
        "cloud nova topology",
        "stevedore",
    ),
    Folder(
        "report",
        "pages and result files for people and for CI",
        "nova host topology util",
        "jinja2 markupsafe subunit testtools",
    ),
    Folder(
        "cloud",
        "what lab and devstack share: API client, configuration, nova-compute, driver interface",
        "nova host hypervisor topology util",
        "keystoneauth1 openstack oslo_config stevedore",
    ),
    Folder(
        "nova",
        "what Nova is configured with, must do, and was seen to do",
        "host hypervisor topology util",
        "pymysql",
    ),
    Folder(
        "host",
        "one emulated host: image, boot, network, observation, checks",
        "hypervisor topology util",
        "bindep lxml stevedore",
    ),
    Folder(
        "hypervisor",
        "libvirt: domains and connections",
        "topology util",
        "libvirt libvirt_qemu lxml",
    ),
    Folder(
        "topology",
        "hardware as values: YAML, validation, layout, drawing",
        "util",
        "jsonschema stevedore yaml",
    ),
    Folder(
        "util",
        "this machine underneath; knows nothing of the project",
        "",
        "psutil subprocess",
    ),
)

# The tempest edge, beside the folders; 'errors' is everybody's.
ROOT = (
    Folder("plugin", "what tempest loads", "config", "oslo_config tempest"),
    Folder("config", "the options of tempest.conf", "", "oslo_config"),
    Folder("errors", "the hierarchy of errors"),
)
# Who else may import a module of the root.
ROOT_USERS: Mapping[str, frozenset[str]] = {"config": frozenset({"scenario"})}


def dot() -> str:
    """The table as a picture, in graphviz' language; only arrows that no other implies."""
    lines = [
        "digraph layers {",
        '  graph [rankdir=TB, nodesep=0.3, ranksep=0.35, fontname="sans-serif"];',
        '  node [shape=box, style="filled,rounded", fillcolor="#eef2f7", color="#8899aa",'
        ' fontname="sans-serif", fontsize=11];',
        '  edge [color="#556677"];',
    ]
    for folder in FOLDERS:
        idea = folder.idea.replace(": ", ":\\n")
        lines.append(f'  {folder.name} [label="{folder.name}/\\n{idea}"];')
    below = {folder.name: frozenset(folder.below.split()) for folder in FOLDERS}
    for name, direct in below.items():
        implied = frozenset[str]().union(*(below[each] for each in direct))
        lines += [f"  {name} -> {each};" for each in sorted(direct - implied)]
    return "\n".join([*lines, "}"])
