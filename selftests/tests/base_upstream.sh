#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all base
# @needs jit tracing
# @build build/upstream/quick/obj/test_progs
# The control of upstream.sh: each part of the test that the series add fails on
# the base kernel.
. "$(dirname "$0")/../lib/testing.sh"

case_hold_prog_arrays_fails() {
	local out

	cd "$top/build/upstream/quick/obj"
	# clear_twice leaks a map here, which leak.sh tests
	! out=$(./test_progs -a hold_prog_arrays -d hold_prog_arrays/clear_twice 2>&1) || fail "it passed: $out"
	expect "its parts" FAIL "$(sed -nE 's/^#.* hold_prog_arrays.*:(OK|FAIL|SKIP).*/\1/p' <<<"$out" | sort -u)"
}

run_cases "$@"
