# SPDX-License-Identifier: Apache-2.0
# Prints what observe.read() parses; $1 is an extended regular expression of the lines of the
# kernel log to print.  One process for many files: under emulation a fork costs more than a
# thousand reads.
LC_ALL=C
export LC_ALL
cd /sys/devices/system
echo '== values'
grep -Hs . cpu/cpu[0-9]*/topology/physical_package_id cpu/cpu[0-9]*/topology/thread_siblings_list \
    memory/block_size_bytes node/node[0-9]*/cpulist node/node[0-9]*/distance \
    node/node[0-9]*/hugepages/*/nr_hugepages
grep -Hs MemTotal: node/node[0-9]*/meminfo
cd /sys/bus/pci/devices
grep -Hs . ./*/vendor ./*/device ./*/class ./*/numa_node ./*/sriov_totalvfs ./*/sriov_numvfs \
    ./*/secondary_bus_number
cd /sys/class/pci_bus
grep -Hs . ./*/cpulistaffinity
grep -Hs . /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts \
    /sys/module/kvm_*/parameters/nested /proc/cmdline
grep -Hsm1 ^flags /proc/cpuinfo
echo '== links'
find /sys/bus/pci/devices/ -maxdepth 1 -type l -printf '%f device %l\n'
find /sys/bus/pci/devices/*/ -maxdepth 1 -type l \
    '(' -name driver -o -name physfn -o -name iommu_group ')' -printf '%h %f %l\n'
echo '== present'
printf '%s\n' /sys/devices/system/node/node[0-9]*/memory[0-9]* \
    /sys/devices/pci[0-9a-f]* /sys/module/vfio* /sys/module/kvm* \
    /sys/bus/pci/drivers/vfio-pci /sys/class/iommu/* /sys/firmware/acpi/tables/???? /dev/kvm |
    while read -r path; do if [ -e "$path" ]; then echo "$path"; fi; done
echo '== kernel log'
dmesg | sed -nE "1p; 1!{/$1/p}"
echo '== end'
