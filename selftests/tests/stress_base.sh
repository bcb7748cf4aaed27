#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um-base
# @cpus 4
# @alone
# The model describes the kernel and not the patches: without the flag the base
# kernel agrees with it too, except for maps that a second clear leaks. They are
# not freed until the guest ends, so this test runs in its own guest.
. "$(dirname "$0")/../lib/testing.sh"

# shellcheck disable=SC2034 # read by run_case
left_over=allowed

case_kernel_agrees_with_model() {
	stress --seed 1 --ops 2500 --no-flag
}

# The control of the whole test: a kernel without the flag rejects it, even if
# another error was expected.
case_flag_is_refused() {
	expect_text ", saw -22" stress --seed 1 --ops 1000
}

run_cases "$@"
