#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um
# @build build/tools/base-nolibbpf/ip build/tools/patched-nolibbpf/ip
# A command that the kernel rejects changes neither an array that is pinned and
# in use, nor the set of pins. A command that it accepts fills the array. U6
. "$(dirname "$0")/../lib/testing.sh"

# tools NAME: use ip and tc of build/tools/NAME
tools() { PATH=$top/build/tools/$1:$PATH; }

xdp_set() {
	local version=$1
	shift
	ip "$@" obj "$objs/$kind$version.bpf.o"
}
tc_filter() {
	local version=$1
	shift

	tc filter "$@" bpf da obj "$objs/$kind$version.tc.bpf.o"
}

pins_are() {
	local found

	found=$(find "$pins" -name jmp)
	expect "the pins of the array" "$1" "${found:+there}"
}

remove_pins() { rm -rf "$pins"/{ip,tc,xdp}; }

# refused TEXT VERDICT COMMAND...: must fail with TEXT; the attached program
# keeps working
refused() {
	local text=$1 wanted=$2
	shift 2

	expect_text "$text" "$@"
	[ -z "$wanted" ] ||
		expect "the verdict" "$wanted" "$(verdict "$(prog_id "$where" eth0)")"
}

refused_xdp() {
	local where=xdpdrv

	add_pair eth0
	defer remove_pins
	ip link set dev peer0 mtu 9000
	refused "too large" '' xdp_set new link set dev eth0 xdpdrv
	pins_are ''
	ip link set dev peer0 mtu 1500
	refused "garbage" '' ip link set dev eth0 xdpdrv \
		obj "$objs/${kind}new.bpf.o" bogus
	pins_are ''

	xdp_set old link set dev eth0 xdpdrv
	pins_are there
	refused "already attached" 2 xdp_set new link set dev eth0 xdpdrv
	refused "already attached" 2 \
		xdp_set new link set dev eth0 xdpdrv hold-maps
	refused "can't be active at the same time" 2 \
		xdp_set new -force link set dev eth0 xdpgeneric
	pins_are there

	xdp_set new -force link set dev eth0 xdpdrv
	expect "the verdict" 3 "$(verdict "$(prog_id xdpdrv eth0)")"
	detach xdpdrv eth0
	remove_pins
}

refused_tc() {
	local where=ingress at=(dev eth0 ingress prio 1 handle 1)

	add_pair eth0
	defer remove_pins
	refused "Parent Qdisc doesn't exists" '' tc_filter new add "${at[@]}"
	pins_are ''

	tc qdisc add dev eth0 clsact
	tc_filter old add "${at[@]}"
	pins_are there
	refused "exists" 0 tc_filter new add "${at[@]}"
	refused "Qdisc" 0 tc_filter new add dev peer0 ingress prio 1 handle 1
	pins_are there

	tc_filter new replace "${at[@]}"
	expect "the verdict" 3 "$(verdict "$(prog_id ingress eth0)")"
	detach ingress eth0
	remove_pins
}

case_xdp() { kind=pinned_ refused_xdp; }
case_tc() { kind=pinned_ refused_tc; }
case_xdp_legacy() { kind=pinned_legacy_ refused_xdp; }
case_tc_legacy() { kind=pinned_legacy_ refused_tc; }

case_xdp_built_in() {
	tools patched-nolibbpf
	kind=pinned_legacy_ refused_xdp
}

case_tc_built_in() {
	tools patched-nolibbpf
	kind=pinned_legacy_ refused_tc
}

# The array of an XDP program rejects others, and the message says why.
case_says_what_differs() {
	local where=xdpdrv kind=pinned_

	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer remove_pins
	xdp_set old link set dev eth0 xdpdrv
	refused "requires programs of type 6" 2 \
		tc_filter old add dev eth0 ingress prio 1 handle 1
	refused "the same attach type and XDP frags support" 2 \
		xdp_set frags -force link set dev eth0 xdpdrv
	detach xdpdrv eth0
	remove_pins
}

# Each action on the line is a request: the result of the first one stays.
case_actions() {
	local file=$objs/pinned_old.tc.bpf.o

	defer remove_pins
	expect_text "exists" \
		tc actions add action bpf obj "$file" section classifier index 1 \
		add action bpf obj "$file" section classifier index 1
	pins_are there
	present "index 1" tc actions show action bpf
	tc actions flush action bpf
	remove_pins
}

# The array and its pin are not created.
case_new_pin_left_out() {
	add_pair eth0
	ip link set dev eth0 xdpdrv obj "$objs/pinned_beside.bpf.o" \
		program front 2>/tmp/said
	grep "loaded only the program to attach" /tmp/said
	pins_are ''
	detach xdpdrv eth0
}

# Two commands that create the same pin share the map.
case_pinned_at_once() {
	local i other kind=pinned_

	add_pair eth0
	defer remove_pins
	tc qdisc add dev eth0 clsact
	tc qdisc add dev peer0 clsact
	for ((i = 0; i < 20; i++)); do
		remove_pins
		tc_filter old replace dev eth0 ingress prio 1 handle 1 &
		other=$!
		tc_filter old replace dev peer0 ingress prio 1 handle 1
		wait $other
	done
	remove_pins
}

# The base tools: the attached program jumps to the programs of the rejected
# command, and the pin of one that never ran stays.
case_base_built_in() {
	local where=xdpdrv kind=pinned_legacy_

	tools base-nolibbpf
	add_pair eth0
	defer remove_pins
	ip link set dev peer0 mtu 9000
	refused "too large" '' xdp_set new link set dev eth0 xdpdrv
	pins_are there
	remove_pins
	ip link set dev peer0 mtu 1500

	xdp_set old link set dev eth0 xdpdrv
	refused "already attached" 3 xdp_set new link set dev eth0 xdpdrv
	detach xdpdrv eth0
	remove_pins
}

run_cases "$@"
