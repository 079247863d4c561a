# SPDX-License-Identifier: Apache-2.0
"""The password of keystone's administrator, in its tables.

While a lab is down, the user's own clients may send it to whoever listens on keystone's port. So a
lab that comes up has a new one, and kept databases have one that nobody knows.
"""

import base64
import hashlib
import os
import secrets

from vhost_tempest_plugin.cloud.configuration import common
from vhost_tempest_plugin.cloud.configuration.common import Database
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.lab.services import database

# Random passwords need no more work than this to keep them from being guessed.
_ROUNDS = 1000
_SALT_BYTES = 16
_UPDATE = (
    "UPDATE password JOIN local_user ON local_user.id = password.local_user_id"
    " SET password_hash = %s WHERE local_user.name = %s"
)


def lock_out(settings: Settings) -> None:
    """Have no password let the administrator in."""
    _set(settings, secrets.token_hex())


def let_in(settings: Settings) -> None:
    """Have the lab's password let the administrator in, and no other one."""
    _set(settings, settings.secrets.admin)


def _set(settings: Settings, password: str) -> None:
    database.query(settings, Database.KEYSTONE, _UPDATE, (_hashed(password), common.ADMIN))


def _hashed(password: str) -> str:
    """As keystone has it (keystone/common/password_hashers/pbkdf2.py), and passlib before."""
    salt = os.urandom(_SALT_BYTES)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"$pbkdf2-sha512${_ROUNDS}${_base64(salt)}${_base64(key)}"


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets, b"./").rstrip(b"=").decode()
