#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um-debug
# Held attachments, with packets through all of them on every CPU. They are
# replaced in turn by loaders that exit at once: no tail call misses, the number
# of BPF objects does not change, and the second half of the time uses no more
# memory than the first one plus SLACK. S3, S4, S5
#
# SOAK=3600 EVERY=30 tests/soak.sh: for 3600 seconds, with a replacement and a
# look at the memory every 30. All loads of the objects count in one map.
. "$(dirname "$0")/../lib/testing.sh"

short=30
[ "$KERNEL" != debug ] || short=120 # replacements take ten times as long
seconds=${SOAK:-$short} every=${EVERY:-2}
# KiB: allowed difference of the averages of both halves. In half a minute these
# are averages of five samples, and single ones of MemAvailable were seen to vary
# by 4900. kmemleak finds small leaks.
SLACK=${SLACK:-$((seconds < 600 ? 4096 : 1024))}
where=([0]=xdpdrv [1]=xdpgeneric [2]=ingress [3]=egress)

object_for=(
	[xdp]=$objs/upgrade_xdp.bpf.o
	[ingress]=$objs/upgrade_tc.bpf.o [egress]=$objs/upgrade_tc.bpf.o
)

# The link on eth4, which is only pinned; an update keeps its hold.
attach_link() {
	start_loader xdp -b -p "$pins/entry" --
	if [ -e "$pins/link" ]; then
		says ok link update "$pins/link" "$pins/entry"
	else
		says ok link create "$pins/entry" "$flags" eth4 "$pins/link"
	fi
	kill_loader
	rm "$pins/entry"
}

# program NUMBER: the id of the program that is attached to that device
program() {
	if [ "$1" = 4 ]; then
		prog_id xdp eth4
	else
		prog_id "${where[$1]}" "eth$1"
	fi
}

replace() {
	case $1 in
	0 | 1) ip -force link set dev "eth$1" "${where[$1]}" \
		obj "${object_for[xdp]}" ${hold:+"$hold"} ;;
	2 | 3) attach_tool "${where[$1]}" "eth$1" ${hold:+"$hold"} ;;
	4) attach_link ;;
	esac
}

# Kinds of memory that must not grow, in KiB
memory() {
	awk '/^(MemAvailable|Slab|SUnreclaim|Percpu):/ { printf "%s ", $2 }' \
		/proc/meminfo
}

objects() { ids | cut -d' ' -f1 | sort | uniq -c | tr -s ' \n' ' '; }
objects_are() { now=$(objects) && [ "$now" = "$1" ]; }

# Programs at the egress of eth3 see the frames that leave it.
frames() {
	local dev

	while :; do
		for dev in peer0 peer1 peer2 eth3 peer4; do
			agent send "$dev" 100
		done
		sleep 0.2
	done
}

# add_up: sets entered and missed. ip and tc look for the counters' map in one
# folder, and libbpf, which loads the link's program, in another one.
add_up() {
	local i c

	entered=0 missed=0
	for i in 0 4; do
		# shellcheck disable=SC2207
		c=($(counters "$(program "$i")"))
		entered=$((entered + c[0])) missed=$((missed + c[1] + c[3]))
	done
}

# soak SECONDS: sets entered and missed. A slow machine gets as many
# replacements as it needs for two halves that can be compared.
soak() {
	local seconds=$1 end i=0 n=0 first='' now old cpu

	for i in 0 1 2 3 4; do
		add_pair "eth$i"
	done
	tc qdisc add dev eth2 clsact
	tc qdisc add dev eth3 clsact
	defer rm -f "$pins/link" "$pins/entry" "$pins/counts" \
		"$pins/tc/globals/counts"
	for i in 0 1 2 3 4; do
		replace "$i"
	done
	for ((cpu = 0; cpu < $(nproc); cpu++)); do
		(
			trap - EXIT
			set +xe
			export -f frames
			exec taskset -c "$cpu" bash -c frames
		) &
		defer kill $!
	done

	set +x
	end=$((SECONDS + seconds)) i=0
	while [ $SECONDS -lt $end ] || [ $n -lt 12 ]; do
		n=$((n + 1))
		sleep "$every"
		: "${first:=$(objects)}"
		old=$(program "$i")
		replace "$i"
		add_up
		until_true "program $old is freed" no_prog "$old"
		until_true "the objects are $first" objects_are "$first"
		echo "SOAK $SECONDS $(memory)$entered $missed $now" | tee -a /tmp/soak >&2
		progress "$((seconds - end + SECONDS)) of $seconds s, $entered frames, $missed missed tail calls"
		i=$(((i + 1) % 5))
	done
	add_up
	figure "$seconds s, $entered frames, $missed missed tail calls, objects: $now"
	[ "$entered" -gt $((seconds * 10)) ] || fail "only $entered frames"
}

case_with_hold_maps() {
	local hold=hold-maps flags=hold entered=0 missed=0

	soak "$seconds"
	expect "missed tail calls" 0 "$missed"
	halves
}

# The control
case_without_hold_maps() {
	local hold='' flags=none entered=0 missed=0

	soak 20
	[ "$missed" -gt 0 ] || fail "no tail call missed"
}

# The averages of both halves, without the first samples, taken before caches
# are warm, and an odd last one
halves() {
	awk -v slack="$SLACK" '
	{ line[NR] = $0 }
	END {
		skip = int(NR / 5); half = int((NR - skip) / 2)
		for (i = skip + 1; i <= skip + 2 * half; i++) {
			split(line[i], f); h = i > skip + half
			for (k = 3; k <= 6; k++) sum[h, k] += f[k] / half
		}
		split("MemAvailable Slab SUnreclaim Percpu", name)
		for (k = 3; k <= 6; k++) {
			grown = sum[1, k] - sum[0, k]
			if (k == 3) grown = -grown
			printf "# %s: first half %d, second half %d KiB\n",
				name[k - 2], sum[0, k], sum[1, k]
			if (grown > slack) bad = 1
		}
		exit bad || half < 1
	}' /tmp/soak || fail "the memory in use grew"
}

: >/tmp/soak
run_cases "$@"
