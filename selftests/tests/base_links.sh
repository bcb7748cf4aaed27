#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um-base
# The control of links.sh, mprog.sh and freplace.sh: a kernel that rejects the
# flag, or ignores it. S15
. "$(dirname "$0")/../lib/testing.sh"

case_link_flag_is_unknown() {
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

# It rejects the flag, but not in combination with others.
case_tcx_flag_is_ignored() {
	local out link=(hook link tcx_ingress eth0 "$pins/entry")

	add_pair eth0
	defer rm -f "$pins/entry" "$pins/link"
	start_loader ingress -b -p "$pins/entry" --
	says EINVAL "${link[@]}" hold "$pins/link"
	says EINVAL hook attach tcx_ingress eth0 "$pins/entry" hold
	says EINVAL hook attach tcx_ingress eth0 "$pins/entry" hold,before
	says ok "${link[@]}" hold,before "$pins/link"
	ask hook info "$pins/link"
	[[ $answer == "eth0 flags none "* ]] || fail "$answer"
	rm "$pins/link"
	# libbpf asks before it attaches
	expect_text "it lacks BPF_F_HOLD_MAPS" attach -h tcx_ingress \
		"${object_for[tc]}" eth0
	says none hook list tcx_ingress eth0
	# the patched bpftool
	out=$("$top/build/tools/patched/bpftool" net attach tcx_ingress \
		pinned "$pins/entry" dev eth0 hold_maps 2>&1) && fail "attached"
	[[ $out == *"it lacks BPF_F_HOLD_MAPS"* ]] || fail "bpftool: $out"
	says none hook list tcx_ingress eth0
	rm "$pins/entry"
	kill_loader
}

# @all base
# @needs jit
# It ignores all flags of an freplace link.
case_freplace_flag_is_ignored() {
	local dispatcher=$objs/dispatcher.bpf.o object=$objs/xdp.bpf.o

	add_pair eth0
	defer rm -rf "$pins/one" "$pins/two" "$pins/link" "$pins/target"
	expect_text "it lacks BPF_F_HOLD_MAPS" \
		dispatch -hb xdp "$dispatcher" "$pins/one" eth0 "$object"
	says_error '' ids on eth0 xdp
	dispatch -b xdp "$dispatcher" "$pins/two" eth0 "$object"
	dispatch xdp "$dispatcher" "$pins/target" none
	says ok hook replace first "$pins/target/dispatcher" "$pins/two/first" hold \
		"$pins/link"
	ask hook info "$pins/link"
	[[ $answer == *" flags none "* ]] || fail "$answer"
	rm -r "$pins"/{one,two,link,target}
	ask remove eth0
}

run_cases "$@"
