# SPDX-License-Identifier: Apache-2.0
"""keystone.conf."""

from pathlib import Path

from vhost_tempest_plugin.cloud.configuration import common
from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Options, Settings

# A lab has test users only, and bcrypt's work would be done at each of their logins; this is
# the least that keystone takes (keystone/conf/identity.py).
_HASH_ROUNDS = 4
# What bcrypt takes; keystone warns at each login where more is allowed.
_PASSWORD_CHARS = 72

# A token outlives a long run of tests.
_TOKEN_S = 24 * 3600


def fernet_keys(settings: Settings) -> Path:
    """The keys of tokens."""
    return settings.etc(Service.KEYSTONE) / "fernet-keys"


def credential_keys(settings: Settings) -> Path:
    """The keys of stored credentials."""
    return settings.etc(Service.KEYSTONE) / "credential-keys"


def options(settings: Settings) -> Options:
    """The file's."""
    return {
        "DEFAULT": common.logging(),
        "database": common.database(settings, Database.KEYSTONE),
        "token": {"provider": "fernet", "expiration": str(_TOKEN_S)},
        "fernet_tokens": {"key_repository": str(fernet_keys(settings))},
        # Receipts are for logins with several factors, which no lab has.
        "fernet_receipts": {"key_repository": str(fernet_keys(settings))},
        "credential": {"key_repository": str(credential_keys(settings))},
        "identity": {
            "password_hash_rounds": str(_HASH_ROUNDS),
            "max_password_length": str(_PASSWORD_CHARS),
        },
    }
