# SPDX-License-Identifier: Apache-2.0
"""The machine's own apt archives, so that its mirrors, keys and backports are used."""

import re
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import LocalError
from vhost_tempest_plugin.host.image.distribution import ImageSource
from vhost_tempest_plugin.util import process

_FIELDS = ("ORIGIN", "REPO_URI", "RELEASE", "COMPONENT", "SOURCESENTRY")
_SIGNED_BY_OPTION = re.compile(r"\[[^]]*\bsigned-by=([^\s\]]+)", re.IGNORECASE)

# What of the machine's own apt configuration decides whether an archive can be reached.
_CARRIED = re.compile(
    r"Acquire::(?:https?|ftp|Retries|Check-Valid-Until|Check-Date|ForceIPv[46])\b", re.IGNORECASE
)


@dataclass(frozen=True, order=True, slots=True)
class Archive:
    """An apt source.

    :param signed_by: the deb822 field's value: a keyring, or a key's text; empty for apt's own
    """

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""

    def stanza(self) -> str:
        """It as a deb822 stanza (sources.list(5))."""
        lines = [
            "Types: deb",
            f"URIs: {self.uri}",
            f"Suites: {self.suite}",
            f"Components: {' '.join(self.components)}",
        ]
        if self.signed_by:
            lines.append(f"Signed-By: {self.signed_by}")
        return "\n".join(lines) + "\n"


def own(source: ImageSource) -> tuple[Archive, ...]:
    """The archives of *source* that this machine has enabled; no third party's.

    :raises LocalError: there is none with a package list
    """
    targets = process.run(
        [
            process.which("apt-get"),
            "indextargets",
            "--format",
            "|".join(f"$({field})" for field in _FIELDS),
            "Created-By: Packages",
        ]
    ).stdout
    components: dict[tuple[str, str, str], list[str]] = {}
    for line in targets.splitlines():
        origin, uri, suite, component, entry = line.split("|")
        if origin in source.origins:
            key = (uri, suite, _signed_by(entry))
            if component not in components.setdefault(key, []):
                components[key].append(component)
    if not any(suite == source.codename for _, suite, _ in components):
        raise LocalError(
            f"apt has no package list of {source.id} {source.codename}",
            hint="run 'apt-get update' as root",
        )
    return tuple(
        sorted(
            Archive(uri, suite, tuple(names), signed_by)
            for (uri, suite, signed_by), names in components.items()
        )
    )


def settings() -> tuple[str, ...]:
    """The machine's apt configuration that an archive may need: proxies, retries, validity."""
    dump = process.run([process.which("apt-config"), "dump", "Acquire"]).stdout
    lines = (line.strip() for line in dump.splitlines())
    return tuple(line for line in lines if _CARRIED.match(line) and not line.endswith('"";'))


def _signed_by(entry: str) -> str:
    """The keyring of a source, from apt's ``file:number``: a line, or a deb822 stanza."""
    name, _, number = entry.rpartition(":")
    path = Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return ""
    return signed_by(text, int(number), deb822=path.suffix == ".sources")


def signed_by(text: str, number: int, *, deb822: bool) -> str:
    """The Signed-By of the source *number*, from 1, in the *text* of a sources file."""
    if not deb822:
        lines = text.splitlines()
        match = _SIGNED_BY_OPTION.search(lines[number - 1]) if number <= len(lines) else None
        return match[1] if match else ""
    stanzas = [stanza for stanza in re.split(r"\n\s*\n", text) if _has_field(stanza)]
    if number > len(stanzas):
        return ""
    lines = [line for line in stanzas[number - 1].splitlines() if not line.startswith("#")]
    field = re.search(
        r"^Signed-By:[ \t]*(.*(?:\n[ \t].*)*)", "\n".join(lines), re.MULTILINE | re.IGNORECASE
    )
    return field[1].strip() if field else ""


def _has_field(stanza: str) -> bool:
    return any(line and not line.startswith("#") for line in stanza.splitlines())
