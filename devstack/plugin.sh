#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The devstack plugin: emulated NUMA/PCI hosts that are compute nodes of the cloud and run the
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
function vhost_open_kvm {
    local device=$1
    if [[ -e $device ]] && ! sudo -u "$STACK_USER" test -w "$device"; then
        sudo setfacl --modify "user:$STACK_USER:rw" "$device" || die $LINENO \
            "$STACK_USER cannot be let at $device; see to that, or set VHOST_ACCELERATOR=tcg in local.conf"
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

# Once for all of Nova's services: start_nova_compute copies nova.conf over nova-cpu.conf, after
# this phase. Placement's place in it is written by devstack for n-cpu and n-sch only.
function vhost_post_config {
    # It writes into nova.conf in the background.
    async_wait configure_neutron_nova
    if is_service_enabled placement placement-client && ! is_service_enabled n-cpu n-sch; then
        configure_placement_nova_compute
    fi
    local arguments=(--topology "$VHOST_TOPOLOGY")
    ! vhost_uses_placement || arguments+=(--pci-in-placement)
    vhost_do stack configure-nova "$NOVA_CONF" "${arguments[@]}"
}

function vhost_uses_placement {
    [[ $(trueorfalse False VHOST_PCI_IN_PLACEMENT) == True ]]
}

# What "vhost stack up" is told of Neutron, as an array of the caller's: arguments.
function vhost_networking {
    case $VHOST_NEUTRON_AGENT in
        ovn)
            arguments+=(--ovn "$OVN_SB_REMOTE")
            if is_service_enabled tls-proxy; then
                arguments+=(--ovn-certificate "$INT_CA_DIR/private/$DEVSTACK_CERT_NAME.key"
                    "$INT_CA_DIR/$DEVSTACK_CERT_NAME.crt" "$INT_CA_DIR/ca-chain.pem")
            fi
            # devstack writes its file where the machine runs one, too.
            if ! is_service_enabled ovn-controller; then
                return
            elif is_ovn_agent_enabled; then
                arguments+=(--neutron-agent neutron-ovn-agent "$OVN_AGENT_CONF")
            elif is_ovn_metadata_agent_enabled; then
                arguments+=(--neutron-agent neutron-ovn-metadata-agent "$OVN_META_CONF")
            fi
            ;;
        openvswitch)
            arguments+=(--neutron-agent neutron-openvswitch-agent "$NEUTRON_CONF" "/$Q_PLUGIN_CONF_FILE")
            ;;
    esac
}

# The hosts have devstack's virtual environment, and not the machine's own Python packages, of
# which pip leaves alone what has the right version.
function vhost_complete_environment {
    local missing arguments=(--environment "$DATA_DIR/venv")
    [[ $VHOST_NEUTRON_AGENT == none ]] || arguments+=(--neutron)
    # A subshell cannot end stack.sh by itself.
    missing=$(vhost_do stack missing-packages "${arguments[@]}") || exit 1
    # shellcheck disable=SC2086 # one word a package
    [[ -z $missing ]] || pip_install --ignore-installed $missing
}

function vhost_extra {
    local arguments=() option file host index=0 environment=
    vhost_complete_environment
    async_wait vhost_build || die $LINENO "'vhost image build' failed; its last line says what to do"
    ! vhost_uses_placement || arguments+=(--pci-in-placement)
    if [[ $VHOST_NETWORK == nat ]]; then
        arguments+=(--network "$VHOST_NAME")
        # lib/nova says so only where the machine is a compute node.
        ! is_service_enabled n-novnc || arguments+=(--option
            "vnc.novncproxy_base_url=${NOVNCPROXY_URL:-http://$SERVICE_HOST:6080/vnc_lite.html}")
    fi
    while read -r -d ';' option; do
        [[ -z $option ]] || arguments+=(--option "$option")
    done <<<"$VHOST_NOVA_OPTIONS;"
    for file in "${SSL_BUNDLE_FILE:-}" /etc/ssl/certs/ca-certificates.crt; do
        [[ ! -r $file ]] || arguments+=(--file "$file")
    done
    # The cell's database is where its conductor is.
    file=$NOVA_CONF
    if [[ ${CELLSV2_SETUP:-superconductor} != singleconductor ]]; then
        file=$(conductor_conf "$NOVA_CPU_CELL")
    fi
    [[ ! -r $file ]] || ! is_service_enabled n-cond || arguments+=(--database "$file")
    [[ -z $VHOST_LOG_DIR ]] || arguments+=(--log-directory "$VHOST_LOG_DIR")
    vhost_networking
    vhost_do stack up --name "$VHOST_NAME" --topology "$VHOST_TOPOLOGY" --hosts "$VHOST_HOSTS" \
        --accelerator "$VHOST_ACCELERATOR" --configuration "$NOVA_CPU_CONF" \
        --environment "$DATA_DIR/venv" --disk-limit-mib "$VHOST_DISK_LIMIT_MIB" \
        --memory-limit-mib "$VHOST_MEMORY_LIMIT_MIB" "${arguments[@]}"
    # systemd gives its units nothing of this.
    [[ -z ${XDG_STATE_HOME:-} ]] || environment="XDG_STATE_HOME=$XDG_STATE_HOME"
    for host in $VHOST_SERVICES; do
        run_process "$host" \
            "$DATA_DIR/venv/bin/vhost stack run --name $VHOST_NAME $VHOST_NAME-$index" \
            "" "" "$environment"
        if [[ -n $VHOST_CHECKS ]]; then
            # shellcheck disable=SC2086 # one word a check
            vhost_do check "$VHOST_NAME-$index" $VHOST_CHECKS
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
    local arguments=() entrance=$DATA_DIR/vhost-tempest
    ! vhost_has_guest || arguments+=(--prepared-image)
    if [[ -n $VHOST_TEMPEST_USER ]]; then
        id "$VHOST_TEMPEST_USER" >/dev/null || die $LINENO \
            "there is no user $VHOST_TEMPEST_USER to run tempest; create it, or correct VHOST_TEMPEST_USER in local.conf"
        # From a stack.sh before, it is theirs.
        sudo rm -rf "$entrance"
        arguments+=(--ssh-access "$entrance")
    fi
    [[ ,${DEVSTACK_PLUGINS:-}, != *,whitebox-tempest-plugin,* ]] || arguments+=(--whitebox)
    vhost_do stack configure-tempest --name "$VHOST_NAME" "$TEMPEST_CONFIG" "${arguments[@]}"
    if [[ -n $VHOST_TEMPEST_USER ]]; then
        sudo chown -R "$VHOST_TEMPEST_USER" "$entrance"
    fi
}

# What unstack.sh does to the guests of a compute node of its own it does to these nodes: they
# are of no use to the next stack.sh, which has a database of its own.
function vhost_unstack {
    local host
    for host in $VHOST_SERVICES; do
        stop_process "$host"
    done
    # Nothing to remove where stack.sh did not get as far as to install the command.
    if [[ -x $DATA_DIR/venv/bin/vhost ]]; then
        vhost_do stack destroy --missing-ok --name "$VHOST_NAME"
        # Whatever VHOST_NETWORK says now. Root is asked only where there is one to remove.
        [[ ! -e ${VHOST_RUN_DIR:-/run/vhost}/networks/$VHOST_NAME.json ]] \
            || vhost_as_root network destroy --missing-ok "$VHOST_NAME"
    fi
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
