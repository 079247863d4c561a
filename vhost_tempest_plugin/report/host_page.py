# SPDX-License-Identifier: Apache-2.0
"""A running host on one self-contained page: its picture, verdicts and facts."""

from dataclasses import dataclass

from markupsafe import Markup

from vhost_tempest_plugin.host.checks.finding import Finding, summarize
from vhost_tempest_plugin.report import template


@dataclass(frozen=True, slots=True)
class Report:
    """What the page shows.

    :param facts: pairs of a name and its value, in the order of the page
    :param picture: an SVG element, as graphviz drew it
    """

    title: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    picture: str

    @property
    def is_good(self) -> bool:
        """Whether no check failed and every check could be made."""
        return not any(finding.is_bad for finding in self.findings)

    def html(self) -> str:
        """The page; it refers to nothing outside itself."""
        return template.render(
            "host.html.j2",
            title=self.title,
            lead=self.lead,
            summary=summarize(self.findings),
            good=self.is_good,
            facts=self.facts,
            findings=self.findings,
            picture=Markup(self.picture[self.picture.find("<svg") :]),  # noqa: S704 - drawn by dot
        )
