# SPDX-License-Identifier: Apache-2.0
"""Networks of the machine between hosts, which root makes and everybody's hosts may use.

``lifecycle`` makes and removes them, ``registry`` remembers them, ``uplinks`` gives a host its
port.  A tap device is its owner's, so that no host needs a right that its user has not got.
"""
