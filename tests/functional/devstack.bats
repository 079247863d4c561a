#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2317 # stand-ins are called by what they stand in for
# The devstack plugin under a stand-in for devstack's functions and a stand-in vhost command:
# which commands each phase runs. The real stack.sh is not run here; DEVSTACK_TREE names a
# checkout of devstack against which the stand-in is compared.

bats_require_minimum_version 1.5.0

setup() {
    TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    export SAID=$BATS_TEST_TMPDIR/said
    : >"$SAID"
    DEST=$BATS_TEST_TMPDIR/dest
    DATA_DIR=$DEST/data
    NOVA_CONF_DIR=$BATS_TEST_TMPDIR/etc
    NOVA_CONF=$NOVA_CONF_DIR/nova.conf
    NOVA_CPU_CONF=$NOVA_CONF_DIR/nova-cpu.conf
    TEMPEST_CONFIG=$NOVA_CONF_DIR/tempest.conf
    NOVA_CPU_CELL=1
    TEMPEST_PLUGINS=0
    DISTRO=trixie
    SERVICE_HOST=192.0.2.2
    STACK_USER=stack
    KVM_DEVICE=$BATS_TEST_TMPDIR/kvm
    VHOST_NAME=mine
    VHOST_CHECKS=vfio
    mkdir -p "$DATA_DIR/venv/bin" "$NOVA_CONF_DIR"
    touch "$NOVA_CONF" "$NOVA_CPU_CONF" "$NOVA_CONF_DIR/nova_cell1.conf"
    PATH=/usr/bin:/bin
    # Whose the labs are of who runs the tests is no matter of theirs.
    unset XDG_STATE_HOME
    VENV=$DATA_DIR/venv
    CONFIG=$DATA_DIR/vhost-stack.conf
    NETWORKS=$BATS_TEST_TMPDIR/networks
    : >"$NETWORKS"
}

# What would run as root is only written down.
stand_in_sudo() {
    sudo() { echo "sudo $*" >>"$SAID"; }
}

# A stand-in for the vhost command, which fails at the words of its arguments.
stand_in_vhost() {
    cat >"$VENV/bin/vhost" <<STAND_IN
#!/bin/sh
echo "vhost \$*" >>"$SAID"
case "\$*" in "${1:-never}"*) echo "vhost: the fact; the remedy" >&2; exit 4 ;; esac
case "\$*" in
    "stack up "*) for number in \$(seq \$(sed -n 's/^hosts = //p' "$CONFIG")); do echo "mine-\$((number - 1))"; done ;;
    "network list "*"-c name -c owner"*) cat "$NETWORKS" ;;
    "network list "*) cut -d " " -f 1 "$NETWORKS" ;;
esac
STAND_IN
    chmod +x "$VENV/bin/vhost"
}

phase() {
    (
        # shellcheck source=tests/functional/devstack_stand_in.bash
        source "$TOP/tests/functional/devstack_stand_in.bash"
        # shellcheck source=devstack/settings
        source "$TOP/devstack/settings"
        set -o errexit
        # shellcheck source=devstack/plugin.sh
        source "$TOP/devstack/plugin.sh" "$@"
    )
}

said() {
    diff <(printf '%s\n' "define_plugin vhost-tempest-plugin" "$@") "$SAID"
}

# What the phase extra calls first.
up() {
    printf '%s\n' "vhost stack missing-packages --config $CONFIG" "async_wait vhost_build" \
        "vhost stack up --config $CONFIG"
}

unit() {
    echo "run_process n-vhost-$1|$VENV/bin/vhost stack run --name mine mine-$1|||${2:-}"
}

@test "pre-install puts the project in and asks the doctor" {
    stand_in_vhost
    phase stack pre-install
    said "setup_develop $DEST/vhost-tempest-plugin" \
        "vhost stack check-names --name mine --hosts 1" "vhost doctor small --hosts 1"
}

@test "pre-install lets devstack's user at KVM, where there is any and it is wanted" {
    stand_in_vhost
    sudo() {
        echo "sudo $*" >>"$SAID"
        [[ $* != *" test -w "* || -e $BATS_TEST_TMPDIR/allowed ]]
    }
    local device=$BATS_TEST_TMPDIR/kvm
    : >"$device"
    VHOST_ACCELERATOR=tcg phase stack pre-install
    run -1 grep sudo "$SAID"
    phase stack pre-install
    run -0 grep setfacl "$SAID"
    [ "$output" = "sudo setfacl --modify user:stack:rw $device" ]
    : >"$SAID"
    : >"$BATS_TEST_TMPDIR/allowed"
    phase stack pre-install
    run -1 grep setfacl "$SAID"
    rm "$device" "$BATS_TEST_TMPDIR/allowed"
    phase stack pre-install
    run -1 grep setfacl "$SAID"
}

@test "unstack and clean take back the access to KVM that was granted, and no other" {
    stand_in_vhost
    sudo() {
        echo "sudo $*" >>"$SAID"
        [[ $* != *" test -w "* ]]
    }
    local device=$BATS_TEST_TMPDIR/kvm
    : >"$device"
    local name
    for name in unstack clean; do
        phase stack pre-install
        : >"$SAID"
        phase "$name"
        run -0 grep setfacl "$SAID"
        [ "$output" = "sudo setfacl --remove user:stack $device" ]
        : >"$SAID"
        phase "$name"
        run -1 grep setfacl "$SAID"
    done
    # After a reboot with another kernel there may be no device.
    phase stack pre-install
    rm "$device"
    : >"$SAID"
    phase unstack
    run -1 grep setfacl "$SAID"
}

@test "only the user can read what may have a secret, whatever the umask and the file before" {
    stand_in_vhost
    : >"$CONFIG"
    chmod 0666 "$CONFIG"
    umask 000
    VHOST_NOVA_OPTIONS="vendordata_dynamic_auth.password=s3cret" phase stack extra
    [ "$(stat -c %a "$CONFIG")" = 600 ]
    run -1 grep -r s3cret "$SAID"
}

@test "pre-install makes the network of hosts that are to be reached" {
    stand_in_vhost
    stand_in_sudo
    VHOST_NETWORK=nat VHOST_HOSTS=2 phase stack pre-install
    said "setup_develop $DEST/vhost-tempest-plugin" \
        "vhost stack check-names --name mine --hosts 2" "vhost doctor small --hosts 2" \
        "sudo $VENV/bin/vhost network create mine --ports 2 --owner stack"
}

@test "pre-install ends where the network cannot be made, or is of no known kind" {
    stand_in_vhost "network create"
    sudo() { "$@"; }
    VHOST_NETWORK=nat run phase stack pre-install
    [ "$status" -ne 0 ]
    [ "${lines[-2]}" = "vhost: the fact; the remedy" ]
    [[ ${lines[-1]} == "'sudo vhost network create mine"*"failed"* ]]
    : >"$SAID"
    VHOST_NETWORK=bridge run phase stack pre-install
    [ "$status" -ne 0 ]
    [[ $output == *"user or nat, not bridge"* ]]
    said
}

@test "install builds the image in the background" {
    stand_in_vhost
    phase stack install
    said "async_runfunc vhost_build" "vhost image build"
}

@test "post-config waits for what else writes nova.conf, and adds to it" {
    stand_in_vhost
    phase stack post-config
    said "async_wait configure_neutron_nova" \
        "vhost stack configure-nova --config $CONFIG"
}

@test "post-config has Placement schedule devices where that is wanted" {
    stand_in_vhost
    VHOST_PCI_IN_PLACEMENT=true phase stack post-config
    grep -qx "pci_in_placement = True" "$CONFIG"
}

@test "post-config of a subnode tells its hosts where Placement is" {
    stand_in_vhost
    ENABLED_SERVICES=placement-client phase stack post-config
    said "async_wait configure_neutron_nova" configure_placement_nova_compute \
        "vhost stack configure-nova --config $CONFIG"
}

@test "extra makes the host a compute host, watches it, checks it, and brings its guest" {
    stand_in_vhost
    phase stack extra
    said "$(up)" "$(unit 0)" "vhost check mine-0 vfio" "vhost stack prepare-image --name mine"
}

@test "extra has the hosts find in devstack's environment what only the machine has" {
    stand_in_vhost
    # shellcheck disable=SC2016 # the stand-in's own
    echo 'case "$2" in missing-packages) echo netaddr; echo pyyaml ;; esac' >>"$VENV/bin/vhost"
    phase stack extra
    run -0 head -n 3 "$SAID"
    [ "${lines[1]}" = "vhost stack missing-packages --config $CONFIG" ]
    [ "${lines[2]}" = "pip_install --ignore-installed netaddr pyyaml" ]
}

@test "extra ends where it is not known what the hosts would lack" {
    stand_in_vhost "stack missing-packages"
    run ! phase stack extra
    [[ $output == *"'vhost stack missing-packages --config $CONFIG' failed"* ]]
    run ! grep -e "stack up" -e pip_install "$SAID"
}

@test "extra says what is in local.conf, and runs a unit for each host" {
    stand_in_vhost
    VHOST_TOPOLOGY=article VHOST_HOSTS=2 VHOST_ACCELERATOR=kvm VHOST_CHECKS='' \
        VHOST_PCI_IN_PLACEMENT=1 VHOST_NOVA_OPTIONS="pci.x=1;compute.y=a b" \
        VHOST_LOG_DIR=/logs VHOST_MEMORY_LIMIT_MIB=9000 VHOST_DISK_LIMIT_MIB=800 \
        VHOST_GUEST_IMAGE=False XDG_STATE_HOME=/state phase stack extra
    said "$(up)" "$(unit 0 XDG_STATE_HOME=/state)" "$(unit 1 XDG_STATE_HOME=/state)"
    local line
    for line in "name = mine" "topology = article" "hosts = 2" "accelerator = kvm" \
        "pci_in_placement = True" "nova_options = pci.x=1;compute.y=a b" "log_directory = /logs" \
        "memory_limit_mib = 9000" "disk_limit_mib = 800" "environment = $VENV" \
        "nova_cpu_conf = $NOVA_CPU_CONF" "cell_conf = $NOVA_CONF_DIR/nova_cell1.conf"; do
        grep -qxF "$line" "$CONFIG"
    done
}

@test "what the hosts cannot have of Neutron is refused before anything is installed" {
    stand_in_vhost
    Q_AGENT=macvtap run -1 phase stack pre-install
    [ "$output" = "the hosts can have ovn, openvswitch or none of Neutron, not macvtap; set VHOST_NEUTRON_AGENT in local.conf" ]
    Q_AGENT=openvswitch VHOST_NEUTRON_AGENT=ovn run -1 phase stack pre-install
    [ "$output" = "the hosts cannot have ovn where the cloud has Q_AGENT=openvswitch; set VHOST_NEUTRON_AGENT to that, or to none" ]
    run -1 grep setup_develop "$SAID"
}

@test "extra of a subnode has no way to the database and brings no image" {
    stand_in_vhost
    ENABLED_SERVICES=placement-client phase stack extra
    said "$(up)" "$(unit 0)" "vhost check mine-0 vfio"
}

@test "test-config tells tempest" {
    stand_in_vhost
    phase stack test-config
    said "vhost stack configure-tempest --name mine $TEMPEST_CONFIG --prepared-image"
}

@test "test-config tells whitebox-tempest-plugin where that is enabled, and keeps an image" {
    stand_in_vhost
    DEVSTACK_PLUGINS=vhost-tempest-plugin,whitebox-tempest-plugin VHOST_GUEST_IMAGE=no \
        phase stack test-config
    said "vhost stack configure-tempest --name mine $TEMPEST_CONFIG --whitebox"
}

@test "test-config lets another user in who runs tempest" {
    stand_in_vhost
    stand_in_sudo
    VHOST_TEMPEST_USER=nobody phase stack test-config
    said "sudo rm -rf $DATA_DIR/vhost-tempest" \
        "vhost stack configure-tempest --name mine $TEMPEST_CONFIG --prepared-image\
 --ssh-access $DATA_DIR/vhost-tempest" "sudo chown -R nobody $DATA_DIR/vhost-tempest" \
        "sudo setfacl --modify user:nobody:r $TEMPEST_CONFIG"
    VHOST_TEMPEST_USER=no-such-user run phase stack test-config
    [ "$status" -ne 0 ]
    [[ ${lines[-1]} == "there is no user no-such-user to run tempest; create it"* ]]
}

@test "test-config does nothing without tempest" {
    stand_in_vhost
    ENABLED_SERVICES=n-api,g-api phase stack test-config
    said
}

@test "each phase may run twice" {
    stand_in_vhost
    local name
    for name in "stack pre-install" "stack install" "stack post-config" "stack extra" \
        "stack test-config" unstack clean; do
        : >"$SAID"
        # shellcheck disable=SC2086 # mode and phase
        phase $name
        cp "$SAID" "$SAID.once"
        : >"$SAID"
        # shellcheck disable=SC2086
        phase $name
        diff "$SAID.once" "$SAID"
    done
}

@test "a command that fails stops the stack, and what it said is the last but one line" {
    local name words
    while IFS='|' read -r name words; do
        stand_in_vhost "$words"
        # shellcheck disable=SC2086 # mode and phase
        run phase $name
        [ "$status" -ne 0 ]
        [ "${lines[-2]}" = "vhost: the fact; the remedy" ]
        [[ ${lines[-1]} == "'vhost $words"*"failed"* ]]
    done <<'PHASES'
stack pre-install|stack check-names
stack pre-install|doctor
stack post-config|stack configure-nova
stack extra|stack up
stack extra|check mine-0
stack extra|stack prepare-image
stack test-config|stack configure-tempest
unstack|stack destroy
clean|stack destroy
unstack|network list
PHASES
}

@test "an image that cannot be built stops the stack where the host would boot" {
    stand_in_vhost
    FAILED_IN_BACKGROUND=vhost_build run phase stack extra
    [ "$status" -ne 0 ]
    [[ ${lines[-1]} == "'vhost image build' failed; "* ]]
    said "vhost stack missing-packages --config $CONFIG" "async_wait vhost_build"
}

@test "nothing goes on after the failure" {
    stand_in_vhost "stack up"
    run phase stack extra
    [ "$status" -ne 0 ]
    [ "$(grep -c run_process "$SAID")" -eq 0 ]
}

@test "a distribution that no image can be made of is refused before anything is installed" {
    stand_in_vhost
    DISTRO=rhel9 run phase stack pre-install
    [ "$status" -ne 0 ]
    [[ $output == *"bookworm trixie noble and not rhel9"* ]]
    said
}

@test "services at the loopback address are refused, whatever its name" {
    stand_in_vhost
    local address
    for address in 127.0.0.1 127.0.1.1 localhost ::1 '[::1]'; do
        SERVICE_HOST=$address run phase stack pre-install
        [ "$status" -ne 0 ]
        [[ $output == *"set HOST_IP in local.conf"* ]]
    done
}

@test "a devstack without its virtual environment is refused" {
    stand_in_vhost
    GLOBAL_VENV=False run phase stack pre-install
    [ "$status" -ne 0 ]
    [[ $output == *"GLOBAL_VENV=True"* ]]
}

@test "unstack and clean stop the units and remove the hosts" {
    stand_in_vhost
    local name
    for name in unstack clean; do
        : >"$SAID"
        VHOST_HOSTS=2 phase "$name"
        said "stop_process n-vhost-0" "stop_process n-vhost-1" \
            "vhost stack destroy --missing-ok --name mine" "vhost network list -f value -c name -c owner"
    done
}

@test "unstack and clean remove a network after the hosts" {
    stand_in_vhost
    stand_in_sudo
    printf '%s\n' "other stack" "mine stack" >"$NETWORKS"
    local name
    for name in unstack clean; do
        : >"$SAID"
        phase "$name"
        said "stop_process n-vhost-0" "vhost stack destroy --missing-ok --name mine" \
            "vhost network list -f value -c name -c owner" "sudo $VENV/bin/vhost network destroy --missing-ok mine"
    done
}

@test "unstack and clean leave another user's network alone" {
    stand_in_vhost
    stand_in_sudo
    printf '%s\n' "mine alice" "mine-2 stack" >"$NETWORKS"
    local name
    for name in unstack clean; do
        : >"$SAID"
        phase "$name"
        run -1 grep sudo "$SAID"
    done
}

@test "unstack and clean where the command was never installed" {
    phase unstack
    said "stop_process n-vhost-0"
    : >"$SAID"
    phase clean
    said "stop_process n-vhost-0"
}

@test "other phases run nothing" {
    stand_in_vhost
    phase stack source
    said
}

@test "nothing runs where the service is off" {
    stand_in_vhost
    DISABLED_SERVICES=vhost phase stack extra
    said
}

# What the settings make of the environment: the values of variables, one a line.
settings() {
    (
        set -o errexit -o nounset
        # shellcheck source=tests/functional/devstack_stand_in.bash
        source "$TOP/tests/functional/devstack_stand_in.bash"
        # shellcheck source=devstack/settings
        source "$TOP/devstack/settings"
        local name
        for name in "$@"; do echo "${!name}"; done
    )
}

@test "settings need nothing but devstack's functions" {
    unset DEST VHOST_NAME VHOST_CHECKS TEMPEST_PLUGINS LOGDIR
    run settings VHOST_TOPOLOGY VHOST_PLUGIN_DIR
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = small ]
    [ "${lines[1]}" = /opt/stack/vhost-tempest-plugin ]
}

@test "the name of a machine becomes one that hosts can have" {
    unset VHOST_NAME
    local bin=$BATS_TEST_TMPDIR/bin machine
    mkdir "$bin"
    for machine in Node.3_x 42 a-very-long-name-of-a-machine-that-has-it-all-; do
        printf '#!/bin/sh\necho %s\n' "$machine" >"$bin/hostname"
        chmod +x "$bin/hostname"
        PATH=$bin:$PATH run settings VHOST_NAME
        [[ $output-7 =~ ^[a-z]([a-z0-9-]{0,38}[a-z0-9])$ ]]
    done
}

@test "settings leave what is there already, and add what is missing, once" {
    TEMPEST_PLUGINS="/opt/stack/other $DEST/vhost-tempest-plugin"
    run settings TEMPEST_PLUGINS
    [ "$output" = "$TEMPEST_PLUGINS" ]
    TEMPEST_PLUGINS=/opt/stack/other
    run settings TEMPEST_PLUGINS
    [ "$output" = "/opt/stack/other $DEST/vhost-tempest-plugin" ]
    TEMPEST_PLUGINS=0
    run settings TEMPEST_PLUGINS
    [ "$output" = "$DEST/vhost-tempest-plugin" ]
}

@test "the machine is no compute host unless it is to be" {
    run settings ENABLED_SERVICES
    [[ ,$output, != *,n-cpu,* ]]
    [[ ,$output, == *,vhost,n-vhost-0,* ]]
    VHOST_MACHINE_COMPUTE=yes run settings ENABLED_SERVICES
    [[ ,$output, == *,n-cpu,* ]]
}

@test "the stand-in has the services that devstack's own functions have" {
    if [[ ! -r ${DEVSTACK_TREE:-}/functions-common ]]; then
        skip "DEVSTACK_TREE names no checkout of devstack"
    fi
    # shellcheck disable=SC2016 # the shells that are compared expand it
    local program='
        for variable in a:1 b:no c:TRUE d:perhaps; do
            export "value=${variable#*:}"
            trueorfalse True value
        done
        DISABLED_SERVICES=dstat
        ENABLED_SERVICES=key,n-api,n-cpu,placement-api
        enable_service vhost n-vhost-0 key dstat
        disable_service n-cpu
        echo "$ENABLED_SERVICES"
        for name in key nova placement "n-cpu q-svc" n-cpu n-vhost-0 vhost dstat "q-svc key"; do
            # shellcheck disable=SC2086
            if is_service_enabled $name; then echo "$name"; fi
        done'
    run bash -c "source '$TOP/tests/functional/devstack_stand_in.bash'; $program"
    local ours=$output
    run bash -c "cd '$DEVSTACK_TREE'; TOP_DIR=\$PWD; source functions-common
        function is_placement_enabled { [[ ,\$ENABLED_SERVICES =~ ,placement- ]]; }; $program" 2>&1
    diff <(echo "$ours") <(grep -v '^\[WARNING\]' <<<"$output")
}
