#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um-base
# The control of links.sh: a kernel that does not know the flag. S15
. "$(dirname "$0")/../lib/testing.sh"

case_link_flag_is_unknown()
{
	add_pair eth0
	defer rm -f "$pins/entry" "$pins/link"
	start_loader xdpdrv -p "$pins/entry" --
	ask link create "$pins/entry" drv,hold eth0 "$pins/link"
	[[ $answer == *"kernel cannot hold maps: its XDP links lack"*EINVAL ]] ||
		fail "the answer was '$answer'"
	absent prog/xdp ip link show dev eth0
	says ok link create "$pins/entry" drv eth0 "$pins/link"
	rm "$pins/link" "$pins/entry"
	kill_loader
}

run_cases "$@"
