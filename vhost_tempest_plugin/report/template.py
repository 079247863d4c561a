# SPDX-License-Identifier: Apache-2.0
"""Pages from templates: self-contained, everything escaped."""

from typing import Any

import jinja2


def render(name: str, **values: Any) -> str:
    """The page of the template *name*; it refers to nothing outside itself but its neighbours."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vhost_tempest_plugin.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).render(values)
