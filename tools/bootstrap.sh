#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Install what the project needs on Debian or Ubuntu: the packages of bindep.txt, and
# .venv with the vhost command.  As root or with sudo; safe to run again, and quick then.
#
#   BACKPORTS=1   enable the release's backports where its own QEMU is too old for igb

set -o errexit -o nounset -o pipefail

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$TOP/.venv
STAMP=$VENV/.bootstrap
PYTHON=/usr/bin/python3
OLDEST_PYTHON=3.11
# Releases whose own QEMU or libvirt has no igb while their backports do.
WANT_BACKPORTS="bookworm"
# The source packages that are taken from there, and no others: 'apt-get -t' would take the
# machine's systemd along.
BACKPORTED="src:qemu src:libvirt src:seabios"
SOURCES=/etc/apt/sources.list.d/vhost-backports
POLICY=/usr/sbin/policy-rc.d
POLICY_MARK="# of vhost-tempest-plugin's tools/bootstrap.sh, while it installs packages"
LOG=

say() {
    printf 'bootstrap: %s\n' "$*"
}

die() {
    printf 'bootstrap: error: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [[ $EUID == 0 ]]; then
        "$@"
    else
        sudo -- "$@"
    fi
}

# Run a command with its output in a log; where it fails, one line with its last words.
quietly() {
    local what=$1 status=0
    shift
    LOG=$(mktemp --tmpdir vhost-bootstrap.XXXXXX)
    "$@" </dev/null >"$LOG" 2>&1 || status=$?
    if [[ $status != 0 ]]; then
        die "$what failed: $(grep -v '^[[:space:]]*$' "$LOG" | tail -n 1); all of it is in $LOG"
    fi
    rm -f -- "$LOG"
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}

release() {
    # shellcheck source=/dev/null
    (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
}

backports_enabled() {
    # shellcheck disable=SC2016 # apt expands it
    apt-get indextargets --format '$(RELEASE)' 'Created-By: Packages' \
        | grep -qx "$(release)-backports"
}

uses_backports() {
    [[ " $WANT_BACKPORTS " == *" $(release) "* ]] || return 1
    [[ ${BACKPORTS:-} == 1 ]] || backports_enabled
}

# The machine's own apt sources of its release, rewritten to the backports suite.
backports_stanza() {
    local codename=$1 form=$2
    shift 2
    if [[ $form == sources ]]; then
        awk -v RS= -v codename="$codename" '
            /(^|\n)Enabled:[ \t]*(no|false)/ { next }
            $0 ~ "(^|\n)Suites:[^\n]*[ \t]" codename "([ \t\n]|$)" \
                    && /(^|\n)Types:[^\n]*[ \t]deb([ \t\n]|$)/ {
                n = split($0, lines, "\n")
                for (i = 1; i <= n; i++) {
                    if (lines[i] ~ /^#/) continue
                    if (lines[i] ~ /^Suites:/) lines[i] = "Suites: " codename "-backports"
                    if (lines[i] ~ /^Types:/) lines[i] = "Types: deb"
                    print lines[i]
                }
                exit
            }' "$@"
    else
        awk -v codename="$codename" '
            /^[ \t]*deb[ \t]/ && $0 ~ "[ \t]" codename "[ \t]" {
                sub("[ \t]" codename "[ \t]", " " codename "-backports ")
                print
                exit
            }' "$@"
    fi
}

enable_backports() {
    local codename form stanza=
    codename=$(release)
    for form in sources list; do
        local files=(/etc/apt/sources.list.d/*."$form")
        [[ $form == list ]] && files=(/etc/apt/sources.list "${files[@]}")
        stanza=$(backports_stanza "$codename" "$form" "${files[@]}" 2>/dev/null || true)
        [[ -n $stanza ]] && break
    done
    [[ -n $stanza ]] \
        || die "no apt source of $codename found to derive its backports from; enable them by hand"
    say "enabling $codename-backports in $SOURCES.$form"
    as_root tee "$SOURCES.$form" >/dev/null <<<"$stanza"
}

# Install packages with those of BACKPORTED from backports.
install_backported() {
    local preferences
    preferences=$(mktemp --tmpdir vhost-preferences.XXXXXX)
    chmod 0644 "$preferences"
    {
        cat /etc/apt/preferences 2>/dev/null || true
        printf '\nPackage: %s\nPin: release n=%s-backports\nPin-Priority: 990\n' \
            "$BACKPORTED" "$(release)"
    } >"$preferences"
    say "taking $BACKPORTED from $(release)-backports"
    install_packages -o Dir::Etc::Preferences="$preferences" "$@"
    rm -f -- "$preferences"
}

# Without systemd, init scripts would be run as the packages are unpacked; nothing of
# this project needs a daemon of the machine.
hold_services() {
    [[ -d /run/systemd/system || -e $POLICY ]] && return 0
    trap release_services EXIT
    as_root install -m 0755 /dev/stdin "$POLICY" <<<$'#!/bin/sh\n'"$POLICY_MARK"$'\nexit 101'
}

# Remove this script's own policy, also one that a run left that was killed: with it no daemon
# would ever start.
release_services() {
    if grep -qxF -- "$POLICY_MARK" "$POLICY" 2>/dev/null; then
        as_root rm -f -- "$POLICY"
    fi
}

may_install() {
    [[ $EUID == 0 ]] || command -v sudo >/dev/null \
        || die "these packages are missing, and this is neither root nor is there sudo: $*"
}

UPDATED=0
# Arguments: options of apt-get as -o NAME=VALUE, then the packages.
install_packages() {
    local options=()
    while [[ ${1:-} == -o ]]; do
        options+=("$1" "$2")
        shift 2
    done
    [[ $# != 0 ]] || return 0
    may_install "$@"
    if [[ $UPDATED == 0 ]]; then
        quietly "apt-get update" apt_get update
        UPDATED=1
    fi
    say "installing Debian packages: $*"
    hold_services
    quietly "apt-get install" apt_get install --no-install-recommends "${options[@]}" "$@"
}

# The packages of a list that are not installed.
missing() {
    local package
    for package in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] \
            || printf '%s\n' "$package"
    done
}

python_is_new_enough() {
    "$1" -I -c "import sys; sys.exit(sys.version_info < (${OLDEST_PYTHON/./, }))" 2>/dev/null
}

make_venv() {
    local packages
    mapfile -t packages < <(missing python3 python3-venv ca-certificates)
    install_packages "${packages[@]}"
    python_is_new_enough "$PYTHON" \
        || die "$PYTHON is older than $OLDEST_PYTHON; use Debian 12, Ubuntu 24.04 or later"
    if ! python_is_new_enough "$VENV/bin/python" || [[ ! -x $VENV/bin/pip ]]; then
        say "making .venv with $("$PYTHON" -V)"
        quietly "making .venv" "$PYTHON" -I -m venv --clear "$VENV"
    fi
    [[ -x $VENV/bin/bindep ]] \
        || quietly "pip install bindep" "$VENV/bin/pip" install bindep
}

bindep_list() {
    "$VENV/bin/bindep" -f "$TOP/bindep.txt" -l newline "$@"
}

install_system_packages() {
    local virt rest
    mapfile -t virt < <(bindep_list virt)
    mapfile -t rest < <(bindep_list run lab build test | grep -vxF -f <(printf '%s\n' "${virt[@]}"))
    if uses_backports; then
        may_install "${virt[@]}"
        backports_enabled || enable_backports
        install_backported "${virt[@]}"
    else
        mapfile -t virt < <(missing "${virt[@]}")
        install_packages "${virt[@]}"
    fi
    mapfile -t rest < <(missing "${rest[@]}")
    install_packages "${rest[@]}"
}

# The binding offers what the libvirt had that it was built against.  That is known neither to
# pip's cache of what it has built, nor to an environment in which it is installed already.
install_binding() {
    local built=$VENV/.libvirt-dev libvirt
    libvirt=$(dpkg-query -W libvirt-dev)
    if [[ -f $built && $(<"$built") == "$libvirt" ]]; then
        return 0
    fi
    quietly "pip install libvirt-python" env PIP_CONSTRAINT="$TOP/constraints.txt" \
        "$VENV/bin/pip" install --no-cache-dir --force-reinstall --no-deps libvirt-python
    printf '%s\n' "$libvirt" >"$built"
}

install_project() {
    say "installing the requirements and the project into .venv"
    # A checkout that belongs to somebody else, or none at all, must not stop pbr.
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=$TOP
    git -C "$TOP" rev-parse HEAD >/dev/null 2>&1 || export PBR_VERSION=0.0.0
    quietly "pip install" env PIP_CONSTRAINT="$TOP/constraints.txt" "$VENV/bin/pip" install \
        -r "$TOP/requirements.txt" -r "$TOP/test-requirements.txt" -r "$TOP/doc/requirements.txt" \
        -e "$TOP"
    [[ -x $VENV/bin/vhost ]] || die "the installation left no .venv/bin/vhost"
}

# Root's commands run as an account of their own; vhost_tempest_plugin/util/service_account.py has the
# same words.
make_account() {
    [[ $EUID == 0 ]] && ! getent passwd vhost >/dev/null || return 0
    say "creating the system account vhost"
    quietly "useradd" \
        useradd --system --user-group --add-subids-for-system --no-create-home \
        --home-dir /var/lib/vhost --shell /usr/sbin/nologin vhost
}

# What the result depends on: the inputs, the release, and the libvirt that was built against.
digest() {
    {
        uses_backports && echo backports
        dpkg-query -W libvirt-dev 2>/dev/null || true
        cat /etc/os-release "$TOP"/{bindep,constraints,requirements,test-requirements}.txt \
            "$TOP/doc/requirements.txt" "$TOP/setup.cfg" "$TOP/pyproject.toml" "${BASH_SOURCE[0]}"
    } | sha256sum
}

is_current() {
    [[ -x $VENV/bin/vhost && -f $STAMP && $(head -n 1 "$STAMP") == "$(digest)" ]] || return 1
    local packages
    mapfile -t packages < <(tail -n +2 "$STAMP")
    [[ -z $(missing "${packages[@]}") ]]
}

main() {
    [[ -x /usr/bin/apt-get && -r /etc/os-release ]] \
        || die "this is neither Debian nor Ubuntu; install what bindep.txt lists, then the project with pip"
    release_services
    make_account
    if is_current; then
        return 0
    fi
    rm -f -- "$STAMP"
    make_venv
    install_system_packages
    install_binding
    install_project
    {
        digest
        bindep_list virt run lab build test
    } >"$STAMP.new"
    mv -- "$STAMP.new" "$STAMP"
    say "done: $VENV/bin/vhost"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    main
fi
