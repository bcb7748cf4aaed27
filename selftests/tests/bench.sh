#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all host
# @whole
# @timeout 900
# @build build/boot/base build/boot/patched build/vm/init selftests build/tools/base/ip build/tools/base/bpftool
# @build build/tools/patched/ip build/tools/patched/bpftool
# The instructions that a hold costs stay within bounds. S1, S14
. "$(dirname "$0")/../lib/testing.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Measures both kernels once for all cases
measure() {
	[ ! -e "$work/patched" ] || return 0
	"$top/selftests/bench/measure" "$work/base" base
	"$top/selftests/bench/measure" "$work/patched" patched
}

# took KERNEL REQUEST KIND WAY ARRAYS SLOTS: the instructions of an "attach" or
# "detach", as the median of all measuring processes. To detach a filter, the
# minimum, because half of the processes have to start an RCU grace period.
took() {
	local column=7

	[ "$2" = detach ] || column=6
	awk -v key="$3 $4 $5 $6" -v column=$column '
		$1 == "attach" && $2 " " $3 " " $4 " " $5 == key { print $column }' \
		"$work/$1" | sort -n |
		awk -v least="$([ "$2 $3" != "detach tc" ] || echo 1)" '
			{ v[NR] = $1 }
			END { print v[least ? 1 : int((NR + 1) / 2)] }'
}

# total KERNEL KIND WAY ARRAYS SLOTS: of both requests
total() { echo $(($(took "$1" attach "${@:2}") + $(took "$1" detach "${@:2}"))); }

# at_most WHAT PERMILLE SEEN OF: SEEN must be at most PERMILLE thousandths of OF
at_most() {
	figure "$1: $3 of $4"
	[[ $3 -gt 0 && $(($3 * 1000)) -le $(($2 * $4)) ]] ||
		fail "$1: $3 is more than $2 thousandths of $4"
}

case_one_array() {
	local kind

	measure
	for kind in generic native link tc; do
		at_most "held, $kind" 1020 "$(total patched $kind held 1 8)" \
			"$(total patched $kind plain 1 8)"
	done
}

case_each_further_array() {
	local kind request more

	measure
	for kind in generic native link tc; do
		for request in attach detach; do
			more=$((($(took patched $request $kind held 32 8) - \
			$(took patched $request $kind held 1 8)) / 31))
			figure "$request, $kind: $more instructions"
			[ "$more" -le 20 ] ||
				fail "a further array takes $more instructions to $request ($kind)"
		done
	done
}

case_slots_do_not_matter() {
	local kind

	measure
	for kind in generic native link tc; do
		at_most "a million slots, $kind" 1020 "$(total patched $kind held 1 1000000)" \
			"$(total patched $kind held 1 8)"
	done
}

# A few instructions check that the flag is not set. Processes differ by up to
# 140 instructions, which is 15 thousandths of detaching a filter; seen: 340.
case_without_the_flag() {
	local kind request

	measure
	for kind in generic native link tc; do
		for request in attach detach; do
			at_most "without the flag, $request, $kind" 1020 \
				"$(took patched $request $kind plain 1 8)" \
				"$(took base $request $kind plain 1 8)"
		done
	done
}

# The control: a cost that depends on the arrays would be seen.
case_pins_cost_more() {
	measure
	[ "$(total patched generic pins 32 8)" -gt \
		$((2 * $(total patched generic held 32 8))) ]
}

run_cases "$@"
