#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all patched
# @long kcsan
# @needs jit
# Programs that are attached by freplace behind a dispatcher, as libxdp does it:
# their links hold, the loader is gone, and dispatchers replace each other. S2,
# S4, S5, S6, S8, S11, S12, S16, S17
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/refs.sh"

declare -A object=([xdp]=$objs/xdp.bpf.o [tcx_ingress]=$objs/tc.bpf.o)
declare -A dispatcher=([xdp]=$objs/dispatcher.bpf.o
	[tcx_ingress]=$objs/dispatcher.tc.bpf.o)

# attach_behind WHERE NAME OPTION... PROGRAM...: pinned in the folder NAME
attach_behind() {
	local where=$1 name=$2
	shift 2

	defer rm -rf "$pins/$name"
	dispatch "$1" "$where" "${dispatcher[$where]}" "$pins/$name" eth0 "${@:2}"
}

pinned_id() { bpftool -j prog show pinned "$1" | jq .id; }

# behind NAME FUNCTION COUNTERS: what ten frames add to that program
behind() {
	local id sums

	id=$(pinned_id "$pins/$1/$2")
	ask traffic "$id" peer0 10
	expect "$1/$2: entered, missed, hit, deep missed, deep hit" "$3" "$answer"
}

all_hit() { behind "$1" "$2" "10 0 10 0 10"; }
all_miss() { behind "$1" "$2" "10 10 0 0 0"; }

# hit_or_miss WHERE: the control first, without the flag
hit_or_miss() {
	local where=$1

	add_pair eth0
	attach_behind "$where" one -b "${object[$where]}" "${object[$where]}"
	until_true "without the flag the array is cleared" \
		cleared "$(pinned_id "$pins/one/first")"
	all_miss one first
	all_miss one second
	absent hold_maps bpftool link show
	rm -r "$pins/one"
	ask remove eth0
	ids none

	add_pair eth0
	attach_behind "$where" one -hb "${object[$where]}" "${object[$where]}"
	settle
	all_hit one first
	all_hit one second
	present hold_maps bpftool link show
	present $'\nlink_flags:\t0x80\n' withfd "$pins/one/first_link" \
		cat /proc/self/fdinfo/9
	rm -r "$pins/one"
	ask remove eth0
}

case_behind_xdp() { hit_or_miss xdp; }
case_behind_tcx() { hit_or_miss tcx_ingress; }

# The second of two programs is replaced, and then one joins: each time there is
# a new dispatcher, behind which the program that stays is attached as well, and
# traffic never stops. Each frame that a program counts has made its tail calls.
case_dispatchers_replace_each_other() {
	local id sums

	add_pair eth0
	attach_behind xdp one -hb "${object[xdp]}" "${object[xdp]}"
	id=$(pinned_id "$pins/one/first")
	settle
	flood peer0 &
	defer eval "kill $! 2>/dev/null || :"
	attach_behind xdp two -hb "$pins/one/first" "${object[xdp]}"
	rm -r "$pins/one"
	settle
	attach_behind xdp three -hb "${object[xdp]}" "$pins/two/first"
	rm -r "$pins/two"
	settle
	kill $!
	wait $! || :
	all_hit three first
	all_hit three second
	expect "the program that stayed" "$id" "$(pinned_id "$pins/three/second")"
	read -r -a sums <<<"$(counters "$id")"
	figure "${sums[0]} frames, ${sums[1]} missed, ${sums[3]} missed later"
	expect "missed tail calls" "0 0" "${sums[1]} ${sums[3]}"
	rm -r "$pins/three"
	ask remove eth0
}

# A program with two links to two targets, each of which is given back alone
case_detach_paths() {
	local way target replace

	defer rm -rf "$pins"/{target,target2,link}
	dispatch xdp "${dispatcher[xdp]}" "$pins/target" none
	dispatch xdp "${dispatcher[xdp]}" "$pins/target2" none
	add_pair eth0
	attach_behind xdp one -hb "${object[xdp]}"
	newest prog entry && entry=$answer
	newest map jmp && jmp=$answer
	ask refs prog "$entry" map "$jmp"
	[[ $answer == *"holds 1"*"urefs 1" ]] || fail "$answer"
	# a second link to another target
	replace=(hook replace second "$pins/target/dispatcher" "$pins/one/first")
	says ok "${replace[@]}" hold "$pins/link"
	target=$(pinned_id "$pins/target/dispatcher")
	says "$target flags hold prog $entry" hook info "$pins/link"
	ask refs prog "$entry" map "$jmp"
	[[ $answer == *"holds 2"*"urefs 2" ]] || fail "$answer"
	# it is taken: nothing is held for a link that is refused
	says EBUSY "${replace[@]}" hold "$pins/link2"
	ask refs prog "$entry" map "$jmp"
	[[ $answer == *"holds 2"*"urefs 2" ]] || fail "$answer"
	# the target's pin goes; the link keeps the target as before
	rm -r "$pins/target"
	says "$target flags hold prog $entry" hook info "$pins/link"
	for way in detach update; do
		case $way in
		detach) says EOPNOTSUPP link detach "$pins/link" ;;
		update) says EINVAL link update "$pins/link" "$pins/one/first" ;;
		esac
		ask refs prog "$entry" map "$jmp"
		[[ $answer == *"holds 2"*"urefs 2" ]] || fail "$way: $answer"
	done
	rm "$pins/link"
	until_true "the second link ends" refs_are "holds 1" "urefs 1"
	until_true "its target goes with it" no_prog "$target"
	# without the flag
	says ok hook replace second "$pins/target2/dispatcher" "$pins/one/first" none \
		"$pins/link"
	says "$(pinned_id "$pins/target2/dispatcher") flags none prog $entry" \
		hook info "$pins/link"
	refs_are "holds 1" "urefs 1"
	rm -r "$pins"/{link,target2}
	# the device goes, and the links do not: what they hold is theirs
	ask remove eth0
	stays_full "$entry" 2
	rm "$pins/one/first_link"
	until_true "the first link ends" refs_are "holds 0" "urefs 0"
	until_true "the array is cleared" cleared "$entry"
	rm -r "$pins/one"
}

refs_are() {
	ask refs prog "$entry" map "$jmp" && [[ $answer == *"$1"*"$2" ]]
}

# come_and_go TARGET PIN: a link that holds, ten times
come_and_go() {
	for _ in {1..10}; do
		[[ $(agent hook replace second "$1" "$pins/one/first" hold \
			"$2") == @(|ok*) ]]
		rm "$2"
	done
}

# Links of one program to four targets, while arrays are bound to it
case_links_at_once() {
	local i pid pids=()

	add_pair eth0
	attach_behind xdp one -hb "${object[xdp]}"
	newest prog entry && entry=$answer
	newest map jmp && jmp=$answer
	for i in 1 2 3 4; do
		defer rm -rf "$pins/target$i" "$pins/link$i"
		dispatch xdp "${dispatcher[xdp]}" "$pins/target$i" none
	done
	for i in 1 2 3 4; do
		come_and_go "$pins/target$i/dispatcher" "$pins/link$i" &
		pids+=($!)
	done
	defer rm -f "$pins/extra"
	for i in {1..8}; do
		bpftool map create "$pins/extra" type prog_array key 4 value 4 \
			entries 1 name extra
		bpftool prog bind pinned "$pins/one/first" pinned "$pins/extra"
		rm "$pins/extra"
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || fail "a link was refused"
	done
	until_true "one link is left" refs_are "holds 1" "urefs 1"
	stays_full "$entry" 2
	rm -r "$pins"/{one,target?}
	ask remove eth0
}

# Each allocation of a link fails once: nothing is held for a link that is
# refused. S6
# @long debug
# @needs jit faults
case_allocations_fail() {
	local fault result n debug=/sys/kernel/debug request

	echo N | tee $debug/fail{slab,_page_alloc}/ignore-gfp-wait \
		$debug/{failslab/cache-filter,fail_page_alloc/ignore-gfp-highmem}
	echo 0 | tee $debug/{failslab,fail_page_alloc}/verbose \
		$debug/fail_page_alloc/min-order
	defer rm -rf "$pins"/{target,link}
	dispatch xdp "${dispatcher[xdp]}" "$pins/target" none
	add_pair eth0
	attach_behind xdp one -hb "${object[xdp]}"
	newest prog entry && entry=$answer
	newest map jmp && jmp=$answer
	request=(hook replace second "$pins/target/dispatcher" "$pins/one/first"
		hold "$pins/link")
	for ((n = 1; n < 1000; n++)); do
		ask fail $n "${request[@]}"
		read -r fault result <<<"$answer"
		case $result in
		ok*)
			until_true "fault $n: $result" refs_are "holds 2" "urefs 2"
			rm "$pins/link"
			;;
		esac
		until_true "after fault $n: $result" refs_are "holds 1" "urefs 1"
		[ "$fault" = injected ] || break
	done
	expect "the request without a fault" "complete ok" "$fault ${result%% *}"
	figure "$((n - 1)) faults"
	[ $n -gt 5 ] || fail "only $((n - 1)) faults"
	rm -r "$pins"/{one,target}
	ask remove eth0
}

# An freplace program cannot sit in its own array, but one that its array has can
# use the array: the cycle that user references exist to break. It is held only by
# the link, whose pin is the last thing that is left.
case_cycle_ends_with_the_pin() {
	local map

	add_pair eth0
	attach_behind xdp one -hb "${object[xdp]}"
	newest prog entry && entry=$answer
	newest map jmp && map=$answer && jmp=$map
	newest prog target
	expect_text "program type is ext" bpftool map update id "$map" \
		key 1 0 0 0 value pinned "$pins/one/first"
	bpftool prog bind id "$answer" id "$map"
	rm "$pins/one/first"
	stays_full "$entry" 2
	ask remove eth0
	rm "$pins/one/first_link"
	ids none
}

# Its last run can come later than a grace period. The control is the same without
# the flag.
case_sleepable_target_is_refused() {
	local load=(syscall "$objs/sleepable.bpf.o")

	defer rm -rf "$pins"/{one,two}
	expect_text "Invalid argument" dispatch -h "${load[@]}" "$pins/one" none \
		"$objs/replaces.bpf.o"
	dispatch "${load[@]}" "$pins/two" none "$objs/replaces.bpf.o"
	rm -r "$pins"/{one,two}
}

# What cannot hold is refused: the others that are attached by a trampoline
case_tracing_is_refused() {
	defer rm -f "$pins"/{link,fentry}
	bpftool prog load "$objs/fentry.bpf.o" "$pins/fentry"
	says EINVAL hook trace "$pins/fentry" hold "$pins/link"
	says ok hook trace "$pins/fentry" none "$pins/link"
	rm "$pins"/{link,fentry}
}

run_cases "$@"
