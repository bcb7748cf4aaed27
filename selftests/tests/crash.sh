#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The loader dies at a system call, at each of them in turn: either nothing is
# attached and nothing is left, or all of it works. S3, S5, U2
#
# CRASH=1 tests/crash.sh: at all of them, and not only at those that load and
# attach and every 11th of the others; CRASH=25: at every 25th. Figures are left
# in /tmp/figures.
. "$(dirname "$0")/../lib/testing.sh"

# sendmsg, recvmsg, bpf
important=' 46 47 321 '
[ -z "${CRASH:-}" ] || important=
every=${CRASH:-11}

attach_command()
{
	case $1 in
	xdp*) command=(ip link set dev eth0 "$1" obj "$(object "$1")") ;;
	*)
		command=(tc filter add dev eth0 "$1" prio 1 handle 1 bpf da
			obj "$(object "$1")")
		;;
	esac
}

# The numbers of the calls at which to die
choose()
{
	local numbers i n=0

	numbers=$(crash list "$@")
	mapfile -t numbers <<<"$numbers"
	calls=${#numbers[@]}
	chosen=()
	for ((i = 0; i < calls; i++)); do
		# and the last one, where all is done
		if [[ $important == *" ${numbers[i]} "* ]] ||
		   [ $((n++ % every)) = 0 ] || [ $((i + 1)) = "$calls" ]; then
			chosen+=($((i + 1)))
		fi
	done
}

# Quicker than ip and tc, and all that a hold shows
held()
{
	case $1 in
	xdp*) [[ $(dump links 16384) == *' 20'$'\n'* ]] ;;
	*) [[ $(dump filters eth0 16384) == *' 3'$'\n'* ]] ;;
	esac
}

# one WHERE CALL: dies at that call
one()
{
	local where=$1 call=$2

	crash "$call" "${command[@]}" || alive=$((alive + 1))
	if held "$where"; then
		with=$((with + 1))
		settle
		tail_calls_hit "$where" eth0
		detach "$where" eth0
	else
		without=$((without + 1))
	fi
	ids none "$DEADLINE" || fail "left over after call $call"
}

each()
{
	local where=$1 command calls chosen call with=0 without=0 alive=0

	add_pair eth0
	tc qdisc add dev eth0 clsact
	attach_command "$where"
	command+=(hold-maps)
	set +x
	choose "${command[@]}"
	detach "$where" eth0
	ids none "$DEADLINE"

	for call in "${chosen[@]}"; do
		one "$where" "$call"
	done
	echo "# $where: $calls calls, dead at ${#chosen[@]}: $without times nothing was attached, $with times all of it" >>/tmp/figures
	# before and after the attach, and no more calls than there were
	[ "$with" -ge 1 ] && [ "$without" -ge 8 ] && [ "$alive" -le 2 ]
}

case_ip_native() { each xdpdrv; }
case_ip_generic() { each xdpgeneric; }
case_tc() { each ingress; }

# The control: killed when all is done, but for the hold
without_flag()
{
	local where=$1 command calls chosen

	add_pair eth0
	tc qdisc add dev eth0 clsact
	attach_command "$where"
	set +x
	choose "${command[@]}"
	detach "$where" eth0
	crash "$calls" "${command[@]}"
	until_true "the array is emptied" emptied "$(prog_id "$where" eth0)"
	tail_calls_miss "$where" eth0
	detach "$where" eth0
}

case_ip_without_flag() { without_flag xdpdrv; }
case_tc_without_flag() { without_flag ingress; }

run_cases
