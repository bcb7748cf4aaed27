#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug patched
# @long kcsan
# One program on several devices, and a program in its own array. S5, S9
. "$(dirname "$0")/../lib/testing.sh"

# on_two WHERE: two attachments hold the arrays until the last one ends
on_two() {
	local where=$1

	add_pair eth0
	add_pair eth1
	start_loader "$where" -b -- eth0 eth1
	kill_loader
	until_true "without the flag the array is cleared" \
		cleared "$(prog_id "$where" eth0)"
	tail_calls_miss "$where" eth0
	tail_calls_miss "$where" eth1
	detach "$where" eth0
	detach "$where" eth1
	ids none

	start_loader "$where" -h -b -- eth0 eth1
	kill_loader
	settle
	tail_calls_hit "$where" eth0
	tail_calls_hit "$where" eth1
	detach "$where" eth0
	settle
	tail_calls_hit "$where" eth1
	detach "$where" eth1
}

case_xdp_native_two_devices() { on_two xdpdrv; }
case_xdp_generic_two_devices() { on_two xdpgeneric; }

case_tc_ingress_two_devices() { on_two ingress; }
case_tc_egress_two_devices() { on_two egress; }

# One program has a held and an unheld attachment: the held one counts.
case_held_and_unheld() {
	add_pair eth0
	add_pair eth1
	defer rm -f "$pins/entry"
	start_loader xdpdrv -b -p "$pins/entry" --
	ip link set dev eth0 xdpdrv pinned "$pins/entry" hold-maps
	ip link set dev eth1 xdpgeneric pinned "$pins/entry"
	kill_loader
	settle
	tail_calls_hit xdpdrv eth0
	tail_calls_hit xdpgeneric eth1
	detach xdpdrv eth0
	until_true "the last hold ends" cleared "$(prog_id xdpgeneric eth1)"
	tail_calls_miss xdpgeneric eth1
	detach xdpgeneric eth1
	rm "$pins/entry"
}

# The reference cycle that blocked the RFC of 2023: a program in an array that
# it uses itself. All of it is freed when the attachment ends.
program_in_its_own_array() {
	local where=$1

	object_for[xdpdrv]=$objs/self.bpf.o
	object_for[xdpgeneric]=$objs/self.bpf.o
	object_for[ingress]=$objs/self.tc.bpf.o
	add_pair eth0
	attach_tool "$where" eth0
	until_true "without the flag the array is cleared" \
		cleared "$(prog_id "$where" eth0)"
	counts_are "$where" eth0 "10 10 0 0 0"
	detach "$where" eth0
	ids none

	attach_tool "$where" eth0 hold-maps
	settle
	counts_are "$where" eth0 "10 0 10 0 0"
	detach "$where" eth0
	ids none
}

case_program_in_its_own_array_xdpdrv() { program_in_its_own_array xdpdrv; }
case_program_in_its_own_array_xdpgeneric() { program_in_its_own_array xdpgeneric; }
case_program_in_its_own_array_tc() { program_in_its_own_array ingress; }

run_cases "$@"
