#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um
# The netlink specs: the kernel's tool for them sets and shows the flags by
# name. The base specs lack them (the control). S12
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/specs.sh"

case_xdp_by_name() {
	add_pair eth0
	defer rm -f "$pins/entry"
	start_loader xdpdrv -b -p "$pins/entry" --
	set_xdp eth0 '["drv-mode"]'
	seen=$(get_xdp eth0)
	expect "the flags without the hold" "" "$seen"
	set_xdp eth0 '["drv-mode", "hold-prog-arrays"]'
	expect "the flags with the hold" '["hold-prog-arrays"]' "$(get_xdp eth0)"
	kill_loader
	settle
	tail_calls_hit xdpdrv eth0

	# numbers are accepted as before, and drop the hold here
	ask number xdp drv
	set_xdp eth0 "$answer"
	until_true "the hold ends" cleared "$(prog_id xdpdrv eth0)"
	seen=$(get_xdp eth0)
	expect "the flags after that" "" "$seen"
	rm "$pins/entry"
	detach xdpdrv eth0
}

case_tc_by_name() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -f "$pins/entry"
	start_loader ingress -b -p "$pins/entry" --
	set_tc eth0 '["act-direct"]'
	expect "the flags without the hold" '["act-direct"]' "$(get_tc eth0)"
	set_tc eth0 '["act-direct", "hold-maps"]'
	expect "the flags with the hold" '["act-direct","hold-maps"]' \
		"$(get_tc eth0)"
	kill_loader
	settle
	tail_calls_hit ingress eth0
	rm "$pins/entry"
	detach ingress eth0
}

case_base_specs_have_numbers() {
	SPECS=linux

	add_pair eth0
	defer rm -f "$pins/entry"
	start_loader xdpdrv -p "$pins/entry" --
	expect_text "TypeError: int()" \
		set_xdp eth0 '["drv-mode", "hold-prog-arrays"]'
	absent prog/xdp show xdpdrv eth0
	ask number xdp drv,hold
	set_xdp eth0 "$answer"
	ask number xdp hold
	expect "the flags" "$answer" "$(get_xdp eth0)"
	rm "$pins/entry"
	kill_loader
	detach xdpdrv eth0
}

run_cases "$@"
