#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um-base
# @alone
# The control of late.sh's opened_while_cleared: the base kernel leaks the map.
# It is not freed until the guest ends, so this test runs in its own guest.
. "$(dirname "$0")/../lib/testing.sh"

# shellcheck disable=SC2034 # read by run_case
left_over=allowed

case_second_clear_leaks_a_map() {
	agent reopen 20000
	if ids none; then
		fail "nothing was leaked"
	fi
	ask ids
	[[ $answer == "map "* && $answer != *$'\n'* ]] ||
		fail "the leak is not one map: $answer"
}

# @all base
# @needs jit tracing
# @build build/upstream/quick/obj/test_progs
case_upstreams_test_finds_it() {
	local out

	cd "$top/build/upstream/quick/obj"
	! out=$(./test_progs -a hold_prog_arrays/clear_twice 2>&1) ||
		fail "it passed: $out"
	[[ $out == *"array freed"* ]] || fail "another failure: $out"
}

run_cases "$@"
