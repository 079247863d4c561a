#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The devstack plugin: emulated NUMA/PCI hosts that are compute hosts of the cloud and run the
# Nova that devstack has installed.
#
# Dispatch only: the work is the vhost command's, and each phase may run twice. The packages
# of files/bindep.txt are stack.sh's own business, before its pre-install phase.

# Run the command of devstack's virtual environment, or stop stack.sh with what it said.
function vhost_do {
    "$DATA_DIR/venv/bin/vhost" "$@" || die $LINENO "'vhost $*' failed; its last line says what to do"
}

# The same for what only root can.
function vhost_as_root {
    sudo "$DATA_DIR/venv/bin/vhost" "$@" || die $LINENO "'sudo vhost $*' failed; its last line says what to do"
}

# Distributions leave /dev/kvm to a group that devstack's user is not of, and that a session gets
# only at its login: without this the hosts would be emulated on a machine that need not.
KVM_DEVICE=${KVM_DEVICE:-/dev/kvm}
KVM_GRANTED=$DATA_DIR/vhost-kvm-granted
function vhost_open_kvm {
    local device=$1
    if [[ -e $device ]] && ! sudo -u "$STACK_USER" test -w "$device"; then
        : >"$KVM_GRANTED"
        sudo setfacl --modify "user:$STACK_USER:rw" "$device" || die $LINENO \
            "$STACK_USER cannot get access to $device; grant it, or set VHOST_ACCELERATOR=tcg in local.conf"
    fi
}

# Take back what this plugin has granted, and nothing else.
function vhost_close_kvm {
    local device=$1
    if [[ -e $KVM_GRANTED ]]; then
        [[ ! -e $device ]] || sudo setfacl --remove "user:$STACK_USER" "$device"
        rm -f "$KVM_GRANTED"
    fi
}

function vhost_pre_install {
    # Before what takes a quarter of an hour: is this a machine and a local.conf to do it with?
    [[ " $VHOST_DISTROS " == *" $DISTRO "* ]] || die $LINENO \
        "an emulated host has the machine's distribution, which must be one of $VHOST_DISTROS and not $DISTRO"
    [[ ${GLOBAL_VENV:-True} == True ]] || die $LINENO \
        "the hosts run Nova from devstack's virtual environment; set GLOBAL_VENV=True in local.conf"
    [[ ! $SERVICE_HOST =~ ^(127\.|localhost$|\[?::1) ]] || die $LINENO \
        "an emulated host does not find the services at $SERVICE_HOST; set HOST_IP in local.conf to another address of this machine"
    [[ $VHOST_NEUTRON_AGENT =~ ^(ovn|openvswitch|none)$ ]] || die $LINENO \
        "the hosts can have ovn, openvswitch or none of Neutron, not $VHOST_NEUTRON_AGENT; set VHOST_NEUTRON_AGENT in local.conf"
    [[ $VHOST_NEUTRON_AGENT == none || $VHOST_NEUTRON_AGENT == "${Q_AGENT:-}" ]] || die $LINENO \
        "the hosts cannot have $VHOST_NEUTRON_AGENT where the cloud has Q_AGENT=${Q_AGENT:-}; set VHOST_NEUTRON_AGENT to that, or to none"
    [[ $VHOST_NETWORK =~ ^(user|nat)$ ]] || die $LINENO \
        "the hosts' network can be user or nat, not $VHOST_NETWORK; set VHOST_NETWORK in local.conf"
    [[ $VHOST_ACCELERATOR == tcg ]] || vhost_open_kvm "$KVM_DEVICE"
    setup_develop "$VHOST_PLUGIN_DIR"
    vhost_do stack check-names --name "$VHOST_NAME" --hosts "$VHOST_HOSTS"
    vhost_do doctor "$VHOST_TOPOLOGY" --hosts "$VHOST_HOSTS"
    # To make it is the surest way to see whether libvirt here can. It goes with unstack.sh.
    [[ $VHOST_NETWORK != nat ]] || vhost_as_root network create "$VHOST_NAME" \
        --ports "$VHOST_HOSTS" --owner "$STACK_USER"
}

# The hosts' image and the guest's kernel, which takes minutes the first time: beside what
# stack.sh does until the hosts boot.
function vhost_install {
    async_runfunc vhost_build
}

# It must return: async_wait would wait for ever for one that has exited.
function vhost_build {
    "$DATA_DIR/venv/bin/vhost" image build
}

# What "vhost stack" decides by, in the file of its --config: the variables of local.conf, and what
# devstack knows. vhost_tempest_plugin/devstack/config_file.py describes it.
VHOST_CONFIG=$DATA_DIR/vhost-stack.conf
function vhost_write_config {
    local cell_conf=$NOVA_CONF
    # The cell's database is where its conductor is.
    if [[ ${CELLSV2_SETUP:-superconductor} != singleconductor ]]; then
        cell_conf=$(conductor_conf "$NOVA_CPU_CELL")
    fi
    # VHOST_NOVA_OPTIONS may have a secret.
    (umask 077 && rm -f "$VHOST_CONFIG" && : >"$VHOST_CONFIG")
    cat >>"$VHOST_CONFIG" <<CONFIG
[vhost]
name = $VHOST_NAME
topology = $VHOST_TOPOLOGY
hosts = $VHOST_HOSTS
accelerator = $VHOST_ACCELERATOR
network = $VHOST_NETWORK
neutron_agent = $VHOST_NEUTRON_AGENT
nova_options = ${VHOST_NOVA_OPTIONS//$'\n'/;}
pci_in_placement = $(trueorfalse False VHOST_PCI_IN_PLACEMENT)
memory_limit_mib = $VHOST_MEMORY_LIMIT_MIB
disk_limit_mib = $VHOST_DISK_LIMIT_MIB
log_directory = $VHOST_LOG_DIR

[devstack]
services = $(vhost_machine_services)
environment = $DATA_DIR/venv
nova_conf = $NOVA_CONF
nova_cpu_conf = $NOVA_CPU_CONF
cell_conf = $cell_conf
novnc_url = ${NOVNCPROXY_URL:-http://$SERVICE_HOST:6080/vnc_lite.html}
ca_bundle = ${SSL_BUNDLE_FILE:-}
ca_directory = ${INT_CA_DIR:-}
certificate = ${DEVSTACK_CERT_NAME:-}
ovn_southbound = ${OVN_SB_REMOTE:-}
ovn_agent_conf = ${OVN_AGENT_CONF:-}
ovn_metadata_conf = ${OVN_META_CONF:-}
neutron_conf = ${NEUTRON_CONF:-}
ml2_conf = ${Q_PLUGIN_CONF_FILE:+/$Q_PLUGIN_CONF_FILE}
CONFIG
}

# What of the machine's own services decides about the hosts.
function vhost_machine_services {
    local name found=
    for name in n-cond n-novnc tls-proxy ovn-controller; do
        ! is_service_enabled "$name" || found+="$name "
    done
    # Only lib/neutron_plugins/ovn_agent knows these two.
    if [[ ${Q_AGENT:-} == ovn ]]; then
        ! is_ovn_agent_enabled || found+="ovn-agent "
        ! is_ovn_metadata_agent_enabled || found+="ovn-metadata-agent "
    fi
    echo "$found"
}

# Once for all of Nova's services: start_nova_compute copies nova.conf over nova-cpu.conf, after
# this phase. Placement's place in it is written by devstack for n-cpu and n-sch only.
function vhost_post_config {
    # It writes into nova.conf in the background.
    async_wait configure_neutron_nova
    if is_service_enabled placement placement-client && ! is_service_enabled n-cpu n-sch; then
        configure_placement_nova_compute
    fi
    vhost_write_config
    vhost_do stack configure-nova --config "$VHOST_CONFIG"
}

# The hosts have devstack's virtual environment, and not the machine's own Python packages, of
# which pip leaves alone what has the right version.
function vhost_complete_environment {
    local missing
    # die ends a shell of its own there.
    missing=$(vhost_do stack missing-packages --config "$VHOST_CONFIG") || exit 1
    # shellcheck disable=SC2086 # one word a package
    [[ -z $missing ]] || pip_install --ignore-installed $missing
}

function vhost_extra {
    local names host index=0 environment=
    vhost_write_config
    vhost_complete_environment
    async_wait vhost_build || die $LINENO "'vhost image build' failed; its last line says what to do"
    names=$(vhost_do stack up --config "$VHOST_CONFIG") || exit 1
    # systemd gives its units nothing of this.
    [[ -z ${XDG_STATE_HOME:-} ]] || environment="XDG_STATE_HOME=$XDG_STATE_HOME"
    for host in $names; do
        run_process "n-vhost-$index" \
            "$DATA_DIR/venv/bin/vhost stack run --name $VHOST_NAME $host" \
            "" "" "$environment"
        if [[ -n $VHOST_CHECKS ]]; then
            # shellcheck disable=SC2086 # one word a check
            vhost_do check "$host" $VHOST_CHECKS
        fi
        index=$((index + 1))
    done
    if vhost_has_guest; then
        vhost_do stack prepare-image --name "$VHOST_NAME"
    fi
}

function vhost_has_guest {
    is_service_enabled g-api && [[ $(trueorfalse True VHOST_GUEST_IMAGE) == True ]]
}

function vhost_test_config {
    local arguments=() access=$DATA_DIR/vhost-tempest
    ! vhost_has_guest || arguments+=(--prepared-image)
    if [[ -n $VHOST_TEMPEST_USER ]]; then
        id "$VHOST_TEMPEST_USER" >/dev/null || die $LINENO \
            "there is no user $VHOST_TEMPEST_USER to run tempest; create it, or correct VHOST_TEMPEST_USER in local.conf"
        # From a stack.sh before, it is theirs.
        sudo rm -rf "$access"
        arguments+=(--ssh-access "$access")
    fi
    [[ ,${DEVSTACK_PLUGINS:-}, != *,whitebox-tempest-plugin,* ]] || arguments+=(--whitebox)
    vhost_do stack configure-tempest --name "$VHOST_NAME" "$TEMPEST_CONFIG" "${arguments[@]}"
    if [[ -n $VHOST_TEMPEST_USER ]]; then
        sudo chown -R "$VHOST_TEMPEST_USER" "$access"
        # It has the database's password, and is devstack's user's alone otherwise.
        sudo setfacl --modify "user:$VHOST_TEMPEST_USER:r" "$TEMPEST_CONFIG"
    fi
}

# What unstack.sh does to the guests of its own compute host it does to these hosts: they
# are of no use to the next stack.sh, which has a database of its own.
function vhost_unstack {
    local host networks
    for host in $VHOST_SERVICES; do
        stop_process "$host"
    done
    # Nothing to remove where stack.sh did not get as far as to install the command.
    if [[ -x $DATA_DIR/venv/bin/vhost ]]; then
        vhost_do stack destroy --missing-ok --name "$VHOST_NAME"
        # Whatever VHOST_NETWORK says now. Root is asked only where there is one to remove, and
        # another user's is none.
        networks=$(vhost_do network list -f value -c name -c owner) || exit 1
        if grep -qxF "$VHOST_NAME $STACK_USER" <<<"$networks"; then
            vhost_as_root network destroy --missing-ok "$VHOST_NAME"
        fi
        rm -f "$VHOST_CONFIG"
    fi
    vhost_close_kvm "$KVM_DEVICE"
}

if is_service_enabled vhost; then
    case "$1:${2:-}" in
        stack:pre-install) vhost_pre_install ;;
        stack:install) vhost_install ;;
        stack:post-config) vhost_post_config ;;
        stack:extra) vhost_extra ;;
        stack:test-config) if is_service_enabled tempest; then vhost_test_config; fi ;;
        unstack:* | clean:*) vhost_unstack ;;
    esac
fi
