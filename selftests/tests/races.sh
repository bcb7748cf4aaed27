#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um um-debug
# @long kcsan
# @cpus 4
# Held attachments of one program, on CPUs that run in parallel. S4, S5, S8, S9
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/refs.sh"

ROUNDS=${ROUNDS:-3000}
# An emulated CPU takes minutes for what user-mode Linux does in a second.
case $KERNEL in
um*) DEVICES=${DEVICES:-2000} ;;
*) DEVICES=${DEVICES:-200} ;;
esac

# at_once REQUEST...: run each in a process of its own; all must succeed
at_once() {
	local request pid pids=() answers

	answers=$(mktemp -d)
	defer rm -rf "$answers"
	for request; do
		# shellcheck disable=SC2086 # words
		agent $request >"$answers/${#pids[@]}" 2>&1 &
		pids+=($!)
	done
	for pid in "${!pids[@]}"; do
		wait "${pids[pid]}" || fail "a request failed: $(cat "$answers"/*)"
		[[ $(cat "$answers/$pid") == @(|ok*) ]] ||
			fail "a request answered $(cat "$answers/$pid")"
	done
}

# Arrays that are bound meanwhile are cleared whenever there is no hold.
case_four_ways_at_once() {
	add_pair eth0
	add_pair eth1
	add_pair eth2
	load_two xdp
	at_once "toggle $ROUNDS xdp eth0 $pins/entry skb,hold" \
		"toggle $ROUNDS xdp eth1 $pins/entry drv,hold" \
		"relink $pins/entry eth2 $ROUNDS" \
		"bind_new $pins/entry $ROUNDS"
	wait_held "after $ROUNDS rounds" 2
	ask refs prog "$entry"
	figure "$answer"
	says ok xdp eth0 none skb
	says ok xdp eth1 none drv
	wait_held "detached" 0
	rm "$pins"/{entry,other}
	kill_loader
}

inside() { nsenter --net=/run/netns/inside "$@"; }

# Their arrays lose their last user reference in a work of the kernel, which
# unregisters all devices.
case_devices_end_at_once() {
	ip netns add inside
	defer eval "ip netns del inside 2>/dev/null || :"
	seq "$DEVICES" | sed 's/.*/link add dummy& type dummy/' |
		inside ip -batch -
	load_two xdp
	seq "$DEVICES" |
		sed "s#.*#link set dummy& xdpgeneric pinned $pins/entry hold-maps#" |
		inside ip -batch -
	held "$DEVICES devices" "$DEVICES"
	rm "$pins"/{entry,other}
	kill_loader
	settle
	has_filled 1 "$entry"
	ip netns del inside
	ids none
}

run_cases "$@"
