#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um-base
# The control of ynl.sh: a kernel without the flags rejects their names. S15
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/specs.sh"

case_names_are_refused() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -f "$pins/entry"
	start_loader xdpdrv -p "$pins/entry" --
	expect_text "Invalid argument" \
		set_xdp eth0 '["drv-mode", "hold-prog-arrays"]'
	absent prog/xdp show xdpdrv eth0
	set_xdp eth0 '["drv-mode"]'
	seen=$(get_xdp eth0)
	expect "the flags" "" "$seen"
	detach xdpdrv eth0
	rm "$pins/entry"
	kill_loader

	start_loader ingress -p "$pins/entry" --
	expect_text "Invalid argument" \
		set_tc eth0 '["act-direct", "hold-maps"]'
	absent bpf show ingress eth0
	set_tc eth0 '["act-direct"]'
	expect "the flags" '["act-direct"]' "$(get_tc eth0)"
	rm "$pins/entry"
	kill_loader
	detach ingress eth0
}

run_cases "$@"
