# SPDX-License-Identifier: Apache-2.0
# Prints what observe.guests.read() parses, in as few processes as can be.
LC_ALL=C
export LC_ALL
echo '== values'
grep -Hs -e MemTotal: -e '^-\{0,1\}[0-9]' \
    /sys/devices/system/node/node[0-9]*/meminfo /sys/bus/pci/devices/*/numa_node
echo '== links'
find /sys/bus/pci/devices/*/ -maxdepth 1 -type l \
    '(' -name driver -o -name iommu_group ')' -printf '%h %f %l\n'
echo '== holders'
# A group has a file only while one of its devices is vfio-pci's.
set -- /dev/vfio/[0-9]*
[ -e "$1" ] && find /proc/[0-9]*/fd -maxdepth 1 -lname '/dev/vfio/[0-9]*' -printf '%h %l\n' 2>/dev/null |
    sort -u |
    while IFS=/ read -r _ _ pid _ _ _ group; do
        printf '%s %s ' "$group" "$pid"
        tr '\0\n' '  ' <"/proc/$pid/cmdline" 2>/dev/null
        echo
    done
echo '== end'
