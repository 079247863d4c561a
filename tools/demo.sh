#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The project's main job, for 'make demo': an OpenStack whose compute host is the emulated
# host, checked and drawn, a guest with a NIC followed through all that know of it, and the
# same lab once more from its snapshot. report/index.html leads to the results; the lab stays up.
#
#   VHOST_TOPOLOGY   name or file of the topology (article)
#   VHOST_NAME       the lab's name (demo)
#   VHOST_REPORT     directory of the report (report)

set -o errexit -o nounset -o pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOPOLOGY=${VHOST_TOPOLOGY:-article}
NAME=${VHOST_NAME:-demo}
REPORT=${VHOST_REPORT:-$TOP/report}

vhost() {
    # shellcheck disable=SC2016 # a prompt
    printf '\n$ vhost %s\n' "$*"
    "$TOP/.venv/bin/vhost" "$@"
}

vhost doctor "$TOPOLOGY" --lab
vhost lab up --topology "$TOPOLOGY" --name "$NAME"
vhost draw "$TOPOLOGY"
verdict=0
vhost report "$NAME-0" --output "$REPORT" || verdict=$?
vhost lab check --name "$NAME" || verdict=$?
vhost lab smoke --name "$NAME" || verdict=$?
vhost lab test --name "$NAME" --smoke --output "$REPORT" || verdict=$?
vhost lab down --name "$NAME"
vhost lab up --topology "$TOPOLOGY" --name "$NAME"

cat <<END

The report is $REPORT/index.html. The lab is still up:
  vhost lab shell --name $NAME openstack hypervisor list
  vhost ssh $NAME-0
  vhost lab destroy --name $NAME     removes it
END
exit "$verdict"
