#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The devstack plugin under a stand-in for devstack's helpers and a stand-in vhost command:
# which commands each phase runs. The real stack.sh is not run here.

setup() {
    TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    export SAID=$BATS_TEST_TMPDIR/said
    : >"$SAID"
    DEST=$BATS_TEST_TMPDIR/dest
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    PATH=$BATS_TEST_TMPDIR/bin:/usr/bin:/bin
    ENABLED=vhost
}

# Stand-ins for devstack's functions.
define_plugin() { echo "define_plugin $*" >>"$SAID"; }
enable_service() { :; }
is_service_enabled() { [[ $1 == "$ENABLED" ]]; }
setup_develop() { echo "setup_develop $*" >>"$SAID"; }

# A stand-in for the vhost command, which fails at the sub-command of its argument.
stand_in_vhost() {
    cat >"$BATS_TEST_TMPDIR/bin/vhost" <<STAND_IN
#!/bin/sh
[ "\$1" = show ] || echo "vhost \$*" >>"$SAID"
[ "\$1" != "${1:-}" ]
STAND_IN
    chmod +x "$BATS_TEST_TMPDIR/bin/vhost"
}

phase() {
    (
        set -o errexit
        # shellcheck source=devstack/settings
        source "$TOP/devstack/settings"
        # shellcheck source=devstack/plugin.sh
        source "$TOP/devstack/plugin.sh" "$@"
    )
}

said() {
    diff <(printf '%s\n' "define_plugin vhost-tempest-plugin" "$@") "$SAID"
}

@test "install puts the project in and asks the doctor" {
    stand_in_vhost
    phase stack install
    said "setup_develop $DEST/vhost-tempest-plugin" "vhost doctor"
}

@test "extra brings the host up and checks it" {
    stand_in_vhost
    phase stack extra
    said "vhost up small --name devstack" "vhost check devstack"
}

@test "extra takes topology, name and checks from local.conf" {
    stand_in_vhost
    VHOST_TOPOLOGY=article VHOST_NAME=mine VHOST_CHECKS="vfio kvm" phase stack extra
    said "vhost up article --name mine" "vhost check mine vfio kvm"
}

@test "a failed check stops the stack" {
    stand_in_vhost check
    run phase stack extra
    [ "$status" -ne 0 ]
}

@test "a machine that the doctor refuses stops the stack" {
    stand_in_vhost doctor
    run phase stack install
    [ "$status" -ne 0 ]
}

@test "unstack and clean" {
    stand_in_vhost
    phase unstack
    said "vhost down devstack"
    : >"$SAID"
    phase clean
    said "vhost destroy devstack"
}

@test "unstack and clean where there is no such host" {
    stand_in_vhost show
    phase unstack
    : >"$SAID"
    phase clean
    said
}

@test "unstack and clean before anything was installed" {
    phase unstack
    : >"$SAID"
    phase clean
    said
}

@test "other phases run nothing" {
    stand_in_vhost
    for name in pre-install post-config test-config; do
        : >"$SAID"
        phase stack "$name"
        said
    done
}

@test "nothing runs where the service is off" {
    stand_in_vhost
    ENABLED=
    phase stack extra
    said
}
