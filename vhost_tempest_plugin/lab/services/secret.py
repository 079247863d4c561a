# SPDX-License-Identifier: Apache-2.0
"""Random secrets for a lab."""

import dataclasses
import secrets

from vhost_tempest_plugin.cloud.configuration.settings import Secrets

# Letters and digits only, so that they need no quoting in URLs, INI files and Erlang terms.
_BYTES = 20


def choose() -> Secrets:
    """New ones, 160 bits each."""
    return Secrets(
        **{field.name: secrets.token_hex(_BYTES) for field in dataclasses.fields(Secrets)}
    )
