# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced behind testing.sh: a device whose driver does as it is told

# The switches of its driver, once it is there
# shellcheck disable=SC2034
simfs=/sys/kernel/debug/netdevsim/netdevsim7/ports/0

# add_netdevsim: sets sim, its name
add_netdevsim()
{
	echo "7 1" >/sys/bus/netdevsim/new_device
	defer eval "echo 7 >/sys/bus/netdevsim/del_device 2>/dev/null || :"
	until_true "the device is there" \
		test -d /sys/bus/netdevsim/devices/netdevsim7/net
	sim=$(ls /sys/bus/netdevsim/devices/netdevsim7/net)
}

# add_driver: likewise, and sets accept, the switch with which its driver refuses
# XDP programs
add_driver()
{
	add_netdevsim
	accept=$simfs/bpf_xdpdrv_accept
	# a device that goes while its driver refuses is upstream's WARN_ON()
	defer eval "echo Y >$accept"
}
