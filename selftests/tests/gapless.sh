#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all patched
# @long debug
# @needs jit tracing
# Between two held attachments, an array that both use always has a user
# reference: count the calls of the kernel function that runs when the last one
# is dropped. The last packet, which is in the program when its attachment ends,
# still hits. S3, S7, S16
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/refs.sh"

TRACING=/sys/kernel/tracing

# How often a prog array lost its last user reference
count_losses() {
	echo 'p:losses prog_array_map_clear' >$TRACING/kprobe_events
	defer eval "echo 0 >$TRACING/events/kprobes/losses/enable; echo >$TRACING/kprobe_events"
	echo 1 >$TRACING/events/kprobes/losses/enable
}

losses() { awk '$1 == "losses" { print $2 }' $TRACING/kprobe_profile; }

# done_by COMMAND: tc, rm, or a request to the agent, which may warn that an
# array was cleared
done_by() {
	answer=ok
	$1
	[[ $answer == ok* ]] || fail "$1: $answer"
}

# no_gap ATTACH AGAIN REPLACE DETACH: commands that attach "entry" with the
# flag, do that again, replace it by "other" with the flag, and detach that
no_gap() {
	local attach=$1 again=$2 replace=$3 detach=$4

	ask bind "$pins/other" "$jmp"
	done_by "$attach"
	kill_loader
	count_losses
	done_by "$again"
	until_true "there is one hold" is_state "1 1 0 0"
	expect "losses when attached again" 0 "$(losses)"
	done_by "$replace"
	until_true "the first hold ends" is_state "0 1 1 1"
	expect "losses when replaced" 0 "$(losses)"
	rm "$pins"/{entry,other}
	# the control: both arrays lose their last reference at the end
	done_by "$detach"
	until_true "the last holds are counted" test_losses 2
}

test_losses() { [ "$(losses)" = "$1" ]; }

xdp() {
	add_pair eth0
	load_two xdp
	no_gap "ask xdp eth0 $pins/entry $1,hold" \
		"ask xdp eth0 $pins/entry $1,hold" \
		"ask xdp eth0 $pins/other $1,hold" \
		"ask xdp eth0 none $1"
}

case_xdp_native() { xdp drv; }
case_xdp_generic() { xdp skb; }

case_link() {
	add_pair eth0
	load_two xdp
	defer rm -f "$pins/link"
	no_gap "ask link create $pins/entry drv,hold eth0 $pins/link" \
		"ask link update $pins/link $pins/entry" \
		"ask link update $pins/link $pins/other" \
		"rm $pins/link"
}

case_tcx_link() {
	add_pair eth0
	load_two ingress
	defer rm -f "$pins/link"
	no_gap "ask hook link tcx_ingress eth0 $pins/entry hold $pins/link" \
		"ask link update $pins/link $pins/entry" \
		"ask link update $pins/link $pins/other" \
		"rm $pins/link"
}

# Without a link the same program is rejected.
case_tcx() {
	add_pair eth0
	load_two ingress
	no_gap "ask hook attach tcx_ingress eth0 $pins/entry hold" true \
		"ask hook attach tcx_ingress eth0 $pins/other replace,hold $pins/entry" \
		"bpftool net detach tcx_ingress dev eth0"
}

tc_filter() {
	local replace="tc filter $1 dev eth0 ingress prio 1 handle 1 bpf da pinned"

	add_pair eth0
	tc qdisc add dev eth0 clsact
	load_two ingress
	no_gap "${replace/ $1 / add } $pins/entry hold-maps" \
		"$replace $pins/entry hold-maps" \
		"$replace $pins/other hold-maps" \
		"tc filter del dev eth0 ingress"
}

# counters_are ENTERED MISSED HIT
counters_are() { ask ids counts "$prog" && [[ $answer == "$* "* ]]; }

# A program that occupies a CPU during a test is not a lockup.
patient_watchdogs() {
	local file value

	while read -r value file; do
		defer eval "echo $(cat "$file") >$file"
		echo "$value" >"$file"
	done <<-END
		60 /proc/sys/kernel/watchdog_thresh
		300 /sys/module/rcupdate/parameters/rcu_cpu_stall_timeout
	END
}

# end_attachment: detach the program that has the frame. tcx waits for frames
# when a program is detached, but not when it is replaced.
end_attachment() {
	case $where in
	tcx*)
		says ok hook attach "$where" eth0 "$pins/other" replace \
			"$pins/p/entry"
		;;
	*) detach "$where" eth0 ;;
	esac
}

# last_packet WHERE FILE TYPE: a frame is in the program, on the other CPU,
# while the array loses its last user reference: a hold, when the attachment
# ends; a pin; or a pin right after a hold. On the base kernel, the control, the
# array is cleared while the frame is in the program.
last_packet() {
	local where=$1 file=$2 type=$3 last hold prog sender
	local ends="1 0 1" lasts=(hold pin both)

	[ "$KERNEL" != base ] || ends="1 1 0" lasts=(pin)
	taskset -cp 0 $BASHPID
	patient_watchdogs
	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -rf "$pins/p" "$pins/m" "$pins/other"
	[[ $where != tcx* ]] || attach -p "$pins/other" load "${object_for[tc]}"
	for last in "${lasts[@]}"; do
		hold="hold-maps"
		[ "$last" != pin ] || hold=''
		bpftool prog loadall "$objs/$file" "$pins/p" type "$type" \
			pinmaps "$pins/m"
		case $where in
		xdp*)
			ip link set dev eth0 "$where" pinned "$pins/p/entry" ${hold:+"$hold"}
			;;
		tcx*)
			says ok hook attach "$where" eth0 "$pins/p/entry" \
				"$([ "$hold" ] && echo hold || echo none)"
			;;
		*)
			tc filter add dev eth0 "$where" bpf da \
				pinned "$pins/p/entry" ${hold:+"$hold"}
			;;
		esac
		prog=$(prog_id "$where" eth0)
		[ "$last" != hold ] || rm "$pins/m/"jmp*
		settle
		taskset -c 1 agent send peer0 1 &
		sender=$!
		until_true "the frame is in the program" counters_are 1 0 0
		[ "$last" = pin ] || end_attachment
		[ "$last" = hold ] || rm "$pins/m/"jmp*
		sleep 1 # enough to clear an array, as the base kernel shows
		counters_are 1 0 0 || fail "the frame left too early"
		bpftool map update pinned "$pins/m/go" key 0 0 0 0 value 1 0 0 0
		wait $sender
		# shellcheck disable=SC2086 # words
		until_true "the frame ended as $ends" counters_are $ends
		[[ $last != pin && $where != tcx* ]] || detach "$where" eth0
		rm -r "$pins/p" "$pins/m"
	done
	rm -f "$pins/other"
}

# @all patched base
case_last_packet_tc() { last_packet ingress slow.tc.bpf.o classifier; }

# @all patched base
case_last_packet_tcx() { last_packet tcx_ingress slow.tc.bpf.o classifier; }

# The XDP dispatcher waits for packets when it changes, unless it lacks space
# for the program. It has space for 48.
# @all patched base
case_last_packet_xdp() {
	local i

	defer eval "printf 'link del fill%d\n' {1..48} | ip -force -batch - || :"
	for i in {1..48}; do
		echo "link add fill$i type dummy"
		echo "link set dev fill$i xdpgeneric obj $objs/plain.bpf.o"
	done | ip -batch -
	last_packet xdpgeneric slow.bpf.o xdp
}

case_tc_replace() { tc_filter replace; }
case_tc_change() { tc_filter change; }

run_cases "$@"
