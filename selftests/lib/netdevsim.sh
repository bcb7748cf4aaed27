# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced after testing.sh: a netdevsim device whose driver can be told to
# reject XDP programs

# The driver's switches, when the device exists
# shellcheck disable=SC2034
simfs=/sys/kernel/debug/netdevsim/netdevsim7/ports/0

# add_netdevsim: adds the device and sets sim to its name
add_netdevsim() {
	echo "7 1" >/sys/bus/netdevsim/new_device
	defer eval "echo 7 >/sys/bus/netdevsim/del_device 2>/dev/null || :"
	until_true "the device is there" \
		test -d /sys/bus/netdevsim/devices/netdevsim7/net
	sim=$(ls /sys/bus/netdevsim/devices/netdevsim7/net)
}

# add_driver: the same, and sets accept to the switch that makes the driver
# reject XDP programs
add_driver() {
	add_netdevsim
	accept=$simfs/bpf_xdpdrv_accept
	# removing a device while its driver rejects programs triggers an
	# upstream WARN_ON()
	defer eval "echo Y >$accept"
}
