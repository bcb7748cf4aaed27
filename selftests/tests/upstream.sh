#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all patched
# @needs jit tracing
# @build build/upstream/quick/obj/test_progs
# The upstream BPF tests that are closest to what the series change. "make
# check-upstream" runs many more, on the base kernel too.
. "$(dirname "$0")/../lib/testing.sh"

# A test that skips a part here lacks something that this environment should
# have.
passes() {
	local out

	cd "$top/build/upstream/quick/obj"
	out=$(./test_progs --no-error-summary --watchdog-timeout=600 -a "$1" \
		-d @<("$top/selftests/upstream/lists" not bpf)) || :
	grep -E '^Summary: 1/[0-9]+ PASSED, 0 SKIPPED, 0/0 FAILED$' <<<"$out" ||
		fail "$1 did not pass in full: $out"
}

case_hold_prog_arrays() { passes hold_prog_arrays; }
case_prog_array_init() { passes prog_array_init; }
case_prog_array_init_skip() { passes prog_array_init_skip; }
case_xdp_attach() { passes xdp_attach; }
case_xdp_link() { passes xdp_link; }
case_tc_bpf() { passes tc_bpf; }
# Some of its programs must be rejected, which the verifier of 6.12 does not do, or
# for another reason.
# @needs verifier
case_tailcalls() { passes tailcalls; }

run_cases "$@"
