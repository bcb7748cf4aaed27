#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug
# What cannot be held is refused, with a reason, and changes nothing. S6, S11
. "$(dirname "$0")/../lib/testing.sh"

HOLD_XDP=0x20 HW_MODE=0x8 DRV_MODE=0x4 REPLACE=0x10 UNKNOWN_XDP=0x40
DIRECT=0x1 HOLD_TC=0x2 UNKNOWN_TC=0x4 SKIP_SW=0x2

answer()
{
	expect "the answer to nlflags ${*:2}" "$1" "$(nlflags "${@:2}")"
}

# A held program at WHERE, which also is pinned; the loader is gone.
held_and_pinned()
{
	local where=$1

	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -f "$pins/entry"
	start_loader "$where" -h -b -p "$pins/entry" -- eth0
	kill_loader
	settle
	tail_calls_hit "$where" eth0
}

still_held()
{
	settle
	tail_calls_hit "$1" eth0
	show "$1" eth0 | grep hold-maps
	rm "$pins/entry"
}

case_xdp_unknown_bits()
{
	held_and_pinned xdpdrv
	answer EINVAL xdp eth0 "$pins/entry" $((UNKNOWN_XDP | DRV_MODE))
	answer EINVAL xdp eth0 "$pins/entry" \
		$((UNKNOWN_XDP | HOLD_XDP | DRV_MODE))
	answer EINVAL xdp eth0 -1 $((UNKNOWN_XDP | DRV_MODE))
	# the control: the same request with known bits
	answer ok xdp eth0 "$pins/entry" $((DRV_MODE | HOLD_XDP))
	still_held xdpdrv
}

case_xdp_another_program_expected()
{
	local reason='EEXIST Active program does not match expected'

	held_and_pinned xdpdrv
	defer rm -f "$pins/other"
	attach -p "$pins/other" load "$(object xdp)"
	answer "$reason" xdp eth0 "$pins/other" \
		$((REPLACE | DRV_MODE | HOLD_XDP)) "$pins/other"
	answer "$reason" xdp eth0 "$pins/other" $((REPLACE | DRV_MODE)) \
		"$pins/other"
	# the control: the program that is attached
	answer ok xdp eth0 "$pins/entry" $((REPLACE | DRV_MODE | HOLD_XDP)) \
		"$pins/entry"
	rm "$pins/other"
	still_held xdpdrv
}

case_xdp_offload()
{
	local reason="EOPNOTSUPP Offloaded programs can't hold prog arrays"

	held_and_pinned xdpdrv
	answer "$reason" xdp eth0 "$pins/entry" $((HW_MODE | HOLD_XDP))
	# the control: without the flag it is the driver that says no
	expect "offload without the flag" EINVAL \
		"$(nlflags xdp eth0 "$pins/entry" $((HW_MODE)) | cut -d' ' -f1)"
	still_held xdpdrv
}

# Callers pass the same flags to attach and to detach.
case_xdp_detach_ignores_flag()
{
	held_and_pinned xdpdrv
	answer ok xdp eth0 -1 $((DRV_MODE | HOLD_XDP))
	answer ok xdp eth0 -1 $((HW_MODE | HOLD_XDP))
	absent prog/xdp show xdpdrv eth0
	rm "$pins/entry"
}

case_tc_unknown_bits()
{
	held_and_pinned ingress
	answer EINVAL tc eth0 "$pins/entry" $((UNKNOWN_TC | DIRECT))
	answer EINVAL tc eth0 "$pins/entry" \
		$((UNKNOWN_TC | HOLD_TC | DIRECT))
	still_held ingress
	# the control: the same request with known bits
	attach -p "$pins/entry" load "$(object tc)"
	tc filter del dev eth0 ingress
	expect "the answer to known bits" ok \
		"$(nlflags tc eth0 "$pins/entry" $((HOLD_TC | DIRECT)) |
			cut -d' ' -f1)"
	rm "$pins/entry"
}

case_tc_classic()
{
	held_and_pinned ingress
	answer "EINVAL Classic BPF has no maps to hold" \
		tc eth0 classic $((HOLD_TC))
	# the control: a classic filter without the flag is fine
	answer ok tc eth0 classic 0
	tc filter del dev eth0 ingress prio 1
	still_held ingress
}

case_tc_skip_sw()
{
	held_and_pinned ingress
	answer "EOPNOTSUPP Offloaded programs can't hold prog arrays" \
		tc eth0 "$pins/entry" $((HOLD_TC | DIRECT)) $((SKIP_SW))
	# the control: without the flag it is the device that cannot
	answer EOPNOTSUPP tc eth0 "$pins/entry" $((DIRECT)) $((SKIP_SW))
	still_held ingress
}

# refuses TEXT COMMAND...: COMMAND says TEXT with hold-maps, and not without
refuses()
{
	local text=$1 out; shift

	expect_text "$text" "$@" hold-maps
	out=$("$@" 2>&1) || :
	[[ $out != *"$text"* ]] || fail "the control: '$*' said '$out'"
}

case_ip_xdpoffload()
{
	add_pair eth0
	refuses "xdpoffload cannot hold maps" \
		ip link set dev eth0 xdpoffload obj "$(object xdp)"
	absent prog/xdp show xdp eth0
}

case_tc_tool_skip_sw()
{
	add_pair eth0
	tc qdisc add dev eth0 clsact
	refuses "hardware cannot hold maps" \
		tc filter add dev eth0 ingress bpf skip_sw da obj "$(object tc)"
	absent bpf show ingress eth0
}

case_tc_tool_classic()
{
	add_pair eth0
	tc qdisc add dev eth0 clsact
	expect_text "hold-maps goes with object-file or object-pinned" tc filter add dev eth0 ingress bpf \
		bytecode '1,6 0 0 4294967295' hold-maps
	absent bpf show ingress eth0
	# the control
	tc filter add dev eth0 ingress bpf bytecode '1,6 0 0 4294967295'
	show ingress eth0 | grep bytecode
}

run_cases "$@"
