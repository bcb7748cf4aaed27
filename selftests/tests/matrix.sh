#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug patched
# @long kcsan
# All detach paths of all kinds of attachments. The loader keeps running, so no
# array is cleared, and a reference that the attachment does not drop is
# visible. Then the loader exits, and the end of the namespace frees what only
# the attachment held. Links have their own test. S2, S4, S5, S7, S9
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/refs.sh"

inside() { nsenter --net=/run/netns/inside "$@"; }

# Adds devices to a network namespace, whose end is one of the detach paths
add_devices() {
	ip netns add inside
	if [ "$1" = bond ]; then
		dev=bond7
		inside ip -batch - <<-END
			link add eth0 type veth peer name peer0
			link add bond7 type bond mode active-backup
			link set eth0 master bond7
			link set peer0 master bond7
			link set bond7 up
		END
	else
		dev=eth0
		inside ip link add eth0 up type veth peer name peer0
	fi
}

remove_devices() { ip netns del inside 2>/dev/null || :; }

# The loader exits and the pins are removed: only the attachment's holds remain.
only_the_hold_is_left() {
	rm "$pins"/{entry,other}
	kill_loader
	stays_full "$entry" 1
	remove_devices
	ids none
}

# set_xdp PROGRAM FLAGS [EXPECTED]: must succeed
set_xdp() {
	# it may warn that an array was cleared
	says_error ok in inside xdp "$dev" "$@"
}

# xdp_out WAY MODE: detach "entry
xdp_out() {
	local mode=$2

	case $1 in
	detach) set_xdp none "$mode" ;;
	same_without_flag) set_xdp "$pins/entry" "$mode" ;;
	replace) set_xdp "$pins/other" "$mode" ;;
	replace_expected)
		set_xdp "$pins/other" "$mode,replace" "$pins/entry"
		;;
	replace_by_held) set_xdp "$pins/other" "$mode,hold" ;;
	device) inside ip link del "$dev" ;;
	namespace) ip netns del inside ;;
	*) fail "unknown detach path: $1" ;;
	esac
}

# xdp KIND MODE: all detach paths
xdp() {
	local way dev

	defer remove_devices
	load_two xdp
	for way in detach same_without_flag replace replace_expected \
		replace_by_held device namespace; do
		add_devices "$1"
		set_xdp "$pins/entry" "$2"
		held "$1 without the flag" 0
		set_xdp "$pins/entry" "$2,hold"
		held "$1 with the flag" 1
		set_xdp "$pins/entry" "$2,hold"
		held "$1 with the flag again" 1
		xdp_out "$way" "$2"
		case $way in
		replace_by_held)
			wait_held "$1, $way" 0 1
			set_xdp none "$2"
			;;
		same_without_flag | replace*)
			wait_held "$1, $way" 0
			set_xdp none "$2"
			;;
		esac
		back "$1, $way"
		remove_devices
	done
	add_devices "$1"
	set_xdp "$pins/entry" "$2,hold"
	only_the_hold_is_left
}

case_xdp_native() { xdp native drv; }
case_xdp_generic() { xdp generic skb; }
case_xdp_default() { xdp default none; }
# @needs bond
case_xdp_bond() { xdp bond drv; }
case_xdp_bond_generic() { xdp bond skb; }

# filter VERB PROGRAM [hold-maps]
filter() {
	inside tc filter "$1" "${where[@]}" prio 3 handle 7 bpf da \
		pinned "$pins/$2" "${@:3}"
}

# tc_out WAY: detach the filter with "entry
tc_out() {
	case $1 in
	by_handle) inside tc filter del "${where[@]}" prio 3 handle 7 bpf ;;
	by_priority) inside tc filter del "${where[@]}" prio 3 ;;
	all_filters) inside tc filter del "${where[@]}" ;;
	same_without_flag) filter replace entry ;;
	change_without_flag) filter change entry ;;
	replace) filter replace other ;;
	change) filter change other ;;
	replace_by_held) filter replace other hold-maps ;;
	chain) inside tc chain del "${where[@]}" ;;
	qdisc) inside tc qdisc del dev eth0 clsact ;;
	device) inside ip link del eth0 ;;
	namespace) ip netns del inside ;;
	*) fail "unknown detach path: $1" ;;
	esac
}

# tc_kind QDISC_OPTION WHERE...: all detach paths
tc_kind() {
	local block=$1 where=("${@:2}") way dev

	defer remove_devices
	load_two ingress
	for way in by_handle by_priority all_filters same_without_flag \
		change_without_flag replace change replace_by_held chain \
		qdisc device namespace; do
		add_devices veth
		# shellcheck disable=SC2086 # none, or two words
		inside tc qdisc add dev eth0 $block clsact
		filter add entry
		held "${where[*]} without the flag" 0
		filter replace entry hold-maps
		wait_held "${where[*]} with the flag" 1
		filter change entry hold-maps
		wait_held "${where[*]} with the flag again" 1
		tc_out "$way"
		case $way in
		replace_by_held)
			wait_held "${where[*]}, $way" 0 1
			inside tc qdisc del dev eth0 clsact
			;;
		same_without_flag | change* | replace)
			wait_held "${where[*]}, $way" 0
			inside tc qdisc del dev eth0 clsact
			;;
		esac
		back "${where[*]}, $way"
		remove_devices
	done
	add_devices veth
	# shellcheck disable=SC2086 # none, or two words
	inside tc qdisc add dev eth0 $block clsact
	filter add entry hold-maps
	only_the_hold_is_left
}

case_tc_ingress() { tc_kind '' dev eth0 ingress; }
case_tc_egress() { tc_kind '' dev eth0 egress; }
case_tc_chain() { tc_kind '' dev eth0 ingress chain 5; }
case_tc_block() { tc_kind 'ingress_block 22' block 22; }

run_cases "$@"
