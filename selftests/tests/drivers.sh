#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug patched
# Drivers that refuse: what was attached still is, and still holds; what was
# refused holds nothing. S6
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/netdevsim.sh"

DRV=0x4 HOLD=0x20

# answer WANTED COMMAND...: the first word of what it prints
answer()
{
	expect "the answer to ${*:2}" "$1" "$("${@:2}" | cut -d' ' -f1)"
}

# load NAME: a program whose jump table only its pin's holders keep
load()
{
	attach -p "$pins/$1" load "$(object xdp)"
	defer rm -f "$pins/$1"
}

# keep NAME [OPTION]: likewise, and with a loader that keeps its arrays
keep()
{
	start_loader xdp "${2:-}" -b -p "$pins/$1" --
	defer rm -f "$pins/$1"
}

# Refused, accepted (the control), and each way to another state refused
case_netlink()
{
	local sim accept first

	add_driver
	keep one
	first=$(entry_id)
	echo N >"$accept"
	answer EOPNOTSUPP nlflags xdp "$sim" "$pins/one" $((DRV | HOLD))
	absent prog/xdp ip link show dev "$sim"
	echo Y >"$accept"
	answer ok nlflags xdp "$sim" "$pins/one" $((DRV | HOLD))
	kill_loader
	load two

	echo N >"$accept"
	answer EOPNOTSUPP nlflags xdp "$sim" "$pins/two" $((DRV | HOLD))
	answer EOPNOTSUPP nlflags xdp "$sim" "$pins/two" $((DRV))
	answer EOPNOTSUPP nlflags xdp "$sim" -1 $((DRV))
	stays_full "$first" 2
	ip -d link show dev "$sim" | grep "id $first .*hold-maps"
	# nobody asks the driver when the program stays, and only the hold goes
	answer ok nlflags xdp "$sim" "$pins/one" $((DRV))
	absent hold-maps ip -d link show dev "$sim"
	until_true "the hold ends" emptied "$first"
	echo Y >"$accept"
	answer ok nlflags xdp "$sim" "$pins/two" $((DRV | HOLD))
	answer ok nlflags xdp "$sim" -1 $((DRV))
	rm "$pins/one" "$pins/two"
}

# What was refused with the hold was not kept by it: its loader is the last
# that kept it.
case_refused_is_emptied()
{
	local sim accept

	add_driver
	keep one
	echo N >"$accept"
	answer EOPNOTSUPP nlflags xdp "$sim" "$pins/one" $((DRV | HOLD))
	expect "slots" 2 "$(ids filled "$(entry_id)")"
	kill_loader
	until_true "the refused program's arrays are emptied" \
		emptied "$(entry_id)"
	rm "$pins/one"
}

case_link()
{
	local sim accept first

	add_driver
	keep one
	first=$(entry_id)
	defer rm -f "$pins/link"
	echo N >"$accept"
	answer EOPNOTSUPP xdplink create "$pins/one" $((DRV | HOLD)) "$sim" \
		"$pins/link"
	absent 'link ' ids
	echo Y >"$accept"
	answer ok xdplink create "$pins/one" $((DRV | HOLD)) "$sim" \
		"$pins/link"
	kill_loader
	load two

	echo N >"$accept"
	answer EOPNOTSUPP xdplink update "$pins/link" "$pins/two"
	stays_full "$first" 2
	ip -d link show dev "$sim" | grep "id $first .*hold-maps"
	bpftool link show | grep -A2 "prog $first" | grep hold_maps
	# the control
	echo Y >"$accept"
	answer ok xdplink update "$pins/link" "$pins/two"
	rm "$pins/one"
	until_true "the first program is freed" no_prog "$first"
	answer ok xdplink detach "$pins/link"
	rm "$pins/two" "$pins/link"
}

# The second slave's peer has frames of more than one buffer, which only the
# first program knows: the driver of the first slave has taken the second
# program when that of the second slave refuses it.
case_bond()
{
	local first

	add_bond
	load two
	keep one -f
	first=$(entry_id)

	ip link set peer1 mtu 9000
	answer ERANGE nlflags xdp bond7 "$pins/two" $((DRV | HOLD))
	absent prog/xdp ip link show dev bond7
	answer ok nlflags xdp bond7 "$pins/one" $((DRV | HOLD))
	kill_loader

	answer ERANGE nlflags xdp bond7 "$pins/two" $((DRV | HOLD))
	answer ERANGE nlflags xdp bond7 "$pins/two" $((DRV))
	stays_full "$first" 2
	ip -d link show dev bond7 | grep "id $first .*hold-maps"
	# both slaves still run the first program
	frames_hit peer0
	# the control
	ip link set peer1 mtu 1500
	answer ok nlflags xdp bond7 "$pins/two" $((DRV))
	rm "$pins/one"
	until_true "the first program is freed" no_prog "$first"
	answer ok nlflags xdp bond7 -1 $((DRV))
	rm "$pins/two"
}

frames_hit()
{
	local before

	before=$(counters "$first")
	send "$1" 10
	until_true "10 frames" seen_by "$first" $((${before%% *} + 10))
	expect "misses" 0 "$(counters "$first" | cut -d' ' -f2)"
}

run_cases "$@"
