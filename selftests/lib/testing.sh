# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced by each test, in the guest (KERNEL=host: on the host, with what is
# left of this there). A test is a file with functions named
# case_*; run_cases, its last line, runs them in the order of the file and
# reports in KTAP.
#
#            peer0  <-- veth -->  eth0
#   sends frames to eth0          where programs are attached
#
# A case runs with errexit in a subshell, starts without any BPF object, and
# has to leave none: "ids none" and a look at the kernel's log are part of its
# verdict. What it acquires it gives back with "defer" on the next line.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
ksft=$top/build/src/linux/tools/testing/selftests
objs=$top/build/selftests
# shellcheck disable=SC2034 # for the tests
pins=/sys/fs/bpf
if [[ ${KERNEL:-host} != @(host|um*) ]]; then
	# In the guest's memory: each file that is opened in the host's is a
	# question to the host, and a loader opens many.
	near=/run/near
	[ -d $near ] || {
		rm -rf $near.new
		mkdir $near.new &&
			cp -a "$top/build/tools/$TOOLS" $near.new/tools &&
			cp -a "$objs" $near.new/objs && mv $near.new $near
	} || exit 1
	objs=$near/objs
	PATH=$near/tools:$PATH
fi
PATH=$objs:$PATH
DEADLINE=10 # seconds, for whatever is waited for
[[ ${KERNEL:-} != @(*debug|kcsan) ]] || DEADLINE=60

# shellcheck disable=SC1091
. "$ksft/kselftest/ktap_helpers.sh"
# shellcheck disable=SC1091
. "$ksft/net/lib.sh"

fail()
{
	echo "FAIL: $*"
	exit 1
}

# progress TEXT...: how far a case is that takes long, once a minute, on the
# screen and not in its log
progress()
{
	: "${told:=$SECONDS}"
	[ $((SECONDS - told)) -ge 60 ] || return 0
	told=$SECONDS
	echo "# ... $*" >&"$screen"
}

# expect WHAT WANTED SEEN
expect()
{
	[ "$2" = "$3" ] || fail "$1: expected '$2', saw '$3'"
}

# expect_text TEXT COMMAND...: COMMAND fails and prints TEXT
expect_text()
{
	local text=$1 out; shift

	! out=$("$@" 2>&1) || fail "'$*' was expected to fail: $out"
	[[ $out == *"$text"* ]] || fail "'$*' said '$out', expected '$text'"
}

# absent TEXT COMMAND...: COMMAND succeeds and does not print TEXT
absent()
{
	local text=$1 out; shift

	out=$("$@") || fail "'$*' failed"
	[[ $out != *"$text"* ]] || fail "'$*' said '$out', with '$text'"
}

# until_true WHAT COMMAND...: COMMAND succeeds before the deadline
until_true()
{
	local what=$1 end=$((SECONDS + DEADLINE)); shift

	until "$@" >/dev/null; do
		[ $SECONDS -le $end ] || fail "$what: not within $DEADLINE s"
	done
}

# figure TEXT...: to be shown with the case although it passes
figure() { echo "# $*"; }

# ---- devices ----------------------------------------------------------------

# add_pair ethN: with peerN at the other end
add_pair()
{
	local dev=$1 peer=${1/eth/peer}

	ip link add "$dev" type veth peer name "$peer"
	defer eval "ip link del $dev 2>/dev/null || :"
	ip link set "$dev" up
	ip link set "$peer" up
}

# bond7, with the slaves eth0 and eth1
add_bond()
{
	local slave

	ip link add bond7 type bond mode active-backup
	defer eval "ip link del bond7 2>/dev/null || :"
	add_pair eth0
	add_pair eth1
	for slave in eth0 eth1; do
		ip link set "$slave" down
		ip link set "$slave" master bond7
	done
	ip link set bond7 up
}

# Where frames have to leave so that a program attached at WHERE of DEV sees
# them
sender()
{
	local where=$1 dev=$2

	case $where in
	egress) echo "$dev" ;;
	*) echo "${dev/eth/peer}" ;;
	esac
}

# ---- programs ---------------------------------------------------------------

object()
{
	case $1 in
	xdp*) echo "$objs/xdp.bpf.o" ;;
	*) echo "$objs/tc.bpf.o" ;;
	esac
}

# attach_tool WHERE DEV [hold-maps]: as a user of ip and tc does it
attach_tool()
{
	local where=$1 dev=$2; shift 2

	case $where in
	xdp*)
		ip link set dev "$dev" "$where" obj "$(object "$where")" "$@"
		;;
	*)
		tc qdisc show dev "$dev" | grep -q clsact ||
			tc qdisc add dev "$dev" clsact
		tc filter replace dev "$dev" "$where" prio 1 handle 1 bpf da \
			obj "$(object "$where")" "$@"
		;;
	esac
}

# attach_lib WHERE DEV [hold-maps]: through libbpf, in a loader that is killed
attach_lib()
{
	start_loader "$1" "${3:+-h}" -b -- "$2"
	kill_loader
}

# start_loader WHERE OPTION... -- DEV...: a loader that stays
start_loader()
{
	local where=$1 options=() fd; shift

	while [ "$1" != -- ]; do
		[ -z "$1" ] || options+=("$1")
		shift
	done
	shift
	coproc LOADER { exec attach -s "${options[@]}" "$where" \
				"$(object "$where")" "$@"; }
	# shellcheck disable=SC2153
	loader=$LOADER_PID fd=${LOADER[0]}
	defer eval "kill -KILL $loader 2>/dev/null || :"
	read -r -t "$DEADLINE" -u "$fd" answer || answer='nothing'
	expect "the loader's answer" attached "$answer"
}

kill_loader()
{
	kill -KILL "$loader"
	wait "$loader" || :
}

# start_stall PIN: a reader of the program's map ids that never gets them
start_stall()
{
	local fd

	coproc STALL { exec stall "$1"; }
	# shellcheck disable=SC2153
	stalled=$STALL_PID fd=${STALL[0]}
	defer eval "kill -KILL $stalled 2>/dev/null || :"
	read -r -t "$DEADLINE" -u "$fd" answer || answer='nothing'
	expect "the reader's answer" stalled "$answer"
}

detach()
{
	local where=$1 dev=$2

	case $where in
	xdp*) ip link set dev "$dev" "$where" off ;;
	*) tc filter del dev "$dev" "$where" ;;
	esac
}

show()
{
	local where=$1 dev=$2

	case $where in
	xdp*) ip -d link show dev "$dev" ;;
	*) tc filter show dev "$dev" "$where" ;;
	esac
}

prog_id()
{
	local out line='[^'$'\n'']*'

	out=$(show "$@")
	[[ ! $out =~ (prog/xdp|\ bpf\ $line)\ id\ ([0-9]+) ]] ||
		echo "${BASH_REMATCH[2]}"
}

# ---- what is loaded ---------------------------------------------------------

# The newest map or entry program of that name
map_named() { ids | sed -n "s/^map \([0-9]*\) .* $1\$/\1/p" | tail -1; }
entry_id() { ids | sed -n 's/^prog \([0-9]*\) .* entry$/\1/p' | tail -1; }

# no_prog ID: it is freed
no_prog()
{
	local all

	all=$(ids) || return
	[[ $'\n'$all != *$'\n'"prog $1 "* ]]
}

# no_slots MAP: it has no program
no_slots()
{
	local all

	all=$(bpftool map dump id "$1") || return
	[[ $'\n'$all != *$'\n'key* ]]
}

# nothing_on DEV: the end of an XDP link is a work, also when its pin was the
# last of it
nothing_on()
{
	local out

	out=$(ip link show dev "$1") || return
	[[ $out != *prog/xdp* ]]
}

# stays_full PROG SLOTS: what it uses keeps as many
stays_full()
{
	settle
	expect "slots of program $1" "$2" "$(ids filled "$1")"
}

# ---- packets ----------------------------------------------------------------

# counters PROG_ID: entered, missed, hit, deep_missed, deep_hit
counters()
{
	# shellcheck disable=SC2046
	local $(ids counts "$1") || return

	# shellcheck disable=SC2154
	echo "$entered $missed $hit $deep_missed $deep_hit"
}

seen_by()
{
	local seen

	seen=$(counters "$1")
	[ "${seen%% *}" -ge "$2" ]
}

# traffic WHERE DEV [COUNT]: what COUNT frames added to the counters
traffic()
{
	local where=$1 dev=$2 count=${3:-10} prog before after i out=''

	prog=$(prog_id "$where" "$dev")
	# shellcheck disable=SC2207
	before=($(counters "$prog"))
	send "$(sender "$where" "$dev")" "$count"
	until_true "$count frames at $where" \
		seen_by "$prog" $((before[0] + count))
	# shellcheck disable=SC2207
	after=($(counters "$prog"))
	for i in 0 1 2 3 4; do
		out+="$((after[i] - before[i])) "
	done
	echo "${out% }"
}

tail_calls_hit()
{
	expect "$1 on $2: entered, missed, hit, deep missed, deep hit" \
		"10 0 10 0 10" "$(traffic "$1" "$2")"
}

tail_calls_miss()
{
	expect "$1 on $2: entered, missed, hit, deep missed, deep hit" \
		"10 10 0 0 0" "$(traffic "$1" "$2")"
}

# What PROG_ID answers to a frame; for the objects of progs/arrays.h
verdict()
{
	head -c 64 /dev/zero >/tmp/frame
	bpftool prog run id "$1" data_in /tmp/frame |
		sed -n 's/^Return value: \([0-9]*\),.*/\1/p'
}

emptied() { [ "$(ids filled "$1")" = 0 ]; }

# The kernel empties arrays in a worker, of the CPU that put the last uref.
# Before "nothing was emptied" is believed, see one emptied on each CPU whose
# loader exited later.
settle() { clear settle; }

# ---- running ----------------------------------------------------------------

complaints='WARNING|BUG|Oops|INFO: |possible |memory leaks|refcount|general protection'

# Whatever the kernel said of itself since the case began
kernel_complaints()
{
	dmesg | awk -v mark="=== $1" -v complaints="$complaints" '
		substr($0, length($0) - length(mark) + 1) == mark { seen = 1; next }
		seen && !bad && $0 ~ complaints { bad = NR }
		bad && NR <= bad + 30
		END {
			if (!seen)
				print "the log has lost its mark"
			exit seen && !bad
		}'
}

# What kmemleak finds of all that is older than 5 seconds, which is the age that
# it wants: an object counts as leaked when two scans do not see it.
kmemleak_finds()
{
	local leaks=/sys/kernel/debug/kmemleak

	echo scan >$leaks
	sleep 6
	echo scan >$leaks
	echo scan >$leaks
	head -c 8000 $leaks
}

# Not to be called in a condition, which would switch errexit off in the case.
run_case()
{
	local mark="$1 $RANDOM$RANDOM" status

	[ "$KERNEL" = host ] || echo "=== $mark" >/dev/kmsg
	(
		set -euo pipefail
		shopt -s inherit_errexit
		trap 'set +ex; defer_scopes_cleanup' EXIT
		set -x
		"$1"
	)
	status=$?
	[ "$KERNEL" != host ] || return "$status"
	[ "${left_over:-}" = allowed ] || ids none "$DEADLINE" || status=1
	! kernel_complaints "$mark" || status=1
	return "$status"
}

# run_cases [CASE...]: those, or all of the file. Each is named with the rules
# that the file's header cites.
run_cases()
{
	local name rules log status

	log=$(mktemp)
	rules=$(sed -n '2,/^[^#]/s/^# //p' "$0" |
		grep -oE '\b[SU][0-9]+(-[SU][0-9]+)?\b' | xargs)
	name=$(basename "$0" .sh)${rules:+ $rules}
	exec {screen}>&1
	ktap_print_header
	# shellcheck disable=SC2046
	[ $# -gt 0 ] ||
		set -- $(sed -n 's/^\(case_[a-z0-9_]*\)().*/\1/p' "$0")
	ktap_set_plan $#
	for case; do
		run_case "$case" >"$log" 2>&1
		status=$?
		if [ "$status" = 0 ]; then
			# figures
			grep '^# ' "$log"
			ktap_test_pass "$name: ${case#case_}"
		else
			# the trace, but for what functions do inside $( )
			grep -v '^++' "$log" | sed 's/^/# /' | tail -n 60
			ktap_test_fail "$name: ${case#case_}"
		fi
	done
	rm -f "$log"
	ktap_finished
}
