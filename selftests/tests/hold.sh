#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug patched
# Tail calls of an attached program after its loader has exited: they miss
# without the flag (the negative control) and hit with it. S1, S2, S3, S5, U1,
# U2, U3, U5
. "$(dirname "$0")/../lib/testing.sh"

# dies_and_holds HOW WHERE
dies_and_holds() {
	local how=$1 where=$2

	add_pair eth0
	"$how" "$where" eth0
	until_true "without the flag the array is cleared" \
		cleared "$(prog_id "$where" eth0)"
	tail_calls_miss "$where" eth0
	absent hold-maps show "$where" eth0
	detach "$where" eth0
	ids none

	"$how" "$where" eth0 hold-maps
	settle
	tail_calls_hit "$where" eth0
	present hold-maps show "$where" eth0
	detach "$where" eth0
}

case_ip_xdp_native() { dies_and_holds attach_tool xdpdrv; }
case_ip_xdp_generic() { dies_and_holds attach_tool xdpgeneric; }
case_ip_xdp_default() { dies_and_holds attach_tool xdp; }
case_tc_ingress() { dies_and_holds attach_tool ingress; }
case_tc_egress() { dies_and_holds attach_tool egress; }
case_libbpf_xdp_native() { dies_and_holds attach_lib xdpdrv; }
case_libbpf_xdp_generic() { dies_and_holds attach_lib xdpgeneric; }
case_libbpf_tc_ingress() { dies_and_holds attach_lib ingress; }
case_libbpf_tc_egress() { dies_and_holds attach_lib egress; }

run_cases "$@"
