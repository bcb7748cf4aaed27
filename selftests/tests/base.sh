#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um-base
# @all base
# @build build/tools/patched-nolibbpf/ip
# A kernel without the flags returns EINVAL, and the tools explain it. S15, and
# the control of all other tests
. "$(dirname "$0")/../lib/testing.sh"

PATH=$top/build/tools/patched:$PATH

case_xdp_flag_is_unknown() {
	add_pair eth0
	defer rm -f "$pins/entry"
	start_loader xdpdrv -p "$pins/entry" --
	says EINVAL xdp eth0 "$pins/entry" hold
	absent prog/xdp ip link show dev eth0
	# the control
	says ok xdp eth0 "$pins/entry" none
	kill_loader
	rm "$pins/entry"
	detach xdp eth0
}

case_tc_flag_is_unknown() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -f "$pins/entry"
	start_loader ingress -p "$pins/entry" --
	says EINVAL tc eth0 "$pins/entry" direct,hold
	absent bpf tc filter show dev eth0 ingress
	# the control
	says ok tc eth0 "$pins/entry" direct
	kill_loader
	rm "$pins/entry"
	detach ingress eth0
}

# says_so COMMAND...: it must fail and explain why
says_so() {
	local out

	! out=$("$@" 2>&1) || fail "'$*' was expected to fail: $out"
	[[ $out == *"kernel cannot hold maps"* && $out != *"Invalid argument"* ]] ||
		fail "'$*' said '$out'"
	ids none
}

ip_and_tc_say_so() {
	local obj=$objs/$1 tc_obj=$objs/$2

	add_pair eth0
	for mode in xdp xdpdrv xdpgeneric; do
		says_so ip link set dev eth0 $mode obj "$obj" hold-maps
	done
	absent prog/xdp ip link show dev eth0
	tc qdisc add dev eth0 clsact
	for verb in add replace; do
		says_so tc filter $verb dev eth0 ingress bpf da \
			obj "$tc_obj" hold-maps
	done
	absent bpf tc filter show dev eth0 ingress
}

case_ip_and_tc_say_so() { ip_and_tc_say_so xdp.bpf.o tc.bpf.o; }

case_built_in_loader_says_so() {
	PATH=$top/build/tools/patched-nolibbpf:$PATH
	ip_and_tc_say_so legacy.bpf.o legacy.tc.bpf.o
}

case_pinned_says_so() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -rf "$pins/p" "$pins/t"
	bpftool prog loadall "$objs/table.bpf.o" "$pins/p" type xdp
	bpftool prog loadall "$objs/table.tc.bpf.o" "$pins/t" type classifier
	expect_text "kernel cannot hold maps" \
		ip link set dev eth0 xdp pinned "$pins/p/jump" hold-maps
	expect_text "kernel cannot hold maps" tc filter add dev eth0 ingress \
		bpf object-pinned "$pins/t/jump" hold-maps
	for mode in xdp xdpgeneric xdpdrv; do
		expect_text "kernel cannot hold maps" bpftool net attach $mode \
			pinned "$pins/p/jump" dev eth0 hold_maps
	done
	absent prog/xdp ip link show dev eth0
	absent bpf tc filter show dev eth0 ingress
	# the control
	bpftool net attach xdp pinned "$pins/p/jump" dev eth0
	bpftool net detach xdp dev eth0
	rm -r "$pins/p" "$pins/t"
}

case_libbpf_says_so() {
	add_pair eth0
	expect_text "it lacks XDP_FLAGS_HOLD_PROG_ARRAYS; pin the prog arrays" \
		attach -h xdp "${object_for[xdp]}" eth0
	expect_text "it lacks TCA_BPF_FLAG_HOLD_MAPS; pin the prog arrays" \
		attach -h ingress "${object_for[tc]}" eth0
	absent prog/xdp ip link show dev eth0
}

case_feature_probe() {
	expect "as JSON" '[false,false,false]' "$(bpftool -j feature probe |
		jq -c '.misc | [.have_xdp_hold_maps, .have_xdp_link_hold_maps,
			.have_tc_hold_maps]')"
	bpftool feature probe | grep -x "hold_maps for tc filters is NOT available"
}

# Callers with and without the new field, on the new library
case_callers_of_libbpf() {
	export LD_LIBRARY_PATH=$top/build/libbpf/patched/usr/lib64

	add_pair eth0
	"$objs/caller-old" eth0 plain
	"$objs/caller-new" eth0 plain
	"$objs/caller-new" eth0 refused "this kernel cannot hold maps"
	"$objs/caller-new" eth0 link "its XDP links lack"
	expect "what can be held" "0 0 0 0" "$("$objs/caller-new" eth0 probe)"
}

dies_with_loader() {
	add_pair eth0
	attach_tool "$1" eth0
	until_true "the array is cleared" cleared "$(prog_id "$1" eth0)"
	tail_calls_miss "$1" eth0
	detach "$1" eth0
}

case_xdp_dies_with_loader() { dies_with_loader xdpdrv; }
case_tc_dies_with_loader() { dies_with_loader ingress; }

# The control of late.sh: an entry that is set by a process that opens an array
# while it is cleared is lost,
case_refilled_array_is_cleared() {
	expect "still full" 0 "$(agent refill open)"
}

# and a reader of map ids can block everyone who needs used_maps_mutex, for as
# long as it likes.
case_reader_stalls_bind() {
	local binder map

	defer rm -f "$pins/entry"
	start_loader xdpdrv -p "$pins/entry" --
	map=$(map_named jmp_deep)
	start_stall "$pins/entry"
	agent bind "$pins/entry" "$map" &
	binder=$!
	until_true "bind waits for the mutex" \
		grep -q '^State:.*D' "/proc/$binder/status"
	kill -KILL "$stalled"
	wait "$binder"
	kill_loader
	rm "$pins/entry"
}

run_cases "$@"
