#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um
# Arguments in wrong orders, and broken object files: the tools exit, report the
# error, and leave nothing attached. U4
#
# BADTOOLS=1000 tests/badtools.sh: so many of each instead of 15; SEED=2: others
. "$(dirname "$0")/../lib/testing.sh"

n=${BADTOOLS:-15}
RANDOM=${SEED:-1}

setup() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -f "$pins/entry" "$pins/array"
	start_loader "$1" -b -p "$pins/entry" --
	bpftool map pin id \
		"$(map_named jmp)" "$pins/array"
	words=("${@:2}")
	good=0 bad=0
}

# The traces of a thousand runs are useless.
quietly() {
	local set=$-
	set +x
	"$@"
	[[ $set != *x* ]] || set -x
}

some_words() {
	local i count=$((RANDOM % 8))

	picked=()
	for ((i = 0; i < count; i++)); do
		picked+=("${words[RANDOM % ${#words[@]}]}")
	done
}

# run_tool COMMAND...: sets status. No tool may be killed by a signal, hang, or
# fail without a message.
run_tool() {
	status=0
	timeout 60 "$@" >/tmp/out 2>/tmp/err || status=$?
	# 124: it hung; more than 128: a signal. bpftool returns negative errno
	# values.
	if [ "$status" -ge 124 ] && [ "$status" -lt 160 ]; then
		fail "status $status: $(printf '%q ' "$@"): $(cat /tmp/err)"
	fi
	if [ "$status" = 0 ]; then
		good=$((good + 1))
		return
	fi
	bad=$((bad + 1))
	[ -s /tmp/err ] || [ -s /tmp/out ] ||
		fail "no message from: $(printf '%q ' "$@")"
}

attached() {
	# -a: the kernel accepts bytes as letters that are none in this locale
	ip -d link show dev eth0 | grep -a -E -A1 'prog/xdp' ||
		tc filter show dev eth0 ingress | grep -a -E ' bpf .*handle'
}

# holds WORD...: "yes" if WORD... has the keyword, not as another option's value
holds() {
	local word value=''

	for word; do
		case $value$word in
		hold[-_]maps)
			echo yes
			return
			;;
		obj | object | object-file | pinned | object-pinned | export | \
			sec | section | prog | program | dev | mtu | id | name | tag | \
			classid | flowid | index | bytecode) value='value ' ;;
		*) value='' ;;
		esac
	done
}

# judged COMMAND...: after an error nothing may be attached. An attachment has
# hold-maps if and only if the command has it. Sets seen.
judged() {
	local held

	run_tool "$@"
	seen=$(attached) || seen=''
	if [ "$status" != 0 ]; then
		[ -z "$seen" ] || fail "$(printf '%q ' "$@") failed and left: $seen"
		return 0
	fi
	[ "$seen" ] || return 0
	[[ $seen == *hold-maps* ]] && held=yes || held=''
	expect "hold-maps after $(printf '%q ' "$@")" "$(holds "$@")" "$held"
	ip link set dev eth0 xdp off
	ip link set dev eth0 xdpgeneric off
	tc filter del dev eth0 ingress
}

# control COMMAND...: it must work, and what it attaches is seen, or, for a
# detach, is no longer seen
control() {
	local seen='' wanted=yes held

	if [[ "$*" == *" detach "* ]]; then
		wanted=''
		bpftool net attach xdp pinned "$pins/entry" dev eth0 hold_maps
		attached | grep -q hold-maps ||
			fail "the control has nothing to detach"
	fi
	judged "$@"
	[ "$status" = 0 ] || fail "the control failed: $(cat /tmp/err)"
	[[ $seen == *hold-maps* ]] && held=yes || held=''
	if [ "$held" != "$wanted" ] || [ "${seen:+yes}" != "$wanted" ]; then
		fail "the control '$*' left '$seen'"
	fi
}

random_commands() {
	local i picked status seen

	for ((i = 0; i < n; i++)); do
		some_words
		judged "$@" "${picked[@]}"
	done
	echo "$good were right, $bad were wrong" >&2
	# not only good and not only bad ones
	[ "$bad" -gt 0 ] || fail "none was wrong"
	[ ${#right[@]} = 0 ] || control "$@" "${right[@]}"
}

finish() {
	rm -f "$pins/entry" "$pins/array"
	kill_loader
}

common=(obj "$objs/xdp.bpf.o" pinned "$pins/entry" "$pins/array" hold-maps
	hold-maps hold-map HOLD-MAPS hold_maps '' sec section xdp prog program
	entry target verbose off none /nothing "$objs" export dev eth0 eth9)

case_ip_arguments() {
	local words good bad right status how

	setup xdp "${common[@]}" object object-file object-pinned xdpgeneric \
		xdpdrv xdpoffload mtu 1500 up id 1
	for how in xdp xdpgeneric xdpdrv xdpoffload; do
		right=(pinned "$pins/entry" hold-maps)
		# an offload has no control without hardware
		[ $how != xdpoffload ] || right=()
		quietly random_commands ip link set dev eth0 $how
	done
	right=(xdp obj "$objs/xdp.bpf.o" hold-maps)
	quietly random_commands ip link set dev eth0
	finish
}

case_tc_arguments() {
	local words good bad right status

	setup ingress "${common[@]}" "$objs/tc.bpf.o" da direct-action skip_sw \
		skip_hw classid 1:1 action drop ok bytecode '1,6 0 0 0' \
		flowid police index
	right=(da obj "$objs/tc.bpf.o" hold-maps)
	quietly random_commands tc filter add dev eth0 ingress bpf
	right=(bpf da pinned "$pins/entry" hold-maps)
	quietly random_commands tc filter replace dev eth0 ingress prio 1
	finish
}

case_bpftool_arguments() {
	local words good bad right status id

	setup xdp xdp xdpgeneric xdpdrv xdpoffload tcx_ingress id pinned name \
		entry tag dev eth0 eth9 overwrite hold_maps hold_maps hold-maps \
		hold prepend '' 0 99999 "$pins/entry" "$pins/array"
	id=$(entry_id)
	right=(xdp id "$id" dev eth0 hold_maps)
	quietly random_commands bpftool net attach
	right=(dev eth0 hold_maps overwrite)
	quietly random_commands bpftool net attach xdpdrv pinned "$pins/entry"
	right=(dev eth0)
	quietly random_commands bpftool net detach xdp
	finish
}

# broken_files FILE COMMAND...: append the file to COMMAND
broken_files() {
	local file=$1 i status seen good=0 bad=0
	shift

	for ((i = 0; i < n; i++)); do
		mangle "$file" /tmp/broken.o $((i + 1000 * ${SEED:-1}))
		judged "$@" /tmp/broken.o hold-maps
	done
	echo "$good were loaded, $bad were not" >&2
	[ "$bad" -gt 0 ] || fail "all were loaded"
	control "$@" "$file" hold-maps
}

case_ip_broken_files() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	quietly broken_files "$objs/xdp.bpf.o" ip link set dev eth0 xdp obj
	quietly broken_files "$objs/self.bpf.o" ip link set dev eth0 xdp obj
}

case_tc_broken_files() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	quietly broken_files "$objs/tc.bpf.o" \
		tc filter add dev eth0 ingress bpf da obj
}

run_cases "$@"
