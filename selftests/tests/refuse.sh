#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug
# Attachments that cannot be held are rejected with a reason, and nothing
# changes. kinds.sh tests offloaded ones, keyword.sh what the tools reject. S6,
# S11
. "$(dirname "$0")/../lib/testing.sh"

# A held program at WHERE, which is also pinned; the loader has exited.
held_and_pinned() {
	local where=$1

	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -f "$pins/entry"
	start_loader "$where" -h -b -p "$pins/entry" -- eth0
	kill_loader
	settle
	tail_calls_hit "$where" eth0
}

still_held() {
	settle
	tail_calls_hit "$1" eth0
	present hold-maps show "$1" eth0
	rm "$pins/entry"
}

case_xdp_unknown_bits() {
	held_and_pinned xdpdrv
	says EINVAL xdp eth0 "$pins/entry" unknown,drv
	says EINVAL xdp eth0 "$pins/entry" \
		unknown,hold,drv
	says EINVAL xdp eth0 none unknown,drv
	# the control: the same request with known bits
	says ok xdp eth0 "$pins/entry" drv,hold
	still_held xdpdrv
}

case_xdp_another_program_expected() {
	local reason='EEXIST Active program does not match expected'

	held_and_pinned xdpdrv
	defer rm -f "$pins/other"
	attach -p "$pins/other" load "${object_for[xdp]}"
	says "$reason" xdp eth0 "$pins/other" \
		replace,drv,hold "$pins/other"
	says "$reason" xdp eth0 "$pins/other" replace,drv \
		"$pins/other"
	# the control: the program that is attached
	says ok xdp eth0 "$pins/entry" replace,drv,hold \
		"$pins/entry"
	rm "$pins/other"
	still_held xdpdrv
}

# Callers pass the same flags to attach and to detach.
case_xdp_detach_ignores_flag() {
	held_and_pinned xdpdrv
	says ok xdp eth0 none drv,hold
	says ok xdp eth0 none hw,hold
	absent prog/xdp show xdpdrv eth0
	rm "$pins/entry"
}

case_tc_unknown_bits() {
	held_and_pinned ingress
	says EINVAL tc eth0 "$pins/entry" unknown,direct
	says EINVAL tc eth0 "$pins/entry" \
		unknown,hold,direct
	still_held ingress
	# the control: the same request with known bits
	attach -p "$pins/entry" load "${object_for[tc]}"
	tc filter del dev eth0 ingress
	says_error ok tc eth0 "$pins/entry" hold,direct
	rm "$pins/entry"
}

case_tc_classic() {
	held_and_pinned ingress
	says "EINVAL Classic BPF has no maps to hold" \
		tc eth0 classic hold
	# the control: a classic filter without the flag is accepted
	says ok tc eth0 classic none
	tc filter del dev eth0 ingress prio 1
	still_held ingress
}

run_cases "$@"
