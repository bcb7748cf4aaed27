#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um-debug
# @needs faults
# Every allocation of an attachment fails once: all or nothing is done. S6
. "$(dirname "$0")/../lib/testing.sh"

# each WHERE DEV: failnth says what is wrong, and fails where nothing failed
each()
{
	failnth "$@" | tee /tmp/faults
	figure "$(tail -n 1 /tmp/faults)"
	# what had no memory for itself ends the tool with a word in the log
	absent 'kmemleak: Kernel memory leak detector disabled' dmesg
	absent 'ODEBUG: Out of memory' dmesg
}

on_pair()
{
	add_pair eth0
	tc qdisc add dev eth0 clsact
	each "$1" eth0
}

case_xdp_native() { on_pair xdpdrv; }
case_xdp_generic() { on_pair xdpgeneric; }
case_tc() { on_pair ingress; }
case_link_native() { on_pair linkdrv; }
case_link_generic() { on_pair linkgeneric; }
case_bind_map() { on_pair bind; }

# Where one slave of two may have the program already
case_bond()
{
	add_bond
	each xdpdrv bond7
}

run_cases "$@"
