#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um um-debug patched
# @cpus 4
# Everything at once, by several processes, with packets flowing: the kernel
# must agree with a model at each quiet point. S1-S9, S12, S13, S16, S17
#
# make vm RUN='OPS=10000 SEED=7 selftests/tests/stress.sh' TIMEOUT=3600: more
# operations, or the same ones again
. "$(dirname "$0")/../lib/testing.sh"

short=2400
[ "$KERNEL" != debug ] || short=400 # operations take ten times as long
seed=${SEED:-1}
# Workers wait for the slowest one at each quiet point: use fewer in long runs
every=100
[ "${OPS:-0}" -le 20000 ] || every=400

# run_stress OPERATIONS OPTION...
run_stress() {
	local out

	set +x
	stress --seed "$seed" --every "$every" --ops "$@" | tee /tmp/stress |
		while IFS= read -r out; do
			echo "$out"
			[[ $out != *'quiet points'* ]] || progress "$out"
		done
	out=$(grep 'quiet points' /tmp/stress | tail -n 1)
	figure "seed $seed: $out"
}

case_kernel_agrees_with_model() { run_stress "${OPS:-$short}"; }

# Nothing changes for callers that do not set the flag.
case_without_flag() { run_stress "$short" --no-flag; }

# The control: errors in the model are found soon. It tests the program and not
# the kernel, and takes ten minutes on the debug kernel, so it is left out
# there.
# @all um patched
case_lies_are_found() {
	local lie lies=(hold filter tcx uref prog)

	[ ! -e /proc/sys/net/core/bpf_jit_enable ] || lies+=(freplace)
	for lie in "${lies[@]}"; do
		expect_text "the kernel differs from the model, which lied" \
			stress --seed "$seed" --ops 1200 --deadline 5 --every 50 --break "$lie"
		ids none
	done
}

run_cases "$@"
