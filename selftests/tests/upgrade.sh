#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um patched
# Upgrades under traffic: new loaders, which exit at once, repeatedly replace a
# filter or an XDP program while frames arrive on all CPUs. With hold-maps no
# tail call misses. The methods in use today do miss. S3, S4, U1, U2
#
# UPGRADES=10000 tests/upgrade.sh: so many in each case (a control runs until a
# tail call misses); tests/upgrade.sh case_tc: only this case
. "$(dirname "$0")/../lib/testing.sh"

short=40
[ "$KERNEL" != debug ] || short=8 # upgrades take ten times as long
upgrades=${UPGRADES:-$short}

# The loaders of these objects share the counters of the first one. libbpf looks
# for them in one folder, ip and tc in another one.
shared_counters() {
	defer rm -f "$pins/counts" "$pins/tc/globals/counts" "$pins/jmp" \
		"$pins/jmp_deep"
}

start_flood() {
	local fd

	coproc FLOOD { exec flood peer0; }
	# shellcheck disable=SC2153
	flooder=$FLOOD_PID fd=${FLOOD[0]}
	defer eval "kill -KILL $flooder 2>/dev/null || :"
	read -r -t "$DEADLINE" -u "$fd" answer || answer='nothing'
	expect "the sender's answer" flooding "$answer"
	exec {flood_out}<&"$fd"
}

# Both CPUs must have sent, and more frames than there were upgrades
stop_flood() {
	local cpu sent

	kill -TERM "$flooder"
	for cpu in 0 1; do
		read -r -t "$DEADLINE" -u "$flood_out" sent
		[ "$sent" -gt "$upgrades" ] ||
			fail "CPU $cpu only sent $sent frames"
	done
	exec {flood_out}<&-
	wait "$flooder" || :
}

# read_counters WHERE: sets entered and missed
read_counters() {
	local deep_missed seen

	seen=$(counters "$(prog_id "$1" eth0)")
	read -r entered missed _ deep_missed _ <<<"$seen"
	missed=$((missed + deep_missed))
}

# upgrade WHERE LOADER...: run all upgrades. Sets entered and missed.
upgrade() {
	local where=$1 i start=$SECONDS
	shift

	add_pair eth0
	[[ $where == xdp* ]] || tc qdisc add dev eth0 clsact
	shared_counters
	"$@"
	start_flood
	set +x
	for ((i = 0; i < upgrades; i++)); do
		"$@"
		progress "$*: $i of $upgrades upgrades"
		enough "$where" || continue
		upgrades=$((i + 1))
	done
	set -x
	stop_flood
	read_counters "$where"
	figure "$*: $upgrades upgrades in $((SECONDS - start)) s," \
		"$entered frames, $missed missed tail calls"
	detach "$where" eth0
}

none_missed() {
	local entered missed

	enough() { false; }
	upgrade "$@"
	[ "$entered" -gt "$upgrades" ] || fail "$entered frames only"
	expect "missed tail calls of $entered" 0 "$missed"
}

# Chance decides whether a frame meets the cleared array of an upgrade.
some_missed() {
	local entered missed upgrades=1000

	enough() {
		read_counters "$1"
		[ "$missed" -gt 0 ]
	}
	upgrade "$@"
	[ "$missed" -gt 0 ] || fail "no tail call of $entered missed"
}

by_tc() {
	tc filter replace dev eth0 ingress prio 1 handle 1 bpf da \
		obj "$objs/upgrade_tc.bpf.o" "$@"
}

by_ip() { ip -force link set dev eth0 xdpdrv obj "$objs/upgrade_xdp.bpf.o" "$@"; }

by_lib() { attach "$@" xdpgeneric "$objs/upgrade_xdp.bpf.o" eth0; }

# As in cilium's issue 16561: the pins of the old arrays are removed, to make
# room for those of the new ones, while the old program still uses them.
by_pins() {
	rm -f "$pins/jmp" "$pins/jmp_deep"
	attach "$@" xdpdrv "$objs/upgrade_pinned.bpf.o" eth0
}

case_tc() { none_missed ingress by_tc hold-maps; }
case_tc_without_flag() { some_missed ingress by_tc; }
case_ip() { none_missed xdpdrv by_ip hold-maps; }
case_ip_without_flag() { some_missed xdpdrv by_ip; }
case_libbpf() { none_missed xdpgeneric by_lib -h -b; }
case_libbpf_without_flag() { some_missed xdpgeneric by_lib; }
case_pins_moved() { none_missed xdpdrv by_pins -h -b; }
case_pins_moved_without_flag() { some_missed xdpdrv by_pins; }

run_cases "$@"
