#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# KERNEL=base
# The control of late.sh's opened_while_emptied: the unpatched kernel leaks the
# map. What it leaks stays until the guest ends, so this file is its last one.
. "$(dirname "$0")/../lib/testing.sh"

# shellcheck disable=SC2034 # read by run_case
left_over=allowed

case_second_clear_leaks_a_map()
{
	clear reopen 20000
	if ids none "$DEADLINE"; then
		fail "nothing is left over"
	fi
	expect "what is left over" "map" "$(ids | cut -d' ' -f1)"
}

run_cases
