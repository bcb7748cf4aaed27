#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um-base
# The control of links.sh: a kernel that does not know the flag. S15
. "$(dirname "$0")/../lib/testing.sh"

NATIVE=0x4 HOLD=0x20

answers() { expect "the answer to ${*:2}" "$1" "$("${@:2}")"; }

case_link_flag_is_unknown()
{
	add_pair eth0
	defer rm -f "$pins/entry" "$pins/link"
	start_loader xdpdrv -p "$pins/entry" --
	answers EINVAL xdplink create "$pins/entry" $((NATIVE | HOLD)) eth0 \
		"$pins/link"
	absent prog/xdp ip link show dev eth0
	answers ok xdplink create "$pins/entry" "$NATIVE" eth0 "$pins/link"
	rm "$pins/link" "$pins/entry"
	kill_loader
}

run_cases "$@"
