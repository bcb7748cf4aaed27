#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um um-debug patched
# Every way out of a held attachment ends the hold: what was loaded is freed
# although nobody is left to close or unpin it. S4, S5, S7
. "$(dirname "$0")/../lib/testing.sh"

# held WHERE [DEV]: attach and see that the hold is there; sets prog
held()
{
	local where=$1 dev=${2:-eth0}

	attach_tool "$where" "$dev" hold-maps
	settle
	tail_calls_hit "$where" "$dev"
	prog=$(prog_id "$where" "$dev")
}

# freed: the program that held is gone; the end of the case sees that all is
freed()
{
	until_true "program $prog is freed" no_prog "$prog"
}

detached()
{
	add_pair eth0
	held "$1"
	detach "$1" eth0
	ids none
}

case_xdp_native_detach() { detached xdpdrv; }
case_xdp_generic_detach() { detached xdpgeneric; }
case_tc_ingress_filter_delete() { detached ingress; }
case_tc_egress_filter_delete() { detached egress; }

# The program that replaces does not hold, and so is not kept full.
replaced()
{
	local where=$1

	add_pair eth0
	held "$where"
	ip -force link set dev eth0 "$where" obj "${object[$where]}"
	freed
	until_true "the next program's arrays are emptied" \
		emptied "$(prog_id "$where" eth0)"
	tail_calls_miss "$where" eth0
	absent hold-maps show "$where" eth0
	detach "$where" eth0
}

case_xdp_native_replace() { replaced xdpdrv; }
case_xdp_generic_replace() { replaced xdpgeneric; }

case_xdp_replace_held_by_held()
{
	add_pair eth0
	held xdpdrv
	ip -force link set dev eth0 xdpdrv obj "${object[xdp]}" hold-maps
	freed
	settle
	tail_calls_hit xdpdrv eth0
	detach xdpdrv eth0
}

case_tc_filter_replace()
{
	add_pair eth0
	held ingress
	attach_tool ingress eth0
	freed
	until_true "the next filter's arrays are emptied" \
		emptied "$(prog_id ingress eth0)"
	tail_calls_miss ingress eth0
	absent hold-maps show ingress eth0
	attach_tool ingress eth0 hold-maps
	settle
	tail_calls_hit ingress eth0
	detach ingress eth0
}

case_tc_filter_change()
{
	add_pair eth0
	held ingress
	tc filter change dev eth0 ingress prio 1 handle 1 bpf da \
		obj "${object[ingress]}"
	freed
	absent hold-maps show ingress eth0
	detach ingress eth0
}

# The flag is a state of the attachment, not its memory.
same_program()
{
	local where=$1

	add_pair eth0
	defer rm -f "$pins/entry"
	start_loader "$where" -b -p "$pins/entry" --
	ip link set dev eth0 "$where" pinned "$pins/entry" hold-maps
	kill_loader
	settle
	tail_calls_hit "$where" eth0

	ip -force link set dev eth0 "$where" pinned "$pins/entry" hold-maps
	settle
	tail_calls_hit "$where" eth0

	ip -force link set dev eth0 "$where" pinned "$pins/entry"
	until_true "the hold ends" emptied "$(prog_id "$where" eth0)"
	tail_calls_miss "$where" eth0
	absent hold-maps show "$where" eth0
	detach "$where" eth0
	rm "$pins/entry"
}

case_xdp_native_same_program_without_flag() { same_program xdpdrv; }
case_xdp_generic_same_program_without_flag() { same_program xdpgeneric; }

case_tc_same_program_without_flag()
{
	local filter

	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -f "$pins/entry"
	start_loader ingress -b -p "$pins/entry" --
	filter="tc filter replace dev eth0 ingress prio 1 handle 1 bpf da"
	$filter pinned "$pins/entry" hold-maps
	kill_loader
	settle
	tail_calls_hit ingress eth0
	$filter pinned "$pins/entry" hold-maps
	settle
	tail_calls_hit ingress eth0
	$filter pinned "$pins/entry"
	until_true "the hold ends" emptied "$(prog_id ingress eth0)"
	tail_calls_miss ingress eth0
	detach ingress eth0
	rm "$pins/entry"
}

# The same program, attached again with the flag while its loader is there
case_xdp_same_program_adds_hold()
{
	add_pair eth0
	defer rm -f "$pins/entry"
	start_loader xdpdrv -b -p "$pins/entry" --
	ip link set dev eth0 xdpdrv pinned "$pins/entry"
	absent hold-maps show xdpdrv eth0
	ip -force link set dev eth0 xdpdrv pinned "$pins/entry" hold-maps
	kill_loader
	settle
	tail_calls_hit xdpdrv eth0
	detach xdpdrv eth0
	rm "$pins/entry"
}

case_tc_qdisc_delete()
{
	add_pair eth0
	held ingress
	tc qdisc del dev eth0 clsact
	ids none
}

device_deleted()
{
	add_pair eth0
	held "$1"
	ip link del eth0
	ids none
}

case_xdp_native_device_delete() { device_deleted xdpdrv; }
case_xdp_generic_device_delete() { device_deleted xdpgeneric; }
case_tc_ingress_device_delete() { device_deleted ingress; }
case_tc_egress_device_delete() { device_deleted egress; }

in_ns() { ip netns exec inside "$@"; }

# eth0 is inside a network namespace, its peer outside
netns_deleted()
{
	local where=$1 prog

	ip netns add inside
	defer eval "ip netns del inside 2>/dev/null || :"
	add_pair eth0
	ip link set eth0 netns inside
	in_ns ip link set eth0 up
	case $where in
	xdp*)
		in_ns ip link set dev eth0 "$where" obj "${object[$where]}" \
			hold-maps
		;;
	*)
		in_ns tc qdisc add dev eth0 clsact
		in_ns tc filter add dev eth0 "$where" bpf da \
			obj "${object[$where]}" hold-maps
		;;
	esac
	settle
	prog=$(entry_id)
	says "10 0 10 0 10" traffic "$prog" peer0 10
	ip netns del inside
	ids none
}

case_xdp_native_netns_delete() { netns_deleted xdpdrv; }
case_xdp_generic_netns_delete() { netns_deleted xdpgeneric; }
case_tc_ingress_netns_delete() { netns_deleted ingress; }

run_cases "$@"
