#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The project's main job, for 'make demo': a host up, checked and drawn, with everything
# that was found left in report/. The host stays up.
#
#   VHOST_TOPOLOGY   name or file of the topology (article)
#   VHOST_NAME       the host's name (demo)
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

vhost doctor
vhost up "$TOPOLOGY" --name "$NAME"
vhost draw "$TOPOLOGY"
verdict=0
vhost report "$NAME" --output "$REPORT" || verdict=$?

printf '\nThe report is in %s. The host is still up: vhost ssh %s looks at it, vhost destroy %s removes it.\n' \
    "$REPORT" "$NAME" "$NAME"
exit "$verdict"
