#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The devstack plugin. It brings an emulated NUMA/PCI host up beside devstack, checks it
# and takes it down. It does not make that host a compute node of the cloud: no service
# of OpenStack is configured here.
#
# Dispatch only: the work is the vhost command's, and each phase may run twice. The packages
# of files/bindep.txt are stack.sh's own business, before its pre-install phase.

function vhost_install {
    setup_develop "$VHOST_PLUGIN_DIR"
    vhost doctor
}

function vhost_extra {
    vhost up "$VHOST_TOPOLOGY" --name "$VHOST_NAME"
    # shellcheck disable=SC2086 # one word a check
    vhost check "$VHOST_NAME" $VHOST_CHECKS
}

function vhost_unstack {
    vhost down "$VHOST_NAME"
}

function vhost_clean {
    vhost destroy "$VHOST_NAME"
}

# Nothing to take down where the host is not there, or the command was never installed.
function vhost_exists {
    command -v vhost >/dev/null && vhost show "$VHOST_NAME" >/dev/null 2>&1
}

if is_service_enabled vhost; then
    case "$1:${2:-}" in
        stack:install) vhost_install ;;
        stack:extra) vhost_extra ;;
        unstack:*) if vhost_exists; then vhost_unstack; fi ;;
        clean:*) if vhost_exists; then vhost_clean; fi ;;
    esac
fi
