#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # stand-ins are called by what they stand in for
# The parts of tools/bootstrap.sh that decide something; CI runs the whole on a bare machine.

setup() {
    # shellcheck source=tools/bootstrap.sh
    source "$BATS_TEST_DIRNAME/../../tools/bootstrap.sh"
    set +o nounset
    cd "$BATS_TEST_TMPDIR"
}

same() {
    diff <(printf '%s\n' "${@:2}") <(printf '%s\n' "$1")
}

refute() {
    if "$@"; then
        return 1
    fi
}

@test "backports from a deb822 source" {
    cat >debian.sources <<'SOURCES'
Types: deb
URIs: https://mirror.invalid/security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: https://mirror.invalid/off
Suites: bookworm
Components: main

Types: deb deb-src
# a comment
URIs: https://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/some.gpg

Types: deb
URIs: https://mirror.invalid/second
Suites: bookworm
Components: main
SOURCES
    same "$(backports_stanza bookworm sources debian.sources)" \
        "Types: deb" \
        "URIs: https://mirror.invalid/debian" \
        "Suites: bookworm-backports" \
        "Components: main contrib" \
        "Signed-By: /usr/share/keyrings/some.gpg"
}

@test "backports from a one-line source" {
    cat >sources.list <<'SOURCES'
# deb https://mirror.invalid/off bookworm main
deb-src https://mirror.invalid/debian bookworm main
deb https://mirror.invalid/security bookworm-security main
deb [signed-by=/some.gpg] https://mirror.invalid/debian bookworm main contrib
deb https://mirror.invalid/second bookworm main
SOURCES
    same "$(backports_stanza bookworm list sources.list)" \
        "deb [signed-by=/some.gpg] https://mirror.invalid/debian bookworm-backports main contrib"
}

@test "no backports from sources of another release" {
    printf 'deb https://mirror.invalid/debian trixie main\n' >sources.list
    [ -z "$(backports_stanza bookworm list sources.list)" ]
}

@test "backports only where the release needs them" {
    backports_enabled() { false; }
    release() { echo trixie; }
    BACKPORTS=1
    refute uses_backports
    release() { echo bookworm; }
    uses_backports
    BACKPORTS=
    refute uses_backports
}

@test "backports that are enabled already are used unasked" {
    backports_enabled() { true; }
    release() { echo bookworm; }
    BACKPORTS=
    uses_backports
}

@test "only what is missing is installed" {
    same "$(missing bash no-such-package coreutils)" no-such-package
}

@test "nothing to install needs no root" {
    may_install() { die "asked for root"; }
    install_packages
    install_packages -o Some::Option=1
}

@test "a command that fails leaves one line with its last words" {
    TMPDIR=$BATS_TEST_TMPDIR run quietly "the thing" sh -c 'echo noise; echo "E: no such archive" >&2; exit 7'
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ ${lines[0]} == "bootstrap: error: the thing failed: E: no such archive; all of it is in "* ]]
}

@test "the virtual environment is current until an input changes" {
    VENV=$BATS_TEST_TMPDIR/venv
    STAMP=$VENV/.bootstrap
    mkdir -p "$VENV/bin"
    refute is_current
    printf '#!/bin/sh\n' >"$VENV/bin/vhost"
    chmod +x "$VENV/bin/vhost"
    { digest && echo bash; } >"$STAMP"
    is_current
    { digest && echo no-such-package; } >"$STAMP"
    refute is_current
    { echo other && echo bash; } >"$STAMP"
    refute is_current
}

@test "root has an account created for its commands, once" {
    if [[ $EUID != 0 ]]; then
        make_account
        return
    fi
    quietly() { printf '%s\n' "$*" >>made; }
    getent() { false; }
    make_account
    same "$(<made)" "useradd useradd --system --user-group --add-subids-for-system --no-create-home --home-dir /var/lib/vhost --shell /usr/sbin/nologin vhost"
    getent() { true; }
    make_account
    [ "$(wc -l <made)" -eq 1 ]
}

@test "libvirt's binding is built once for each libvirt, and never taken from a cache" {
    VENV=$BATS_TEST_TMPDIR/venv
    mkdir -p "$VENV"
    dpkg-query() { printf 'libvirt-dev\t%s\n' "$version"; }
    quietly() { printf '%s\n' "$*" >>pip; }
    version=9.0.0
    install_binding
    install_binding
    [ "$(wc -l <pip)" -eq 1 ]
    grep -q -- ' --no-cache-dir --force-reinstall .*libvirt-python$' pip
    version=11.3.0
    install_binding
    [ "$(wc -l <pip)" -eq 2 ]
}

@test "libvirt's binding that was not built is built again" {
    VENV=$BATS_TEST_TMPDIR/venv
    mkdir -p "$VENV"
    quietly() { exit 1; }
    run install_binding
    [ "$status" -eq 1 ]
    [ ! -e "$VENV/.libvirt-dev" ]
}

@test "a policy that keeps daemons from starting goes also after a run that was killed" {
    POLICY=$BATS_TEST_TMPDIR/policy-rc.d
    as_root() { "$@"; }
    if [[ -d /run/systemd/system ]]; then
        skip "the machine has systemd, where none is made"
    fi
    (
        hold_services
        "$POLICY" && exit 1
        trap - EXIT
    )
    [ -x "$POLICY" ]
    release_services
    refute [ -e "$POLICY" ]
}

@test "a policy of the machine's own stays" {
    POLICY=$BATS_TEST_TMPDIR/policy-rc.d
    as_root() { "$@"; }
    printf '#!/bin/sh\nexit 101\n' >"$POLICY"
    (hold_services)
    release_services
    same "$(cat "$POLICY")" "#!/bin/sh" "exit 101"
}
