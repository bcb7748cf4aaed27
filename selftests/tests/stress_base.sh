#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um-base
# @cpus 4
# @alone
# The model is about the kernel and not about the patches: without the flag the
# unpatched kernel agrees with it, too, but for the maps that a second clear
# leaks. Those stay until the guest ends, so this has a guest of its own.
. "$(dirname "$0")/../lib/testing.sh"

# shellcheck disable=SC2034 # read by run_case
left_over=allowed

case_kernel_agrees_with_model()
{
	stress --seed 1 --ops 2500 --no-flag
}

# The control of the whole: a kernel without the flag refuses it, also where
# another reason was expected.
case_flag_is_refused()
{
	expect_text ", saw -22" stress --seed 1 --ops 1000
}

run_cases "$@"
