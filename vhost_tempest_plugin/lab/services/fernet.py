# SPDX-License-Identifier: Apache-2.0
"""Repositories of Fernet keys, as keystone has them.

A directory of files named by numbers: 0 is the key that will be the next one, the highest
number the one that is in use (keystone/common/fernet_utils.py).
"""

import base64
import secrets
from pathlib import Path

from vhost_tempest_plugin.util import atomic_file

# https://github.com/fernet/spec/blob/master/Spec.md: 128 bits to sign and 128 to encrypt.
_KEY_BYTES = 32
_NEXT, _IN_USE = "0", "1"


def prepare(repository: Path) -> bool:
    """Make the keys where there are none; whether there were none.

    :raises LocalError: the disk does not take them
    """
    missing = [name for name in (_NEXT, _IN_USE) if not (repository / name).exists()]
    for name in missing:
        key = base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES))
        atomic_file.write(repository / name, key.decode())
    return bool(missing)
