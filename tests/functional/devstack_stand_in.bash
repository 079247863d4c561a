# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A stand-in for those of devstack's functions and variables that the plugin uses: documented in
# devstack's functions-common, inc/python, inc/async, lib/nova, lib/neutron and lib/placement. Lists of
# services behave as the real ones do (devstack.bats compares them where devstack is at hand);
# what changes a machine only notes in the file $SAID that it was called.

ENABLED_SERVICES=${ENABLED_SERVICES-key,mysql,rabbit,g-api,n-api,n-cond,n-cpu,n-sch,placement-api,q-svc,tempest}
DISABLED_SERVICES=${DISABLED_SERVICES-}

define_plugin() { echo "define_plugin $*" >>"$SAID"; }

is_service_enabled() {
    local service
    for service in "$@"; do
        if [[ ,$ENABLED_SERVICES, == *,$service,* ]]; then
            return 0
        fi
        # The names of groups, as functions-common has them.
        case $service in
            nova) [[ ,$ENABLED_SERVICES != *,n-* ]] || return 0 ;;
            placement) [[ ,$ENABLED_SERVICES != *,placement-* ]] || return 0 ;;
        esac
    done
    return 1
}

enable_service() {
    local service
    for service in "$@"; do
        if [[ ,$DISABLED_SERVICES, != *,$service,* ]] && ! is_service_enabled "$service"; then
            ENABLED_SERVICES+=,$service
        fi
    done
}

disable_service() {
    local service kept
    for service in "$@"; do
        DISABLED_SERVICES+=,$service
        kept=,$ENABLED_SERVICES,
        kept=${kept//,$service,/,}
        kept=${kept#,}
        ENABLED_SERVICES=${kept%,}
    done
}

# Called as devstack does: a default, and the name of a variable.
trueorfalse() {
    case ${!2:-} in
        1 | [yY]es | YES | [tT]rue | TRUE) echo True ;;
        0 | [nN]o | NO | [fF]alse | FALSE) echo False ;;
        *) echo "$1" ;;
    esac
}

die() {
    shift
    echo "$*" >&2
    exit 1
}

pip_install() { echo "pip_install $*" >>"$SAID"; }
setup_develop() { echo "setup_develop $*" >>"$SAID"; }
# Fails for what the test names in FAILED_IN_BACKGROUND.
async_wait() {
    echo "async_wait $*" >>"$SAID"
    [[ $1 != "${FAILED_IN_BACKGROUND:-}" ]]
}

# The real one calls it in the background, and async_wait tells how it went.
async_runfunc() {
    echo "async_runfunc $*" >>"$SAID"
    "$1" || true
}
configure_placement_nova_compute() { echo "configure_placement_nova_compute" >>"$SAID"; }
# Of lib/neutron_plugins/ovn_agent.
is_ovn_metadata_agent_enabled() { is_service_enabled q-ovn-metadata-agent; }
is_ovn_agent_enabled() { is_service_enabled q-ovn-agent; }
conductor_conf() { echo "$NOVA_CONF_DIR/nova_cell$1.conf"; }

run_process() {
    if is_service_enabled "$1"; then
        local IFS='|'
        echo "run_process $*" >>"$SAID"
    fi
}

stop_process() {
    if is_service_enabled "$1"; then
        echo "stop_process $1" >>"$SAID"
    fi
}
