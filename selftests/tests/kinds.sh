#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug
# The other kinds of attachments and their detach paths: a bond with slaves,
# netdevsim, links, chains and shared blocks. S4, S11, S13
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/netdevsim.sh"

attach_bond() {
	ip link set dev bond7 xdp obj "${object_for[xdp]}" hold-maps
	stays_full "$(entry_id)" 2
	present hold-maps ip -d link show dev bond7
}

case_bond_detach() {
	add_bond
	attach_bond
	ip link set dev bond7 xdp off
	ids none
}

case_bond_slave_leaves() {
	add_bond
	attach_bond
	ip link set eth1 nomaster
	stays_full "$(entry_id)" 2
	ip link set dev bond7 xdp off
}

case_bond_delete() {
	add_bond
	attach_bond
	ip link del bond7
	ids none
}

# The control of the bond: without the flag the array is cleared.
case_bond_without_flag() {
	add_bond
	ip link set dev bond7 xdp obj "${object_for[xdp]}"
	until_true "the array is cleared" cleared "$(entry_id)"
	ip link set dev bond7 xdp off
}

case_netdevsim_native_detach() {
	local sim

	add_netdevsim
	ip link set dev "$sim" xdpdrv obj "${object_for[xdp]}"
	until_true "the array is cleared without the flag" \
		cleared "$(entry_id)"
	ip link set dev "$sim" xdpdrv off
	ids none
	ip link set dev "$sim" xdpdrv obj "${object_for[xdp]}" hold-maps
	stays_full "$(entry_id)" 2
	ip link set dev "$sim" xdpdrv off
	ids none
}

case_netdevsim_native_device_delete() {
	local sim

	add_netdevsim
	ip link set dev "$sim" xdpdrv obj "${object_for[xdp]}" hold-maps
	stays_full "$(entry_id)" 2
	echo 7 >/sys/bus/netdevsim/del_device
	ids none
}

# netdevsim can offload, but the flag is rejected, even for a program that was
# loaded for it. Without the flag it attaches (the control).
case_netdevsim_offload_is_refused() {
	local sim

	add_netdevsim
	defer rm -f "$pins/off"
	bpftool prog load "$objs/offload.bpf.o" "$pins/off" type xdp \
		offload_dev "$sim"
	says "EOPNOTSUPP Offloaded programs can't hold prog arrays" \
		xdp "$sim" "$pins/off" hw,hold
	absent xdpoffload ip link show dev "$sim"
	says ok xdp "$sim" "$pins/off" hw
	# a detach accepts the flag
	says ok xdp "$sim" none hw,hold
	absent xdpoffload ip link show dev "$sim"
	rm "$pins/off"
}

case_netdevsim_tc_offload_is_refused() {
	local sim

	add_netdevsim
	ethtool -K "$sim" hw-tc-offload on
	tc qdisc add dev "$sim" clsact
	defer rm -f "$pins/off"
	bpftool prog load "$objs/offload.bpf.o" "$pins/off" type classifier \
		offload_dev "$sim"
	says "EOPNOTSUPP Offloaded programs can't hold prog arrays" \
		tc "$sim" "$pins/off" direct,hold skip_sw
	absent bpf tc filter show dev "$sim" ingress
	says ok tc "$sim" "$pins/off" direct skip_sw
	present 'skip_sw *in_hw' tc filter show dev "$sim" ingress
	tc qdisc del dev "$sim" clsact
	rm "$pins/off"
}

# A filter that is also in hardware runs in software too: it has a hold.
case_netdevsim_tc_in_both() {
	local sim

	add_netdevsim
	ethtool -K "$sim" hw-tc-offload on
	echo Y >"$simfs/bpf_tc_non_bound_accept"
	tc qdisc add dev "$sim" clsact
	tc filter add dev "$sim" ingress bpf da obj "${object_for[tc]}" hold-maps
	present 'hold-maps in_hw' tc filter show dev "$sim" ingress
	stays_full "$(entry_id)" 2
	tc filter del dev "$sim" ingress
}

# filter VERB WHERE...: the control without the keyword, then the same with it
filter() {
	local prog

	tc filter "$1" "${@:2}" bpf da obj "${object_for[tc]}"
	prog=$(entry_id)
	until_true "the array is cleared without the flag" cleared "$prog"
	case $1 in
	add) tc filter del "${@:2}" ;;
	esac
	tc filter "$1" "${@:2}" bpf da obj "${object_for[tc]}" hold-maps
	until_true "the control is freed" no_prog "$prog"
}

case_tc_chain_delete() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	filter add dev eth0 ingress chain 5 prio 3
	stays_full "$(entry_id)" 2
	present hold-maps tc filter show dev eth0 ingress chain 5
	tc chain del dev eth0 ingress chain 5
	ids none
}

case_tc_replace_by_handle() {
	local first

	add_pair eth0
	tc qdisc add dev eth0 clsact
	tc filter add dev eth0 ingress prio 3 handle 7 bpf da \
		obj "${object_for[tc]}" hold-maps
	first=$(entry_id)
	stays_full "$first" 2
	filter replace dev eth0 ingress prio 3 handle 7
	until_true "the first program is freed" no_prog "$first"
	stays_full "$(entry_id)" 2
	tc filter del dev eth0 ingress prio 3 handle 7 bpf
}

# Without a handle a second filter is added to the first, with any verb; the
# priority is deleted as a whole.
by_priority() {
	local first

	add_pair eth0
	tc qdisc add dev eth0 clsact
	filter add dev eth0 ingress prio 3
	first=$(entry_id)
	tc filter "$1" dev eth0 ingress prio 3 bpf da obj "${object_for[tc]}" \
		hold-maps
	stays_full "$(entry_id)" 2
	stays_full "$first" 2
	expect "filters" 2 "$(tc filter show dev eth0 ingress | grep -c hold-maps)"
	tc filter del dev eth0 ingress prio 3
	ids none
}

case_tc_add_by_priority() { by_priority add; }
case_tc_replace_by_priority() { by_priority replace; }

# A device that moves to another network namespace keeps its XDP program and the
# hold, but not its filters.
case_device_moves() {
	local xdp tc

	add_pair eth0
	ip netns add other
	defer eval "ip netns del other 2>/dev/null || :"
	attach_tool ingress eth0 hold-maps
	tc=$(entry_id)
	attach_tool xdpdrv eth0 hold-maps
	xdp=$(entry_id)
	stays_full "$tc" 2
	ip link set dev eth0 netns other
	until_true "the filter's program is freed" no_prog "$tc"
	stays_full "$xdp" 2
	present "id $xdp *hold-maps" ip -n other -d link show dev eth0
	ip netns del other
	ids none
}

add_block() {
	add_pair eth0
	add_pair eth1
	tc qdisc add dev eth0 ingress_block 22 clsact
	tc qdisc add dev eth1 ingress_block 22 clsact
	filter add block 22
	prog=$(entry_id)
	settle
}

frames_hit_on() {
	ask traffic "$prog" "$1" 10
	expect "all that entered went through both arrays" "10 0 10 0 10" \
		"$answer"
}

case_tc_block_filter_delete() {
	local prog

	add_block
	frames_hit_on peer0
	frames_hit_on peer1
	tc filter del block 22
	ids none
}

# The block and its filter stay until the last device is removed.
case_tc_block_devices_go() {
	local prog

	add_block
	tc qdisc del dev eth0 clsact
	stays_full "$prog" 2
	frames_hit_on peer1
	ip link del eth1
	ids none
}

run_cases "$@"
