# SPDX-License-Identifier: Apache-2.0
"""A running host on one self-contained page: facts, verdicts and its picture."""

from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from vhost_tempest_plugin.host.checks.finding import Finding, summarize


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

    def html(self) -> str:
        """The page; it refers to nothing outside itself."""
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("vhost_tempest_plugin.report"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )
        return environment.get_template("report.html.j2").render(
            title=self.title,
            lead=self.lead,
            summary=summarize(self.findings),
            failed=any(f.is_bad for f in self.findings),
            facts=self.facts,
            findings=self.findings,
            picture=Markup(self.picture[self.picture.find("<svg") :]),  # noqa: S704 - drawn by dot
        )
