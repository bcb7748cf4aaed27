#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug patched
# @long kcsan
# Arrays that are bound late, arrays that were already cleared, and readers that
# stall. S8, S10, S14
. "$(dirname "$0")/../lib/testing.sh"

# jmp_deep belongs to the tail-called program. If it is bound to the held entry
# program, it stays when the tail-called program is freed.
case_bind_while_held() {
	local key=(0 0 0 0) deep jmp

	add_pair eth0
	add_pair eth1
	defer rm -f "$pins/entry"
	start_loader xdpdrv -h -p "$pins/entry" -- eth0 eth1
	jmp=$(map_named jmp) deep=$(map_named jmp_deep)
	ask bind "$pins/entry" "$deep"
	rm "$pins/entry"
	kill_loader
	settle
	tail_calls_hit xdpdrv eth0
	# now only the binding refers to the second array
	bpftool map delete id "$jmp" key "${key[@]}"
	detach xdpdrv eth0
	settle
	says 1 ids slots "$deep"
	detach xdpdrv eth1
	ids none
}

# bindclose_says WORD: WORD must be the next output of "bindclose
bindclose_says() {
	read -r -t "$DEADLINE" -u "${BINDCLOSE[0]}" answer || answer='nothing'
	expect "bindclose's answer" "$1" "$answer"
}

# The last file descriptor of the array is closed in the middle of the bind, so
# the only user reference left is the hold. The bind is halted where no grace
# period can end, so that an array without a reference is only cleared later.
# @needs jit tracing
case_bind_while_closed() {
	local deep pid

	add_pair eth0
	defer rm -f "$pins/entry"
	start_loader xdpdrv -h -p "$pins/entry" -- eth0
	deep=$(map_named jmp_deep)
	coproc BINDCLOSE { exec bindclose "$pins/entry" "$deep"; }
	pid=$BINDCLOSE_PID
	defer eval "kill -KILL $pid 2>/dev/null || :"
	bindclose_says open
	kill_loader
	echo >&"${BINDCLOSE[1]}"
	bindclose_says closed
	echo >&"${BINDCLOSE[1]}"
	bindclose_says bound
	echo >&"${BINDCLOSE[1]}"
	wait "$pid"
	rm "$pins/entry"
	settle
	says 1 ids slots "$deep"
	tail_calls_hit xdpdrv eth0
	detach xdpdrv eth0
}

# The control: without the hold the bound array is cleared like the other.
case_bind_without_hold() {
	add_pair eth0
	defer rm -f "$pins/entry"
	start_loader xdpdrv -p "$pins/entry" -- eth0
	ask bind "$pins/entry" "$(map_named jmp_deep)"
	rm "$pins/entry"
	filled_on 2 xdpdrv eth0
	kill_loader
	until_true "both arrays are cleared" \
		cleared "$(prog_id xdpdrv eth0)"
	detach xdpdrv eth0
}

# cleared_first WHERE: attach with the flag long after the loader has exited
cleared_first() {
	local where=$1 out jmp

	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -f "$pins/entry"
	start_loader "$where" -p "$pins/entry" --
	jmp=$(map_named jmp)
	kill_loader
	until_true "the array is cleared" no_slots "$jmp"
	case $where in
	xdp*)
		out=$(ip link set dev eth0 "$where" pinned "$pins/entry" \
			hold-maps 2>&1)
		;;
	*)
		out=$(tc filter add dev eth0 "$where" bpf da \
			pinned "$pins/entry" hold-maps 2>&1)
		;;
	esac
	[[ $out == *"map id $jmp) had no user reference"* ]] ||
		fail "no warning that names map $jmp: $out"
	tail_calls_miss "$where" eth0

	# a new entry stays
	bpftool map update id "$jmp" key 0 0 0 0 value pinned "$pins/entry"
	settle
	filled_on 1 "$where" eth0
	rm "$pins/entry"
	detach "$where" eth0
}

case_xdp_cleared_first() { cleared_first xdpdrv; }
case_tc_cleared_first() { cleared_first ingress; }

# The warning names the first of them.
case_two_arrays_cleared_first() {
	local jmp deep

	add_pair eth0
	defer rm -f "$pins/entry"
	start_loader xdpdrv -p "$pins/entry" --
	jmp=$(map_named jmp) deep=$(map_named jmp_deep)
	ask bind "$pins/entry" "$deep"
	kill_loader
	until_true "the first array is cleared" no_slots "$jmp"
	until_true "the second array is cleared" no_slots "$deep"
	ip link set dev eth0 xdpdrv pinned "$pins/entry" hold-maps 2>&1 |
		grep "map id $jmp) had no user reference"
	rm "$pins/entry"
	detach xdpdrv eth0
}

# While the worker clears a large array, the attach does not wait for it. An
# entry that is set after the attach stays.
case_attach_while_cleared() {
	add_pair eth0
	expect "still full" 1 "$(agent refill eth0)"
	detach xdpdrv eth0
}

case_open_while_cleared() { expect "still full" 1 "$(agent refill open)"; }

# Repeated opens of an array, like those of a monitoring loop over "bpftool
# map", cannot delay its clear and the release of its programs. The test
# compares times, so it does not run on the debug kernel.
# @check um
# @all patched
case_reader_does_not_delay_clearing() {
	local every without with

	without=$(agent clear 0)
	for every in 1 5 20; do
		with=$(agent clear $every)
		figure "ms to clear a large array: $without, with a reader every $every ms: $with"
		# and some time for a busy host
		[ "$with" -le $((2 * without + 200)) ] ||
			fail "a reader every $every ms delays the clear from $without to $with ms"
	done
}

# A process that blocks the kernel while it copies map ids to user space does
# not block the configuration of the network.
case_reader_stalls() {
	add_pair eth0
	defer rm -f "$pins/entry"
	start_loader xdpdrv -b -p "$pins/entry" --
	start_stall "$pins/entry"
	timeout "$DEADLINE" agent bind "$pins/entry" "$(map_named jmp)"
	timeout "$DEADLINE" ip link set dev eth0 xdpdrv \
		pinned "$pins/entry" hold-maps
	kill_loader
	settle
	tail_calls_hit xdpdrv eth0
	timeout "$DEADLINE" ip link set dev eth0 xdpdrv off
	# and it is still blocked
	kill -KILL "$stalled"
	wait "$stalled" || :
	rm "$pins/entry"
}

# A second clear leaked this map.
case_opened_while_cleared() { agent reopen 20000; }

run_cases "$@"
