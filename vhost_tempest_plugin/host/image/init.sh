#!/bin/busybox sh
# The initramfs: mounts the root disk and the shares, puts the host's seed into it, sets
# up the management link and the uplink and becomes the root's init.
/bin/busybox --install -s /bin
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
# The kernel is quiet; whoever looks at the console sees how far the host has come.
cat /proc/version

fail() {
    echo "vhost-init: $*"
    poweroff -f
}

# What the command line's maxcpus held back: see _ONE_CPU in boot.py.
for cpu in /sys/devices/system/cpu/cpu[0-9]*/online; do
    if [ -e "$cpu" ]; then echo 1 >"$cpu"; fi
done

while read -r module; do
    insmod "/modules/$module" || fail "cannot load $module"
done </modules/order

mount -t ext4 -o noatime /dev/vda /root || fail "cannot mount the root disk"

seed=/vhost
for file in hostname hosts resolv.conf machine-id; do
    if [ -e $seed/$file ]; then cp $seed/$file /root/etc/$file; fi
done
if [ -e $seed/authorized_keys ]; then
    mkdir -p -m 700 /root/root/.ssh
    cp $seed/authorized_keys /root/root/.ssh/authorized_keys
fi
for key in $seed/ssh_host_*; do
    if [ -e "$key" ]; then cp "$key" /root/etc/ssh/; fi
done
if [ -e $seed/topology.yaml ]; then
    mkdir -p /root/etc/vhost
    cp $seed/topology.yaml /root/etc/vhost/topology.yaml
fi

# A read-only tree of the machine, on the disk with a serial number.
share() {
    for block in /sys/block/vd*; do
        if [ "$(cat "$block/serial")" = "$1" ]; then
            mkdir -p "/root$2" || fail "cannot make $2 for a share"
            mount -t ext4 -o ro,noload "/dev/${block##*/}" "/root$2" || fail "cannot mount $2"
            return
        fi
    done
    fail "there is no disk $1 with $2"
}
while read -r serial path; do
    share "$serial" "$path"
done <$seed/shares

# SLIRP's fixed addresses, and no other network driver is loaded yet: it is eth0.
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
# Without a gateway it is for ssh only: what else would go there fails at once.
while read -r gateway; do
    ip route add default via "$gateway"
done <$seed/gateway

# The way to other hosts and to and from the machine, where there is one.
# It is renamed, so that the topology's NICs have the names that they have without it.
uplink() {
    for interface in /sys/class/net/*; do
        if [ "$(cat "$interface/address")" = "$1" ]; then
            ip link set "${interface##*/}" name uplink
            ip link set uplink up
            ip address add "$2" dev uplink || fail "cannot take the address $2"
            for machine in $4; do
                ip route add "$machine" via "$3" || fail "cannot reach $machine by $3"
            done
            return
        fi
    done
    fail "there is no NIC $1 for the address $2"
}
while read -r mac address gateway machine; do
    uplink "$mac" "$address" "$gateway" "$machine"
done <$seed/uplink

echo "vhost-init: $(cat /root/etc/hostname) goes on with /sbin/init"
umount /proc /sys
mount -o move /dev /root/dev
exec switch_root /root /sbin/init
