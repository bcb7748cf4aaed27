#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um
# @build build/tools/patched-nolibbpf/ip build/tools/patched-asan/ip build/tools/patched-asan/bpftool
# No line of a batch leaves a file descriptor open, and no memory is leaked or
# misused, on success and on failure. U2
. "$(dirname "$0")/../lib/testing.sh"

# More than the number of descriptors that a tool may open here. BATCH=5000
# takes half an hour and exceeds the usual limit.
BATCH=${BATCH:-200}

# batch TOOL LINE...: one process of TOOL runs LINE... repeatedly. After $BATCH
# lines it must have as many descriptors as after the first ones, and no line
# may fail, unless refused is set. Extra lines report the progress.
batch() {
	local tool=$1 rounds pipe lines batch first
	shift

	rounds=$((BATCH / $#))
	pipe=$(mktemp -u)
	mkfifo "$pipe"
	defer rm -f "$pipe"
	(ulimit -n 64 && exec "$tool" -force -batch "$pipe") &
	batch=$!
	defer eval "kill $batch 2>/dev/null || :"
	exec {lines}>"$pipe"
	printf '%s\n' "$@" "$(mark "$tool" 101)" >&"$lines"
	until_true "the first lines are done" is_at "$tool" 101
	first=$(descriptors "$batch")
	while [ $((rounds -= 1)) -gt 0 ]; do
		printf '%s\n' "$@"
	done >&"$lines"
	mark "$tool" 102 >&"$lines"
	DEADLINE=900 until_true "all lines are done" is_at "$tool" 102
	expect "descriptors after $BATCH lines" "$first" \
		"$(descriptors "$batch")"
	exec {lines}>&-
	if [ "${refused:-}" ]; then
		! wait "$batch" || fail "no line failed"
	else
		wait "$batch"
	fi
}

descriptors() { find "/proc/$1/fd" -mindepth 1 | wc -l; }

mark() {
	case $1 in
	*ip) echo "link set dev peer0 mtu $((1000 + $2))" ;;
	*tc) echo "qdisc replace dev peer0 root pfifo limit $2" ;;
	esac
}

is_at() {
	case $1 in
	*ip) [ "$(cat /sys/class/net/peer0/mtu)" = $((1000 + $2)) ] ;;
	*tc) tc qdisc show dev peer0 | grep -q "limit ${2}p" ;;
	esac
}

# batches TOOLS OBJECT: of ip and tc, with hold-maps
batch_ip() {
	add_pair eth0
	batch "$top/build/tools/$1/ip" \
		"link set dev eth0 xdp obj $objs/$2.bpf.o hold-maps" \
		"link set dev eth0 xdp off" "${@:3}"
}

batch_tc() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	batch "$top/build/tools/$1/tc" "filter replace dev eth0 ingress prio 1 \
handle 1 bpf da obj $objs/$2.bpf.o hold-maps" "${@:3}"
	tc filter del dev eth0 ingress
}

case_batch_ip() { batch_ip patched xdp; }
case_batch_ip_legacy() { batch_ip patched legacy; }
case_batch_ip_built_in() { batch_ip patched-nolibbpf legacy; }
case_batch_tc() { batch_tc patched legacy.tc; }
case_batch_tc_built_in() { batch_tc patched-nolibbpf legacy.tc; }
case_batch_tc_values() { batch_tc patched tc; }

# Lines that fail before and after a load
case_batch_ip_refused() {
	local refused=yes

	batch_ip patched xdp \
		"link add v0 xdp obj $objs/xdp.bpf.o hold-maps type dummy" \
		"link add v0 netns 1 xdp obj $objs/xdp.bpf.o hold-maps type dummy"
}

case_batch_tc_refused() {
	local refused=yes

	batch_tc patched tc "filter add dev eth0 ingress prio 1 handle 1 \
bpf da hold-maps obj $objs/tc.bpf.o" "filter replace dev eth0 ingress prio 2 \
handle 1 bpf skip_sw obj $objs/tc.bpf.o hold-maps"
}

# clean works|fails COMMAND...: COMMAND must work or fail, without a finding of
# AddressSanitizer. Leaks are findings.
clean() {
	local wanted=$1 status=0 seen=works out=/tmp/asan
	shift

	PATH=$top/build/tools/patched-asan:$PATH \
		ASAN_OPTIONS=detect_leaks=1:exitcode=99 "$@" >$out 2>&1 ||
		status=$?
	cat $out
	if [ $status = 99 ] || grep Sanitizer $out; then
		fail "'$*' has findings"
	fi
	[ $status = 0 ] || seen=fails
	expect "'$*'" "$wanted" "$seen"
}

xdp() { clean "$1" ip -force link set dev eth0 "${@:2}"; }

filter() {
	clean "$1" tc filter replace dev eth0 ingress prio 1 handle 1 bpf \
		"${@:2}"
}

# The control: it finds a leak.
case_asan_finds_leaks() {
	cat >/tmp/leak.c <<-'END'
		#include <stdlib.h>
		void *volatile lost;
		int main(void) { lost = malloc(5); lost = NULL; }
	END
	gcc -fsanitize=address -o /tmp/leak /tmp/leak.c
	! (clean works /tmp/leak) || fail "the leak was not found"
}

case_asan_ip() {
	local object

	add_pair eth0
	for object in plain xdp legacy; do
		xdp works xdp obj "$objs/$object.bpf.o"
		xdp works xdp obj "$objs/$object.bpf.o" hold-maps
		clean works ip -d link show dev eth0
		clean works ip -j -d link show dev eth0
	done
	xdp works xdp obj "$objs/chain.bpf.o" program entry hold-maps
	xdp works xdp off
	clean fails ip link add eth1 xdpdrv obj "$objs/xdp.bpf.o" hold-maps type dummy
	clean fails ip link add eth1 netns 1 xdp obj "$objs/xdp.bpf.o" hold-maps type dummy
}

case_asan_ip_failures() {
	add_pair eth0
	xdp fails xdp obj "$objs/xdp.bpf.o" hold-maps hold-maps
	xdp fails xdp obj "$objs/xdp.bpf.o" section no hold-maps
	xdp fails xdp obj "$objs/xdp.bpf.o" program no hold-maps
	xdp fails xdp obj "$objs/absent.o" hold-maps
	xdp fails xdp obj "$objs/send" hold-maps
	xdp fails xdp obj "$objs/both.bpf.o" hold-maps
	xdp fails xdp obj "$objs/legacy.bpf.o" section no hold-maps
	xdp fails xdp obj "$objs/legacy.bpf.o" program entry hold-maps
	xdp fails xdp obj "$objs/several.bpf.o" program uses_broken \
		hold-maps
	xdp fails xdpoffload obj "$objs/xdp.bpf.o" hold-maps
	clean fails ip link set dev eth9 xdp obj "$objs/xdp.bpf.o" hold-maps
}

case_asan_tc() {
	local object

	add_pair eth0
	tc qdisc add dev eth0 clsact
	for object in tc plain.tc legacy.tc; do
		filter works da obj "$objs/$object.bpf.o" hold-maps
		clean works tc filter show dev eth0 ingress
		clean works tc -j filter show dev eth0 ingress
	done
	clean works tc -echo filter replace dev eth0 ingress prio 1 handle 1 bpf \
		da obj "$objs/tc.bpf.o" hold-maps
	clean fails tc -echo filter add dev eth0 ingress prio 1 handle 1 bpf \
		da obj "$objs/tc.bpf.o" hold-maps
	filter fails da obj "$objs/tc.bpf.o" hold-maps skip_sw
	filter fails da obj "$objs/tc.bpf.o" hold-maps hold-maps
	filter fails da obj "$objs/both.tc.bpf.o" hold-maps
	filter fails bytecode '1,6 0 0 4294967295' hold-maps
	clean works tc filter del dev eth0 ingress
}

case_asan_pinned() {
	add_pair eth0
	defer rm -rf "$pins/p" "$pins/m"
	bpftool prog loadall "$objs/table.bpf.o" "$pins/p" pinmaps "$pins/m" \
		type xdp
	clean works ip link set dev eth0 xdp pinned "$pins/p/jump" hold-maps
	clean works ip link set dev eth0 xdp off
	clean fails ip link set dev eth0 xdp pinned "$pins/p/no" hold-maps
	clean works bpftool net attach xdpdrv pinned "$pins/p/jump" dev eth0 \
		hold_maps
	clean works bpftool net show
	clean works bpftool -j net show
	clean fails bpftool net attach xdpdrv pinned "$pins/p/jump" dev eth0 \
		hold_maps
	clean works bpftool net detach xdpdrv dev eth0
	clean works bpftool prog bind pinned "$pins/p/jump" \
		pinned "$pins/m/jmp_table"
	clean fails bpftool prog bind pinned "$pins/p/jump" id 99999
	clean fails bpftool prog bind pinned "$pins/p/jump" \
		pinned "$pins/m/jmp_table" more
	rm -r "$pins/p" "$pins/m"
}

run_cases "$@"
