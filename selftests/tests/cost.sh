#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all patched
# What a hold costs does not depend on the size of the array. S14
. "$(dirname "$0")/../lib/testing.sh"

# Four million slots, 16384 of them filled, against one. What walks an array
# takes as long as emptying it: the control.
case_array_size_does_not_matter()
{
	local times i

	add_pair eth0
	read -r -a times <<<"$(agent cost eth0 101)"
	figure "µs, of one slot, of four million, and the control: ${times[*]}"
	expect "words" "take drop last empty" \
		"${times[0]} ${times[3]} ${times[6]} ${times[8]}"
	for i in 1 4; do
		[ "${times[i + 1]}" -le $((3 * times[i])) ] ||
			fail "the large array takes longer: ${times[*]}"
	done
	for i in 2 5 7; do
		[ "${times[9]}" -ge $((20 * times[i])) ] ||
			fail "a walk would not have been seen: ${times[*]}"
	done
	ip link set dev eth0 xdpgeneric off
}

run_cases "$@"
