#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um
# The flag set and cleared ten thousand times, and a thousand attachments of one
# program: every reference is dropped, and no memory is leaked. S4, S7, S9
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/refs.sh"

ROUNDS=10000

# The kernel's memory that it cannot reclaim, in KiB
unreclaimable() { awk '$1 == "SUnreclaim:" { print $2 }' /proc/meminfo; }

# toggles REQUEST...: the growth in the rounds after the first ones
toggles() {
	local before

	expect "the first rounds" ok "$(agent toggle $((ROUNDS / 10)) "$@")"
	wait_held "the first rounds" 1
	before=$(unreclaimable)
	expect "all rounds" ok "$(agent toggle $ROUNDS "$@")"
	wait_held "all rounds" 1
	until_true "no memory is lost" not_grown "$before"
}

# A hold takes no memory. A leak of 64 bytes per round would be 625 KiB. Caches
# vary by about 100 KiB, without the flag too. kmemleak, on the debug kernel,
# finds smaller leaks.
not_grown() { [ $(($(unreclaimable) - $1)) -lt 400 ]; }

case_toggle_xdp_native() {
	add_pair eth0
	load_two xdp
	toggles xdp eth0 "$pins/entry" drv,hold
	says ok xdp eth0 none drv
	back "after $ROUNDS rounds"
	rm "$pins"/{entry,other}
	kill_loader
}

case_toggle_xdp_generic() {
	add_pair eth0
	load_two xdp
	toggles xdp eth0 "$pins/entry" skb,hold
	says ok xdp eth0 none skb
	back "after $ROUNDS rounds"
	rm "$pins"/{entry,other}
	kill_loader
}

case_toggle_tc() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	load_two ingress
	toggles tc eth0 "$pins/entry" direct,hold
	tc filter del dev eth0 ingress
	back "after $ROUNDS rounds"
	rm "$pins"/{entry,other}
	kill_loader
}

# One program on a thousand devices is held until the last one is detached.
case_thousand_devices() {
	local i

	for i in $(seq 1000); do
		echo "link add dummy$i type dummy"
	done | ip -batch -
	defer eval "seq 1000 | sed 's/.*/link del dummy&/' | ip -force -batch - 2>/dev/null || :"
	load_two xdp
	for i in $(seq 1000); do
		echo "link set dummy$i xdpgeneric pinned $pins/entry hold-maps"
	done | ip -batch -
	held "a thousand devices" 1000
	rm "$pins/entry"
	kill_loader
	seq 2 1000 | sed 's/.*/link set dummy& xdpgeneric off/' | ip -batch -
	until_true "one hold is left" is_state "1 1 0 0"
	settle
	has_filled 1 "$entry"
	ip link set dummy1 xdpgeneric off
	rm "$pins/other"
}

run_cases "$@"
