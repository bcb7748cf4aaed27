#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Everything at once, by several processes, with packets flowing: the kernel has
# to agree with a model at each quiet point. S1-S9, S12, S13
#
# VM_APPEND="stress_ops=1000000 stress_seed=7" selftests/run stress: more of it,
# or the same again
# ALSO=debug
. "$(dirname "$0")/../lib/testing.sh"

parameter() { sed -n "s/.*\<$1=\([0-9]*\).*/\1/p" /proc/cmdline; }

ops=$(parameter stress_ops) seed=$(parameter stress_seed)
short=2400
[ "$KERNEL" != debug ] || short=400 # it takes ten times as long
: "${ops:=$short}" "${seed:=1}"
echo "# stress: seed $seed, $ops operations"

run_stress() { stress --seed "$seed" --ops "$ops" "$@"; }

case_kernel_agrees_with_model() { run_stress; }

# Nothing changes for those who do not set the flag.
case_without_flag() { run_stress --no-flag; }

# The control: a model that is wrong is found out, soon after it lied.
case_lies_are_found()
{
	local lie

	for lie in hold filter uref prog; do
		ops=1200 expect_text "the kernel differs from the model" \
			run_stress --deadline 5 --every 50 --break "$lie"
		ids none "$DEADLINE"
	done
}

run_cases
