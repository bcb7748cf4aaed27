#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug
# The flag in dumps with full messages, of devices with all attributes, and with
# several modes at once. links.sh tests the link info. S12
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/netdevsim.sh"

TRACING=/sys/kernel/tracing

long() { printf '%*s' "$1" '' | tr ' ' "${2:-x}"; }

# Give each message 8 KiB and more, in steps of 4 bytes up to the size of an
# object. This way each attribute in turn is the first that does not fit.
full_messages() {
	local out

	out=$(dump "${@:3}" 8192 10240)
	expect "objects" "$1" "${out%% *}"
	expect "held" "$2" "$(sed -E 's/.* ([0-9]+) held.*/\1/' <<<"$out")"
	# the control: the messages were filled to the last byte
	[[ $out == *"at least 0 bytes left" ]] || fail "not full: $out"
}

case_links_in_full_messages() {
	local i held=() unheld=() there

	there=$(ip -o link | wc -l)
	for i in $(seq 40); do
		echo "link add dummy$i type dummy"
		# messages of different lengths
		echo "link set dummy$i alias $(long $((i * 6)))"
	done | ip -batch -
	defer eval "ip link | sed -n 's/^.*: \(dummy[^:]*\):.*/link del \1/p' | ip -batch -"
	for i in $(seq 20); do
		held+=("dummy$i") unheld+=("dummy$((i + 20))")
	done
	full_messages $((there + 40)) 0 link
	start_loader xdpgeneric -h -- "${held[@]}"
	kill_loader
	full_messages $((there + 40)) 20 link
	start_loader xdpgeneric -- "${unheld[@]}"
	kill_loader
	full_messages $((there + 40)) 20 link
}

case_filters_in_full_messages() {
	local i

	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -f "$pins/entry"
	start_loader ingress -p "$pins/entry" --
	for i in $(seq 80); do
		echo -n "filter add dev eth0 ingress prio 1 handle $i bpf"
		[ $((i % 2)) = 0 ] || echo -n " da"
		[ $((i % 4)) -lt 3 ] || echo -n " hold-maps"
		echo " pinned $pins/entry"
	done | tc -batch -
	rm "$pins/entry"
	kill_loader
	full_messages 80 20 filter eth0
	tc filter del dev eth0 ingress
}

# xdp DEV PIN FLAGS
xdp() { says ok xdp "$@"; }

# report WHEN COUNT: COUNT devices must report a hold
report() {
	local flag

	flag=$(dump link 8192 8192 | sed -E 's/.* ([0-9]+) held.*/\1/')
	expect "$1: devices that report a hold" "$2" "$flag"
}

# A device with an offloaded program as well. The hold of one mode is reported,
# and dropped with that mode.
case_two_modes() {
	local sim mode

	add_netdevsim
	defer rm -f "$pins/entry" "$pins/off"
	bpftool prog load "$objs/offload.bpf.o" "$pins/off" type xdp \
		offload_dev "$sim"
	start_loader xdpdrv -p "$pins/entry" --
	for mode in drv skb; do
		xdp "$sim" "$pins/entry" "$mode"
		xdp "$sim" "$pins/off" hw
		report "two modes, no hold" 0
		xdp "$sim" "$pins/entry" "$mode,hold"
		report "two modes, one hold" 1
		xdp "$sim" none hw
		report "offload gone" 1
		xdp "$sim" "$pins/off" hw
		xdp "$sim" none "$mode"
		report "hold gone" 0
		xdp "$sim" none hw
	done
	rm "$pins"/{entry,off}
	kill_loader
}

# The kernel warns if a message is longer than estimated, but only if it exceeds
# the buffer. This test compares both.
# @all patched
# @needs tracing
case_estimate_is_kept() {
	local sim out estimate i

	add_netdevsim
	defer rm -f "$pins/entry" "$pins/off"
	ip link set "$sim" alias "$(long 255)"
	for i in 1 2 3; do
		ip link property add dev "$sim" altname "$(long 127 $i)"
	done
	bpftool prog load "$objs/offload.bpf.o" "$pins/off" type xdp \
		offload_dev "$sim"
	start_loader xdpdrv -p "$pins/entry" --
	xdp "$sim" "$pins/entry" drv,hold
	out=$(dump link 8192 8192)
	# nest, attached, id, id of the mode, flags: what rtnl_xdp_size() adds up
	[[ $out == *"XDP at most 36 bytes"* ]] || fail "one mode: $out"
	xdp "$sim" "$pins/off" hw

	# shellcheck disable=SC2016 # the kernel's $retval
	echo 'r:estimate if_nlmsg_size size=$retval:u32' >$TRACING/kprobe_events
	defer eval "echo 0 >$TRACING/events/kprobes/estimate/enable; echo >$TRACING/kprobe_events"
	echo 1 >$TRACING/events/kprobes/estimate/enable
	out=$(dump link 8192 8192)
	[[ $out == *"XDP at most 36 bytes"* ]] || fail "two modes: $out"
	# with statistics, which the dump contains too
	ip -s link show dev "$sim" >/dev/null
	estimate=$(sed -n 's/.* size=\([0-9]*\)$/\1/p' $TRACING/trace | tail -1)
	out=$(sed -E 's/.*at most ([0-9]+) bytes, XDP.*/\1/' <<<"$out")
	[ "$out" -le "$estimate" ] ||
		fail "$out bytes, and $estimate were expected"
	rm "$pins"/{entry,off}
	kill_loader
}

run_cases "$@"
