#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# Callers that were built against libbpf's header with and without hold_maps, on
# the library with and without it. S15, U5
. "$(dirname "$0")/../lib/testing.sh"

# caller HEADER LIBRARY COMMAND...
caller() {
	local library=base

	[ "$2" != new ] || library=patched
	LD_LIBRARY_PATH=$top/build/libbpf/$library/usr/lib64 \
		"$objs/caller-$1" eth0 "${@:3}"
}

case_old_on_old() {
	add_pair eth0
	caller old old plain
}
case_old_on_new() {
	add_pair eth0
	caller old new plain
}
case_new_on_old() {
	add_pair eth0
	caller new old plain
}
case_new_on_new() {
	add_pair eth0
	caller new new plain
}
case_new_holds() {
	add_pair eth0
	caller new new hold "$objs/table.bpf.o"
}

# A program that is not loaded, and an array that is not created
case_slots_without_programs() {
	add_pair eth0
	expect "loaded" "0 0" "$(caller old new slots "$objs/table.bpf.o")"
	# the control: EBADF and EINVAL
	expect "not loaded by the old library" "-9 -22" \
		"$(caller old old slots "$objs/table.bpf.o")"
}

# heard FILE TEXT COMMAND...: COMMAND causes events that FILE has as TEXT.
# COMMAND is repeated until a listener is ready, so it must change something
# each time.
heard() {
	"${@:3}"
	grep -q "$2" "$1"
}
set_mtu() {
	ip link set dev eth0 mtu 1500
	ip link set dev eth0 mtu "$1"
}
add_clsact() {
	tc qdisc del dev eth0 clsact 2>/dev/null || :
	tc qdisc add dev eth0 clsact
}
del_clsact() {
	tc qdisc add dev eth0 clsact 2>/dev/null || :
	tc qdisc del dev eth0 clsact
}

# The probes cause no events, and a caller without privileges gets an error.
case_probe() {
	local dir

	dir=$(mktemp -d)
	defer rm -r "$dir"
	add_pair eth0
	ip monitor link >"$dir/ip" &
	defer kill $!
	tc monitor >"$dir/tc" &
	defer kill $!
	until_true "ip listens" heard "$dir/ip" 'mtu 1401' \
		set_mtu 1401
	until_true "tc listens" heard "$dir/tc" '^qdisc clsact' \
		add_clsact
	expect "what can be held" "1 1 1 1" "$(caller new new probe)"
	until_true "ip still listens" heard "$dir/ip" 'mtu 1402' \
		set_mtu 1402
	until_true "tc still listens" heard "$dir/tc" '^deleted qdisc clsact' \
		del_clsact
	expect "events of others" "" \
		"$(grep -hE ' lo:| lo |filter' "$dir"/* || :)"

	expect "not allowed" "-1 -1 -1 1" "$(setpriv --reuid 65534 \
		--regid 65534 --clear-groups env \
		LD_LIBRARY_PATH="$top/build/libbpf/patched/usr/lib64" \
		"$objs/caller-new" eth0 probe)"
	# without the privilege to create a network namespace
	expect "CAP_NET_ADMIN and CAP_BPF" "1 1 -1 1" "$(setpriv \
		--bounding-set -sys_admin env \
		LD_LIBRARY_PATH="$top/build/libbpf/patched/usr/lib64" \
		"$objs/caller-new" eth0 probe)"
}

case_old_library_refuses() {
	add_pair eth0
	caller new old refused "non-zero extra bytes"
}

# A caller that does not know the option does not hold by accident.
case_old_replaces_what_holds() {
	add_pair eth0
	caller new new filter
	present 'pref 77 * hold-maps' tc filter show dev eth0 ingress
	caller old new filter
	present 'pref 77 * handle 0x1 ' tc filter show dev eth0 ingress
	absent hold-maps tc filter show dev eth0 ingress
	detach ingress eth0
}

run_cases "$@"
