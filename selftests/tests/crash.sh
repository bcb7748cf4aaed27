#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um
# The loader is killed at each of its system calls in turn: either nothing is
# attached and nothing is left, or the attachment works. S3, S5, U2
#
# CRASH=1 tests/crash.sh: at each system call instead of every 9th;
# tests/crash.sh case_tc: only this case
. "$(dirname "$0")/../lib/testing.sh"

every=${CRASH:-9}

attach_command() {
	case $1 in
	xdp*) command=(ip link set dev eth0 "$1" obj "${object_for[$1]}") ;;
	*)
		command=(tc filter add dev eth0 "$1" prio 1 handle 1 bpf da
			obj "${object_for[$1]}")
		;;
	esac
}

# kill_at NAME:when=N COMMAND...: kill COMMAND when it enters the Nth system
# call of this name; fails if it makes fewer
kill_at() {
	local status=0

	strace -qq -o /dev/null -e inject="$1:signal=KILL" "${@:2}" || status=$?
	[ "$status" = $((128 + 9)) ]
}

# Choose the calls at which to kill it, including the last one
choose() {
	strace -qq -o /tmp/calls -e raw=all -e signal=none "$@"
	calls=$(wc -l </tmp/calls)
	mapfile -t chosen < <(awk -F '(' -v every="$every" '
		{ call = $1 ":when=" ++count[$1] }
		NR % every == 2 % every { print call }
		END { if (NR % every != 2 % every) print call }' /tmp/calls)
}

held() { [[ $(show "$1" eth0) == *hold-maps* ]]; }

# one WHERE CALL: kill it at that call
one() {
	local where=$1 call=$2

	kill_at "$call" "${command[@]}" || alive=$((alive + 1))
	if held "$where"; then
		with=$((with + 1))
		settle
		tail_calls_hit "$where" eth0
		detach "$where" eth0
	else
		without=$((without + 1))
	fi
	ids none || fail "objects are left after $call"
}

each() {
	local where=$1 command calls chosen call with=0 without=0 alive=0
	shift

	add_pair eth0
	tc qdisc add dev eth0 clsact
	attach_command "$where"
	command+=(hold-maps)
	[ $# = 0 ] || command=("$@")
	set +x
	choose "${command[@]}"
	detach "$where" eth0
	ids none

	for call in "${chosen[@]}"; do
		one "$where" "$call"
		progress "$where: $call of $calls calls"
	done
	judge "$where"
}

# some calls are before and some after the attach, and their number is the same
judge() {
	figure "$1: $calls calls, killed at ${#chosen[@]}:" \
		"$without times before the attach, $with times after it"
	[ "$with" -ge 1 ] && [ "$without" -ge 8 ] && [ "$alive" -le 2 ]
}

case_ip_native() { each xdpdrv; }
case_ip_generic() { each xdpgeneric; }
case_tc() { each ingress; }
case_libbpf_xdp() { each xdpdrv attach -h -b xdpdrv "${object_for[xdp]}" eth0; }
case_libbpf_tc() { each ingress attach -h -b ingress "${object_for[ingress]}" eth0; }

# A link that its creator did not get to pin ends with it. Another process has
# loaded the program and exits later.
one_link() {
	local call=$1

	start_loader xdpdrv -b -p "$pins/entry" --
	kill_at "$call" "${command[@]}" || alive=$((alive + 1))
	kill_loader
	rm "$pins/entry"
	if [ -e "$pins/link" ]; then
		with=$((with + 1))
		settle
		tail_calls_hit xdpdrv eth0
		rm "$pins/link"
	else
		without=$((without + 1))
	fi
	ids none || fail "objects are left after $call"
}

case_link() {
	local command calls chosen call with=0 without=0 alive=0
	local every=$(((every + 2) / 3)) # it makes fewer calls

	add_pair eth0
	command=(agent link create "$pins/entry" hold eth0 "$pins/link")
	defer rm -f "$pins/entry" "$pins/link"
	set +x
	start_loader xdpdrv -b -p "$pins/entry" --
	choose "${command[@]}"
	kill_loader
	rm "$pins/entry" "$pins/link"
	ids none

	for call in "${chosen[@]}"; do
		one_link "$call"
		progress "link: $call of $calls calls"
	done
	judge link
}

# The control: killed at the end, without the flag
without_flag() {
	local where=$1 command calls chosen

	add_pair eth0
	tc qdisc add dev eth0 clsact
	attach_command "$where"
	set +x
	choose "${command[@]}"
	detach "$where" eth0
	kill_at "${chosen[-1]}" "${command[@]}"
	until_true "the array is cleared" cleared "$(prog_id "$where" eth0)"
	tail_calls_miss "$where" eth0
	detach "$where" eth0
}

case_ip_without_flag() { without_flag xdpdrv; }
case_tc_without_flag() { without_flag ingress; }

case_link_without_flag() {
	local command calls chosen

	add_pair eth0
	command=(agent link create "$pins/entry" none eth0 "$pins/link")
	defer rm -f "$pins/entry" "$pins/link"
	set +x
	start_loader xdpdrv -b -p "$pins/entry" --
	choose "${command[@]}"
	rm "$pins/link"
	until_true "the link is gone" nothing_on eth0
	kill_at "${chosen[-1]}" "${command[@]}"
	kill_loader
	rm "$pins/entry"
	until_true "the array is cleared" cleared "$(prog_id xdpdrv eth0)"
	tail_calls_miss xdpdrv eth0
	rm "$pins/link"
}

run_cases "$@"
