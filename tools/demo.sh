#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The project's main job, for 'make demo': the article's host up, checked and drawn, with
# everything that was found left in report/.  The host stays up; the last line says how to
# look at it and how to remove it.

set -o errexit -o nounset -o pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
REPORT=${VHOST_REPORT:-$TOP/report}
NAME=${VHOST_NAME:-demo}
TOPOLOGY=${VHOST_TOPOLOGY:-article}

vhost() {
    "$TOP/.venv/bin/vhost" "$@"
}

step() {
    printf '\n== vhost %s\n' "$*"
    vhost "$@"
}

mkdir -p -- "$REPORT"
step doctor
step up "$TOPOLOGY" --name "$NAME"
verdict=0
step check "$NAME" || verdict=$?
vhost check "$NAME" --format json >"$REPORT/checks.json" || true
step draw "$NAME"
vhost draw "$NAME" --output "$REPORT/topology.svg"
vhost render "$NAME" >"$REPORT/domain.xml"

printf '\nThe report is in %s. The host %s is still up: vhost ssh %s, vhost destroy %s\n' \
    "$REPORT" "$NAME" "$NAME" "$NAME"
exit "$verdict"
