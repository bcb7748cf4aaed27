#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @build using
# Runs the commands, files and loaders of docs/using.md, which has the only copy
# of these loaders, and compares the results with the page. The controls are the
# loaders without the flag. S1, S2, S12, S13, S15, S16, U1, U3, U4, U5
. "$(dirname "$0")/../lib/testing.sh"

page=$top/docs/using.md
loaders=$top/build/using

# Build the objects of the page in the folder that its commands use
build_objects() {
	local work

	work=$(mktemp -d)
	defer rm -r "$work"
	cp "$objs/using.bpf.o" "$work/x.o"
	cp "$objs/using.tc.bpf.o" "$work/tc.o"
	cp "$objs/using_tcx.bpf.o" "$work/tcx.o"
	cd "$work"
}

# on_page COMMAND: the page must have COMMAND, apart from ids; run it
on_page() {
	local command=$1

	grep -qxF "    $command" "$page" || fail "the page lacks: $1"
	command=${command/%id 2/id ${deep:-2}}
	eval "${command/id 8 /id ${prog:-8} }"
}

shown() { "$top/selftests/lib/cut" "$page" "$1"; }

# misses WHERE DEV: its tail calls miss after the loader has exited
misses() {
	until_true "without the flag the array is cleared" \
		cleared "$(prog_id "$1" "$2")"
	tail_calls_miss "$1" "$2"
}

# hits WHERE DEV
hits() {
	settle
	tail_calls_hit "$1" "$2"
}

# ---- is it this problem? ----------------------------------------------------

# Numbers and times differ in each run, the emulator has a JIT, and a line that
# begins with # would be taken for a figure.
unnumbered() {
	sed -E 's/not jited|jited [0-9]+B/jited/; s/(tag [0-9a-f]+) jited/\1/
		s/[0-9-]+T[0-9:+]+/N/; s/\btag [0-9a-f]+/tag N/; s/[0-9]+/N/g
		s/ +$//; s/^# /$ /'
}

# The session on the page: commands and their output
session() {
	awk '/^## /{ on = $0 ~ /^## Is it/ }
	     !on || !/^    /{ command = 0; next }
	     /^    # /{ command = 1 }
	     command { print substr($0, 5) }' "$page"
}

# replay PROG ARRAY: run the same commands and print them with their output
replay() {
	local command

	session | sed -n 's/^# //p' | while IFS= read -r command; do
		echo "# $command"
		case $command in
		*' prog '*) command=${command/id */id $1} ;;
		*' map '*) command=${command/id */id $2} ;;
		esac
		eval "$command"
	done
}

# @check um-base
case_is_it_this_problem() {
	local prog array

	build_objects
	add_pair eth0
	defer rm -rf "$pins/p" "$pins/m"
	bpftool prog loadall x.o "$pins/p" type xdp pinmaps "$pins/m"
	array=$(map_named jmp)
	bpftool net attach xdp pinned "$pins/p/entry" dev eth0
	prog=$(prog_id xdp eth0)
	# the control: while it is pinned
	present "pinned $pins/m/jmp" bpftool -f map show id "$array"
	present "Found 1 element" bpftool map dump id "$array"
	tail_calls_hit xdp eth0
	rm -r "$pins/p" "$pins/m"

	misses xdp eth0
	expect "what the page shows" "$(session | unnumbered)" \
		"$(replay "$prog" "$array" | unnumbered)"
	detach xdp eth0
}

# @check um-base
case_base_ip_refuses() {
	build_objects
	add_pair eth0
	expect_text "$(sed -n 's/^    \(libbpf: .*\)/\1/p' "$page")" \
		ip link set dev eth0 xdp obj x.o program entry
}

case_ip_loads_them_again() {
	build_objects
	add_pair eth0
	ip link set dev eth0 xdp obj x.o program entry
	misses xdp eth0
	detach xdp eth0
}

# @all um
case_can_the_kernel_hold() {
	local out

	out=$(on_page "bpftool feature probe kernel | grep hold_maps")
	[[ $out == *hold_maps* ]] || fail "it printed '$out'"
	absent NOT echo "$out"
}

# ---- how to attach ----------------------------------------------------------

case_attach_xdp() {
	build_objects
	add_pair eth0
	on_page "ip link set dev eth0 xdp obj x.o program entry hold-maps"
	hits xdp eth0
	on_page "ip link set dev eth0 xdp off"
}

case_attach_tc() {
	build_objects
	add_pair eth0
	on_page "tc qdisc add dev eth0 clsact"
	# the control
	tc filter add dev eth0 ingress prio 1 handle 1 bpf da obj tc.o \
		program entry
	misses ingress eth0
	on_page "tc filter del dev eth0 ingress prio 1 handle 1 bpf"
	on_page "tc filter add dev eth0 ingress prio 1 handle 1 bpf da obj tc.o program entry hold-maps"
	hits ingress eth0
	on_page "tc filter del dev eth0 ingress prio 1 handle 1 bpf"
}

case_attach_bpftool() {
	build_objects
	add_pair eth0
	defer rm -rf "$pins/p" "$pins/m"
	on_page "bpftool prog loadall x.o /sys/fs/bpf/p type xdp pinmaps /sys/fs/bpf/m"
	on_page "bpftool prog bind pinned /sys/fs/bpf/p/entry pinned /sys/fs/bpf/m/jmp_deep"
	on_page "bpftool net attach xdp pinned /sys/fs/bpf/p/entry dev eth0 hold_maps"
	on_page "rm -r /sys/fs/bpf/p /sys/fs/bpf/m"
	hits xdp eth0
	detach xdp eth0
}

# Without the bind, the second jump misses.
case_attach_bpftool_unbound() {
	build_objects
	add_pair eth0
	defer rm -rf "$pins/p" "$pins/m"
	bpftool prog loadall x.o "$pins/p" type xdp pinmaps "$pins/m"
	bpftool net attach xdp pinned "$pins/p/entry" dev eth0 hold_maps
	rm -r "$pins/p" "$pins/m"
	settle
	counts_are xdp eth0 "10 0 10 10 0"
	detach xdp eth0
}

# in_file FILE KEY: the command after KEY, with eth0 and the objects of the test
in_file() {
	shown "$1" | sed -nE "s/^ *$2-?//p" |
		sed "s/%I/eth0/g; s#/etc/hold-maps#$PWD#"
}

case_unit() {
	local unit=/etc/systemd/system/hold-maps@.service first

	build_objects
	mv x.o eth0.o
	add_pair eth0
	eval "$(in_file $unit ExecStart=)"
	hits xdp eth0
	first=$(prog_id xdp eth0)
	# a start does not replace a program that another process attached
	expect_text "already attached" eval "$(in_file $unit ExecStart=)"
	eval "$(in_file $unit ExecReload=)"
	[ "$first" != "$(prog_id xdp eth0)" ] || fail "nothing was reloaded"
	hits xdp eth0
	eval "$(in_file $unit ExecStop=)"
	nothing_on eth0
}

case_interfaces() {
	local stanza=/etc/network/interfaces.d/eth0

	build_objects
	mv x.o eth0.o
	add_pair eth0
	ip link set eth0 down
	eval "$(in_file $stanza "up ")"
	eval "$(in_file $stanza "post-up ")"
	hits xdp eth0
	eval "$(in_file $stanza "pre-down ")"
	nothing_on eth0
}

# ---- how to show it ---------------------------------------------------------

# shows TEXT COMMAND
shows() { present "$1" on_page "$2"; }

case_see() {
	build_objects
	add_pair eth0
	add_pair eth1
	defer rm -f "$pins/link"
	ip link set dev eth0 xdp obj x.o program entry hold-maps
	tc qdisc add dev eth0 clsact
	tc filter add dev eth0 ingress bpf da obj tc.o program entry hold-maps
	"$loaders/xdp-link" x.o eth1
	shows hold-maps "ip link show dev eth0"
	shows hold-maps "tc filter show dev eth0 ingress"
	shows "driver id*hold_maps" "bpftool net show dev eth0"
	shows "clsact/ingress*hold_maps" "bpftool net show dev eth0"
	shows "eth1*hold_maps" "bpftool link show"
	rm "$pins/link"
	until_true "the link is gone" nothing_on eth1
	detach xdp eth0
	detach ingress eth0
	# the control
	"$loaders/xdp-off" x.o eth0
	absent hold-maps on_page "ip link show dev eth0"
	absent hold_maps on_page "bpftool net show dev eth0"
	detach xdp eth0
}

# ---- upgrades ---------------------------------------------------------------

case_upgrade_xdp() {
	local prog

	build_objects
	add_pair eth0
	"$loaders/xdp" x.o eth0
	prog=$(prog_id xdp eth0)
	on_page "ip -force link set dev eth0 xdp obj x.o program entry hold-maps"
	[ "$prog" != "$(prog_id xdp eth0)" ] || fail "it was not replaced"
	hits xdp eth0
	# the control
	ip -force link set dev eth0 xdp obj x.o program entry
	misses xdp eth0
	detach xdp eth0
}

case_upgrade_tc() {
	local prog

	build_objects
	add_pair eth0
	tc qdisc add dev eth0 clsact
	tc filter add dev eth0 ingress prio 1 handle 1 bpf da obj tc.o \
		program entry hold-maps
	prog=$(prog_id ingress eth0)
	on_page "tc filter replace dev eth0 ingress prio 1 handle 1 bpf da obj tc.o program entry hold-maps"
	[ "$prog" != "$(prog_id ingress eth0)" ] || fail "it was not replaced"
	hits ingress eth0
	# the control
	tc filter replace dev eth0 ingress prio 1 handle 1 bpf da obj tc.o \
		program entry
	misses ingress eth0
	detach ingress eth0
}

# ---- from code --------------------------------------------------------------

# gone WHERE DEV: the loader's program was detached
gone() {
	if [ -e "$pins/link" ]; then
		rm "$pins/link"
		until_true "the link is gone" nothing_at "$1" "$2"
	else
		detach "$1" "$2"
	fi
}

nothing_at() { ask ids on "$2" "$1" && [ -z "$answer" ]; }

# loader NAME WHERE OBJECT: tail calls hit after the page's loader has exited,
# and miss after the same loader without the flag has
loader() {
	local name=$1 where=$2 object=$3

	build_objects
	add_pair eth0
	defer rm -f "$pins/link"
	"$loaders/$name-off" "$object" eth0
	misses "$where" eth0
	gone "$where" eth0
	ids none

	"$loaders/$name" "$object" eth0
	hits "$where" eth0
	gone "$where" eth0
}

case_libbpf_xdp() { loader xdp xdp x.o; }
case_libbpf_tc() { loader tc ingress tc.o; }
case_libbpf_xdp_link() { loader xdp-link xdp x.o; }
case_libbpf_tcx() { loader tcx tcx_ingress tcx.o; }

# Linked with Debian's libbpf
# @all um
# @build using-more
case_old_libbpf_xdp() { loader old-xdp xdp x.o; }

# @all um
# @build using-more
case_old_libbpf_xdp_link() { loader old-xdp-link xdp x.o; }

# @all um
# @build using-more
case_go_ebpf() { loader ebpf-go xdp x.o; }

# @all um
# @build using-more
case_go_ebpf_tcx() { loader ebpf-go-tcx tcx_ingress tc.o; }

# @all um
# @build using-more
case_go_netlink_xdp() { loader netlink-xdp xdp x.o; }

# @all um
# @build using-more
case_go_netlink_tc() { loader netlink-tc ingress tc.o; }

# @all um
# @build using-more
case_go_rtnetlink() { loader rtnetlink xdp x.o; }

# The error of a kernel that does not support the flag
# @all um-base
# @build using-more
case_old_kernel() {
	local name

	build_objects
	add_pair eth0
	for name in old-xdp old-xdp-link; do
		! "$loaders/$name" x.o eth0 || fail "$name has attached"
	done
	for name in ebpf-go netlink-xdp rtnetlink; do
		expect_text "invalid argument" "$loaders/$name" x.o eth0
	done
	expect_text "invalid argument" "$loaders/netlink-tc" tc.o eth0
	expect_text "invalid argument" "$loaders/ebpf-go-tcx" tc.o eth0
	absent prog/xdp ip link show dev eth0
	# the control
	"$loaders/old-xdp-off" x.o eth0
	detach xdp eth0
}

# attach_filter PROGRAM: attach by the Python program, with pins that it leaves
attach_filter() {
	bpftool prog loadall tc.o "$pins/p" type classifier pinmaps "$pins/m"
	bpftool prog bind pinned "$pins/p/entry" pinned "$pins/m/jmp_deep"
	/usr/bin/python3 "$loaders/$1.py" eth0
	rm -r "$pins/p" "$pins/m"
}

# @all um
# @build using-more
case_pyroute2_tc() {
	build_objects
	add_pair eth0
	defer rm -rf "$pins/p" "$pins/m"
	attach_filter filter-off
	present direct-action tc filter show dev eth0 ingress
	misses ingress eth0
	tc qdisc del dev eth0 clsact
	ids none
	attach_filter filter
	present direct-action tc filter show dev eth0 ingress
	hits ingress eth0
	detach ingress eth0
}

# It cannot pass flags for XDP.
# @all um
# @build using-more
case_pyroute2_xdp() {
	local script='
import ctypes, sys
from pyroute2 import IPRoute
fd = ctypes.CDLL("libbpf.so.1").bpf_obj_get(b"/sys/fs/bpf/p/entry")
attrs = [("IFLA_XDP_FD", fd)]
attrs += [("IFLA_XDP_FLAGS", int(flags)) for flags in sys.argv[1:]]
with IPRoute() as ip:
    ip.link("set", index=ip.link_lookup(ifname="eth0")[0],
            xdp={"attrs": attrs})'
	local attach=(/usr/bin/python3 -c "$script")

	build_objects
	add_pair eth0
	defer rm -rf "$pins/p"
	bpftool prog loadall x.o "$pins/p" type xdp
	expect_text NetlinkError "${attach[@]}" $((1 << 5))
	expect_text NetlinkError "${attach[@]}" $((1 << 2)) # XDP_FLAGS_DRV_MODE
	absent prog/xdp ip link show dev eth0
	# the control: it can without flags
	"${attach[@]}"
	present prog/xdp ip link show dev eth0
	detach xdp eth0
	rm -r "$pins/p"
}

# adapted WHERE COMMAND...: COMMAND turns an attachment without a hold into a
# held one, while its loader has the arrays open
adapted() {
	local where=$1 prog deep
	shift

	add_pair eth0
	defer rm -f "$pins/entry"
	# the control
	start_loader "$where" -- eth0
	kill_loader
	misses "$where" eth0
	detach "$where" eth0
	ids none

	start_loader "$where" -- eth0
	prog=$(prog_id "$where" eth0)
	deep=$(map_named jmp_deep)
	for command; do
		on_page "$command"
	done
	kill_loader
	hits "$where" eth0
	detach "$where" eth0
}

case_adapted_xdp() {
	adapted xdpdrv "bpftool prog bind id 8 id 2" \
		"bpftool net attach xdpdrv id 8 dev eth0 overwrite hold_maps"
}

case_adapted_tc() {
	adapted ingress "bpftool prog bind id 8 id 2" \
		"bpftool prog pin id 8 /sys/fs/bpf/entry" \
		"tc filter replace dev eth0 ingress prio 49152 handle 1 bpf da pinned /sys/fs/bpf/entry hold-maps" \
		"rm /sys/fs/bpf/entry"
}

# ---- the page ---------------------------------------------------------------

# The commands of the page, except those that install or start something
commands() {
	awk '/^`[^` ]*`:$/ { file = 1; next }
	     /^[^ ]/ { file = 0 }
	     !file && /^    (ip|tc|bpftool|rm) / { print substr($0, 5) }' "$page"
}

# @all host
case_no_other_command() {
	local command

	[ "$(commands | wc -l)" -ge 20 ] || fail "the page has no commands"
	commands | while IFS= read -r command; do
		grep -qF "\"$command\"" "$0" || fail "not tested: $command"
	done
}

# @all host
case_no_other_file() {
	local name

	sed -n "s/^\`\([^\` ]*\)\`:\$/\1/p" "$page" | while IFS= read -r name; do
		[ "$(shown "$name" | wc -l)" -ge 5 ] || fail "$name is short"
		case $name in
		/*) grep -qF "=$name" "$0" || fail "not tested: $name" ;;
		load.go | loader.c) ;;
		*)
			grep -qE "(loader|attach_filter) ${name%.*}( |$)" "$0" ||
				fail "not tested: $name"
			;;
		esac
	done
}

run_cases "$@"
