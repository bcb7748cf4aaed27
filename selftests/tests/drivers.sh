#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug patched
# Drivers that reject a program: the previous one stays attached and held, and
# the rejected one has no hold. S6
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/netdevsim.sh"

# load NAME: pin a program whose prog array has no other uref
load() {
	attach -p "$pins/$1" load "${object_for[xdp]}"
	defer rm -f "$pins/$1"
}

# keep NAME [OPTION]: the same, with a loader that keeps its arrays open
keep() {
	start_loader xdp "${2:-}" -b -p "$pins/$1" --
	defer rm -f "$pins/$1"
}

# Rejected, accepted (the control), and rejected for each transition
case_netlink() {
	local sim accept first

	add_driver
	keep one
	first=$(entry_id)
	echo N >"$accept"
	says_error EOPNOTSUPP xdp "$sim" "$pins/one" drv,hold
	absent prog/xdp ip link show dev "$sim"
	echo Y >"$accept"
	says_error ok xdp "$sim" "$pins/one" drv,hold
	kill_loader
	load two

	echo N >"$accept"
	says_error EOPNOTSUPP xdp "$sim" "$pins/two" drv,hold
	says_error EOPNOTSUPP xdp "$sim" "$pins/two" drv
	says_error EOPNOTSUPP xdp "$sim" none drv
	stays_full "$first" 2
	present "id $first *hold-maps" ip -d link show dev "$sim"
	# the driver is not called if the program stays and only the hold is
	# dropped
	says_error ok xdp "$sim" "$pins/one" drv
	absent hold-maps ip -d link show dev "$sim"
	until_true "the hold ends" cleared "$first"
	echo Y >"$accept"
	says_error ok xdp "$sim" "$pins/two" drv,hold
	says_error ok xdp "$sim" none drv
	rm "$pins/one" "$pins/two"
}

# A rejected attach with the flag leaves no hold: the loader has the last
# reference.
case_refused_is_cleared() {
	local sim accept

	add_driver
	keep one
	echo N >"$accept"
	says_error EOPNOTSUPP xdp "$sim" "$pins/one" drv,hold
	has_filled 2 "$(entry_id)"
	kill_loader
	until_true "the refused program's arrays are cleared" \
		cleared "$(entry_id)"
	rm "$pins/one"
}

case_link() {
	local sim accept first

	add_driver
	keep one
	first=$(entry_id)
	defer rm -f "$pins/link"
	echo N >"$accept"
	says_error EOPNOTSUPP link create "$pins/one" drv,hold "$sim" \
		"$pins/link"
	absent 'link ' ids
	echo Y >"$accept"
	says_error ok link create "$pins/one" drv,hold "$sim" \
		"$pins/link"
	kill_loader
	load two

	echo N >"$accept"
	says_error EOPNOTSUPP link update "$pins/link" "$pins/two"
	stays_full "$first" 2
	present "id $first *hold-maps" ip -d link show dev "$sim"
	bpftool link show | grep -A2 "prog $first" | grep hold_maps
	# the control
	echo Y >"$accept"
	says_error ok link update "$pins/link" "$pins/two"
	rm "$pins/one"
	until_true "the first program is freed" no_prog "$first"
	says_error ok link detach "$pins/link"
	rm "$pins/two" "$pins/link"
}

# The second slave's peer has frames of more than one buffer, which only the
# first program knows: the driver of the first slave has taken the second
# program when that of the second slave refuses it.
# @needs bond
case_bond() {
	local first

	add_bond
	load two
	keep one -f
	first=$(entry_id)

	ip link set peer1 mtu 9000
	says_error ERANGE xdp bond7 "$pins/two" drv,hold
	absent prog/xdp ip link show dev bond7
	says_error ok xdp bond7 "$pins/one" drv,hold
	kill_loader

	says_error ERANGE xdp bond7 "$pins/two" drv,hold
	says_error ERANGE xdp bond7 "$pins/two" drv
	stays_full "$first" 2
	present "id $first *hold-maps" ip -d link show dev bond7
	# both slaves still run the first program
	frames_hit peer0
	# the control
	ip link set peer1 mtu 1500
	says_error ok xdp bond7 "$pins/two" drv
	rm "$pins/one"
	until_true "the first program is freed" no_prog "$first"
	says_error ok xdp bond7 none drv
	rm "$pins/two"
}

frames_hit() {
	ask traffic "$first" "$1" 10
	[[ $answer == "10 0 "* ]] || fail "frames from $1: $answer"
}

run_cases "$@"
