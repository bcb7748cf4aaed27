# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced by each test, in the guest (KERNEL=host: on the host, where only the
# helpers that need no guest work). A test is a file with functions named
# case_*; run_cases, its last line, runs them in the order of the file and
# reports in KTAP.
#
#            peer0  <-- veth -->  eth0
#   sends frames to eth0          where programs are attached
#
# A case runs in a subshell with errexit. It starts without any BPF object and
# must leave none: "ids none" and a check of the kernel log are part of its
# verdict. "defer" on the next line releases what the case acquires.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
ksft=$top/build/src/linux/tools/testing/selftests
objs=$top/build/selftests
# shellcheck disable=SC2034 # for the tests
pins=/sys/fs/bpf
if [[ ${KERNEL:-host} != @(host|um*) ]]; then
	# In the guest's memory: each open of a file on the host is a request to
	# the host, and a loader opens many files.
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
export DEADLINE=${DEADLINE:-10} # seconds, for each wait
[[ ${KERNEL:-} != @(*debug|kcsan) ]] || DEADLINE=60

# shellcheck disable=SC1091
. "$ksft/kselftest/ktap_helpers.sh"
fail() {
	echo "FAIL: $*"
	exit 1
}

# progress TEXT...: show the progress of a long case on the screen, once a
# minute, and not in its log
progress() {
	: "${told:=$SECONDS}"
	[ $((SECONDS - told)) -ge 60 ] || return 0
	told=$SECONDS
	echo "# ... $*" >&"$screen"
}

# expect WHAT WANTED SEEN
expect() {
	[ "$2" = "$3" ] || fail "$1: expected '$2', saw '$3'"
}

# expect_text TEXT COMMAND...: COMMAND must fail and print TEXT
expect_text() {
	local text=$1 out
	shift

	! out=$("$@" 2>&1) || fail "'$*' was expected to fail: $out"
	[[ $out == *"$text"* ]] || fail "'$*' said '$out', expected '$text'"
}

# absent TEXT COMMAND...: COMMAND must succeed and not print TEXT
absent() {
	local text=$1 out
	shift

	out=$("$@") || fail "'$*' failed"
	[[ $out != *"$text"* ]] || fail "'$*' said '$out', with '$text'"
}

# present PATTERN COMMAND...: COMMAND must succeed, and a line that it prints
# must contain PATTERN, where * is any text
present() {
	local nl=$'\n' out
	local pattern=${1//'*'/"*([!$nl])"}
	shift

	out=$("$@") || fail "'$*' failed"
	# shellcheck disable=SC2053 # a pattern
	[[ $nl$out$nl == *$pattern* ]] ||
		fail "'$*' said '$out', without '$pattern'"
}

# until_true WHAT COMMAND...: COMMAND must succeed before the deadline
until_true() {
	local what=$1 end=$((SECONDS + DEADLINE))
	shift

	until "$@" >/dev/null; do
		[ $SECONDS -le $end ] || fail "$what: not within $DEADLINE s"
		# sleep for 10 ms without a process: the agent sends nothing
		[ -z "${agent_pid:-}" ] || read -r -t 0.01 -u "$from_agent" || :
	done
}

# defer COMMAND...: run COMMAND at the end of the case, last one first. Its
# status does not affect the verdict.
deferred=()
defer() { deferred+=("${*@Q}"); }

defer_scopes_cleanup() {
	local i

	for ((i = ${#deferred[@]} - 1; i >= 0; i--)); do
		eval "${deferred[i]}"
	done
	deferred=()
}

# set_aside PATH: a generated file or directory, which is restored at the end of
# the case in place of what the case put there
set_aside() {
	local kept

	kept=$(mktemp -d "$top/build/kept.XXXXXX")
	defer rm -rf "$kept"
	if [ -e "$1" ]; then
		mv "$1" "$kept/it"
		defer mv "$kept/it" "$1"
	fi
	defer rm -rf "$1"
}

# figure TEXT...: show TEXT with the case even if it passes
figure() { echo "# $*"; }

# ---- the agent ---------------------------------------------------------------

# One agent process answers all short requests of a test, see bin/agent/agent.c.
# To start a process for each would take most of the time.
start_agent() {
	answers=/run/agent.$$
	coproc AGENT { exec agent serve $answers; }
	# shellcheck disable=SC2153
	agent_pid=$AGENT_PID
	# a coproc's own descriptors are not available in the subshell of a case
	exec {to_agent}>&"${AGENT[1]}" {from_agent}<&"${AGENT[0]}"
}

# The case fails. The next one has a new agent, started by its "ids none".
no_answer() {
	kill -KILL "$agent_pid" 2>/dev/null || :
	echo "FAIL: the agent $1"
	[ $BASHPID = $$ ] || exit 1
	wait "$agent_pid" 2>/dev/null || :
	start_agent
	return 1
}

# ask REQUEST...: sets answer. Prints it and fails if the request fails.
ask() {
	local -
	set +x
	local status='' tag=$RANDOM$RANDOM

	kill -0 "$agent_pid" 2>/dev/null || {
		no_answer "is dead: $*"
		return
	}
	echo "$tag $*" >&"$to_agent"
	while read -r -t $((DEADLINE + 10)) -u "$from_agent"; do
		IFS= read -r -d '' answer <"$answers" || :
		status=${answer##*"= $tag "}
		# or it is the end of an answer that was not read
		[ "$status" != "$answer" ] || continue
		answer=${answer%"= $tag $status"}
		answer=${answer%$'\n'}
		status=${status%$'\n'}
		[ "$status" = 0 ] || echo "$*: $answer" >&2
		return "$status"
	done
	no_answer "did not answer within $((DEADLINE + 10)) s, or died: $*"
}

# says WANTED REQUEST...: WANTED must be the answer
says() {
	ask "${@:2}"
	expect "the answer to ${*:2}" "$1" "$answer"
}

# says_error NAME REQUEST...: NAME must be the first word of the answer, which
# may be followed by an explanation
says_error() {
	ask "${@:2}"
	expect "the answer to ${*:2}" "$1" "${answer%% *}"
}

# ids ...: print the answer to the same request. "ids none" waits.
ids() {
	kill -0 "$agent_pid" 2>/dev/null || [ $BASHPID != $$ ] || start_agent
	ask ids "$@" || return
	[ -z "$answer" ] || echo "$answer"
}

# ---- devices ----------------------------------------------------------------

# add_pair ethN: add it with the peer peerN
add_pair() {
	local dev=$1 peer=${1/eth/peer}

	ask pair "$dev" "$peer"
	defer ask remove "$dev"
}

# add_netkit ethN: add it as a primary device, with the peer peerN
add_netkit() {
	local dev

	ip link add "$1" type netkit mode l2 peer name "${1/eth/peer}"
	defer ask remove "$1"
	for dev in "$1" "${1/eth/peer}"; do
		ip link set "$dev" up
	done
}

# Adds bond7 with the slaves eth0 and eth1
add_bond() {
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

# ---- programs ---------------------------------------------------------------

# The object that the helpers attach at WHERE
declare -A object_for=(
	[xdp]=$objs/xdp.bpf.o [xdpgeneric]=$objs/xdp.bpf.o
	[xdpdrv]=$objs/xdp.bpf.o [xdpoffload]=$objs/xdp.bpf.o
	[tc]=$objs/tc.bpf.o [ingress]=$objs/tc.bpf.o [egress]=$objs/tc.bpf.o
	[tcx_ingress]=$objs/tc.bpf.o
)

# attach_tool WHERE DEV [hold-maps]: attach by ip or tc
attach_tool() {
	local where=$1 dev=$2
	shift 2

	case $where in
	xdp*)
		ip link set dev "$dev" "$where" obj "${object_for[$where]}" "$@"
		;;
	*)
		# it may exist
		tc qdisc add dev "$dev" clsact 2>/dev/null || :
		tc filter replace dev "$dev" "$where" prio 1 handle 1 bpf da \
			obj "${object_for[$where]}" "$@"
		;;
	esac
}

# attach_lib WHERE DEV [hold-maps]: attach by libbpf, in a loader that is killed
attach_lib() {
	start_loader "$1" "${3:+-h}" -b -- "$2"
	kill_loader
}

# start_loader WHERE OPTION... -- DEV...: start a loader that keeps running
start_loader() {
	local where=$1 options=() fd
	shift

	while [ "$1" != -- ]; do
		[ -z "$1" ] || options+=("$1")
		shift
	done
	shift
	coproc LOADER { exec attach -s "${options[@]}" "$where" \
		"${object_for[$where]}" "$@"; }
	# shellcheck disable=SC2153
	loader=$LOADER_PID fd=${LOADER[0]}
	defer eval "kill -KILL $loader 2>/dev/null || :"
	read -r -t "$DEADLINE" -u "$fd" answer || answer='nothing'
	expect "the loader's answer" attached "$answer"
}

kill_loader() {
	kill -KILL "$loader"
	wait "$loader" || :
}

# start_stall PIN: start a reader of the program's map ids that blocks forever
start_stall() {
	local fd

	coproc STALL { exec stall "$1"; }
	# shellcheck disable=SC2153
	stalled=$STALL_PID fd=${STALL[0]}
	defer eval "kill -KILL $stalled 2>/dev/null || :"
	read -r -t "$DEADLINE" -u "$fd" answer || answer='nothing'
	expect "the reader's answer" stalled "$answer"
}

detach() {
	local where=$1 dev=$2

	case $where in
	xdp*) ip link set dev "$dev" "$where" off ;;
	tcx*) bpftool net detach "$where" dev "$dev" ;;
	*) tc filter del dev "$dev" "$where" ;;
	esac
}

show() {
	local where=$1 dev=$2

	case $where in
	xdp*) ip -d link show dev "$dev" ;;
	*) tc filter show dev "$dev" "$where" ;;
	esac
}

# prog_id WHERE DEV: print the id of the attached program, or nothing
prog_id() { ids on "$2" "$1"; }

# ---- what is loaded ---------------------------------------------------------

# Prints the id of the newest map or entry program with that name
map_named() { ids newest map "$1"; }
entry_id() { ids newest prog entry; }

# no_prog ID: the program is freed
no_prog() {
	ask ids || return
	[[ $'\n'$answer != *$'\n'"prog $1 "* ]]
}

# no_slots MAP: the array has no program
no_slots() { ask ids slots "$1" && [ "$answer" = 0 ]; }

# nothing_on DEV: no XDP program is attached. A work detaches an XDP link, even
# if its last reference was a pin.
nothing_on() { ask ids on "$1" xdp && [ -z "$answer" ]; }

# has_filled SLOTS PROG: the prog arrays that PROG uses have SLOTS entries
has_filled() {
	ask ids filled "$2"
	expect "filled slots of program $2" "$1" "$answer"
}

# filled_on SLOTS WHERE DEV: the same for the program attached there
filled_on() {
	ask ids on "$3" "$2"
	has_filled "$1" "$answer"
}

cleared() { ask ids filled "$1" && [ "$answer" = 0 ]; }

# stays_full PROG SLOTS: the arrays of PROG still have SLOTS entries
stays_full() {
	settle
	has_filled "$2" "$1"
}

# ---- packets ----------------------------------------------------------------

# counters PROG_ID: entered, missed, hit, deep_missed, deep_hit
counters() { ids counts "$1"; }

# traffic WHERE DEV [COUNT]: send COUNT frames to a program attached at WHERE.
# Sets answer to what they add to its counters.
traffic() {
	local from=$2

	[[ $1 == @(*egress|netkit) ]] || from=${2/eth/peer}
	ask ids on "$2" "$1"
	ask traffic "$answer" "$from" "${3:-10}"
}

# counts_are WHERE DEV COUNTERS: ten frames must add COUNTERS
counts_are() {
	traffic "$1" "$2"
	expect "$1 on $2: entered, missed, hit, deep missed, deep hit" \
		"$3" "$answer"
}

tail_calls_hit() { counts_are "$1" "$2" "10 0 10 0 10"; }
tail_calls_miss() { counts_are "$1" "$2" "10 10 0 0 0"; }

# Prints what PROG_ID returns for a frame; for the objects of progs/arrays.h
verdict() { ids verdict "$1"; }

# The kernel clears arrays in a worker of the CPU that dropped the last uref. To
# check that nothing was cleared, first wait until other arrays are cleared
# whose loaders exited later on each CPU.
settle() { ask settle; }

[ "${KERNEL:-host}" = host ] || start_agent

# ---- running ----------------------------------------------------------------

complaints='WARNING|BUG|Oops|INFO: |possible |memory leaks|refcount|general protection'

# The kernel log from the first process on. Before that, user-mode Linux queues
# an RCU callback on a CPU that is still starting, which lockdep reports, on the
# base kernel as well. last-look checks the races that KCSAN reports.
kernel_log() {
	dmesg | awk '
		/ as init process$/ { first = NR }
		{ line[NR] = $0 }
		END {
			for (i = first + 1; i <= NR; i++)
				if (line[i] !~ /BUG: KCSAN: /)
					print line[i]
		}'
}

# What the kernel complained about since the case began
kernel_complaints() {
	kernel_log | awk -v mark="=== $1" -v complaints="$complaints" '
		substr($0, length($0) - length(mark) + 1) == mark { seen = 1; next }
		seen && !bad && $0 ~ complaints { bad = NR }
		bad && NR <= bad + 30
		END {
			if (!seen)
				print "the log has lost its mark"
			exit seen && !bad
		}'
}

# What kmemleak finds. It only reports objects that are older than 5 seconds and
# that two scans did not find referenced.
kmemleak_finds() {
	local leaks=/sys/kernel/debug/kmemleak

	echo scan >$leaks
	sleep 6
	echo scan >$leaks
	echo scan >$leaks
	head -c 8000 $leaks
}

# Must not be called in a condition, which would disable errexit in the case.
run_case() {
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
	[ "${left_over:-}" = allowed ] || ids none || status=1
	! kernel_complaints "$mark" || status=1
	return "$status"
}

# run_cases [CASE...]: run these, or all cases of the file. Their names are
# reported with the rules in the file's first comment.
run_cases() {
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
			# the trace, without that of functions inside $( )
			grep -v '^++' "$log" | sed 's/^/# /' | tail -n 60
			ktap_test_fail "$name: ${case#case_}"
		fi
	done
	rm -f "$log"
	ktap_finished
}
