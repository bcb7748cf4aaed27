#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um um-debug patched
# @long kcsan
# tcx and netkit, which have lists of programs, with and without links: each
# detach path drops what the attachment has taken. S2, S3, S4, S5, S6, S7, S8,
# S11, S12, S16, S17
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/refs.sh"

add_devices() {
	case $where in
	tcx*) add_pair eth0 ;;
	*) add_netkit eth0 ;;
	esac
}

# lists PROGRAM...: the hook must have these, in this order
lists() { says "$*" hook list "$where" eth0; }
is_list() { ask hook list "$where" eth0 && [ "$answer" = "$*" ]; }

# attach PROGRAM FLAGS [OTHER]; link_hook also pins the link as PROGRAM_link
attach_hook() { says ok hook attach "$where" eth0 "$pins/$1" "$2" "${@:3}"; }
link_hook() {
	says ok hook link "$where" eth0 "$pins/$1" "$2" "$pins/$1_link" "${@:3}"
}

# shows DEV FLAGS PROGRAM: must be the info of the link. A netkit device has the
# programs of both ends; those of the peer are shown with the peer.
shows() {
	local dev=$1

	[ "$where,$1" != netkit_peer,eth0 ] || dev=peer0
	says "$dev flags $2 prog $3" hook info "$pins/entry_link"
}

# link_detach_paths WHERE: all detach paths of a held link
link_detach_paths() {
	local where=$1 way

	load_two ingress
	defer rm -f "$pins/entry_link"
	for way in detach close update device; do
		add_devices
		link_hook entry none
		held "$where link without the flag" 0
		shows eth0 none "$entry"
		rm "$pins/entry_link"
		until_true "the link is gone" is_list none
		link_hook entry hold
		held "$where link with the flag" 1
		lists entry,hold
		shows eth0 hold "$entry"
		case $way in
		detach)
			bpftool link detach pinned "$pins/entry_link"
			wait_held "$way" 0
			shows none none "$entry"
			rm "$pins/entry_link"
			;;
		close) rm "$pins/entry_link" ;;
		update)
			says ok link update "$pins/entry_link" "$pins/entry"
			held "updated by itself" 1
			says ok link update "$pins/entry_link" "$pins/other"
			wait_held "$way" 0 1
			shows eth0 hold "$other"
			rm "$pins/entry_link"
			;;
		device)
			ip link del eth0
			wait_held "$way" 0
			shows none none "$entry"
			# later detach paths have no effect
			says ENOLINK \
				link update "$pins/entry_link" "$pins/other"
			held "link without a device" 0
			bpftool link detach pinned "$pins/entry_link"
			rm "$pins/entry_link"
			;;
		esac
		back "$where, $way"
		ask remove eth0
	done
	rm "$pins"/{entry,other}
	kill_loader
}

case_tcx_ingress_link() { link_detach_paths tcx_ingress; }
case_tcx_egress_link() { link_detach_paths tcx_egress; }
case_netkit_link() { link_detach_paths netkit; }
case_netkit_peer_link() { link_detach_paths netkit_peer; }

# detach_paths WHERE: the same without a link. An attached program cannot be
# attached again, so the flag only changes with a replacement.
detach_paths() {
	local where=$1 way

	load_two ingress
	for way in detach replace replace_by_held device peer; do
		add_devices
		attach_hook entry none
		held "$where without the flag" 0
		lists entry
		attach_hook other replace "$pins/entry"
		attach_hook entry replace,hold "$pins/other"
		held "$where with the flag" 1
		lists entry,hold
		says EEXIST hook attach "$where" eth0 "$pins/entry" none
		says EEXIST hook attach "$where" eth0 "$pins/entry" hold
		held "$where, attached again" 1
		case $way in
		detach)
			says EINVAL hook detach "$where" eth0 "$pins/entry" hold
			held "$where, refused" 1
			says ok hook detach "$where" eth0 "$pins/entry"
			;;
		replace)
			attach_hook other replace "$pins/entry"
			wait_held "$way" 0
			lists entry
			says ok hook detach "$where" eth0 "$pins/other"
			;;
		replace_by_held)
			attach_hook other replace,hold "$pins/entry"
			wait_held "$way" 0 1
			lists entry,hold
			says ok hook detach "$where" eth0 "$pins/other"
			;;
		device) ip link del eth0 ;;
		peer) ip link del peer0 ;;
		esac
		back "$where, $way"
		ask remove eth0
	done
	add_devices
	attach_hook entry hold
	rm "$pins"/{entry,other}
	kill_loader
	stays_full "$entry" 1
	ask remove eth0
}

case_tcx_ingress() { detach_paths tcx_ingress; }
case_tcx_egress() { detach_paths tcx_egress; }
case_netkit() { detach_paths netkit; }
case_netkit_peer() { detach_paths netkit_peer; }

# A hold stays with its program when others are added before or after it or
# removed, and is dropped with it.
case_order() {
	local where=tcx_ingress name

	add_pair eth0
	load_two ingress
	for name in third fourth; do
		defer rm -f "$pins/$name" "$pins/${name}_link"
		attach -p "$pins/$name" load "${object_for[tc]}"
	done
	defer rm -f "$pins/entry_link" "$pins/other_link"
	# all have the name "entry
	attach_hook entry hold
	attach_hook other none
	lists entry,hold entry
	attach_hook third before "$pins/entry"
	lists entry entry,hold entry
	link_hook fourth hold,after "$pins/other"
	lists entry entry,hold entry entry,hold
	held "the second and the fourth of four" 1
	says ok hook detach "$where" eth0 "$pins/third"
	lists entry,hold entry entry,hold
	attach_hook third hold,replace "$pins/other"
	lists entry,hold entry,hold entry,hold
	says ok hook detach "$where" eth0 "$pins/entry"
	lists entry,hold entry,hold
	wait_held "the first is gone" 0
	link_hook entry hold,before "$pins/third"
	lists entry,hold entry,hold entry,hold
	held "a link before the others" 1
	rm "$pins/fourth_link"
	until_true "the last one is gone" is_list entry,hold entry,hold
	held "the last one is gone" 1
	ip link del eth0
	wait_held "the device" 0
	rm "$pins"/{third,fourth,entry_link}
	back "all of them"
	rm "$pins"/{entry,other}
	kill_loader
}

# A qdisc keeps the list after the device's programs are detached.
case_with_a_qdisc() {
	local where=tcx_ingress

	ip netns add inside
	defer eval "ip netns del inside 2>/dev/null || :"
	load_two ingress
	defer rm -f "$pins/entry_link"
	nsenter --net=/run/netns/inside ip link add eth0 type veth peer name peer0
	nsenter --net=/run/netns/inside tc qdisc add dev eth0 clsact
	says ok in inside hook attach "$where" eth0 "$pins/other" hold
	says ok in inside hook link "$where" eth0 "$pins/entry" hold \
		"$pins/entry_link"
	held "with a qdisc" 1 1
	ip netns del inside
	wait_held "the end of the namespace" 0
	shows none none "$entry"
	rm "$pins/entry_link"
	back "namespace"
	rm "$pins"/{entry,other}
	kill_loader
}

# The control is the same without the flag: tail calls miss after the loader has
# exited.
only_a_pin_is_left() {
	local where=$1 flag

	add_devices
	defer rm -f "$pins/entry" "$pins/entry_link"
	for flag in none hold; do
		start_loader ingress -b -p "$pins/entry" --
		link_hook entry "$flag"
		rm "$pins/entry"
		kill_loader
		if [ "$flag" = none ]; then
			until_true "without the flag the array is cleared" \
				cleared "$(prog_id "$where" eth0)"
			tail_calls_miss "$where" eth0
			absent link_flags withfd "$pins/entry_link" \
				cat /proc/self/fdinfo/9
		else
			settle
			tail_calls_hit "$where" eth0
			present hold_maps bpftool link show
			present "eth0(*) * prog_id * hold_maps" bpftool net show
			present $'\nlink_flags:\t0x80\n' withfd "$pins/entry_link" \
				cat /proc/self/fdinfo/9
		fi
		rm "$pins/entry_link"
		ids none
	done
}

case_tcx_ingress_pin() { only_a_pin_is_left tcx_ingress; }
case_tcx_egress_pin() { only_a_pin_is_left tcx_egress; }
case_netkit_pin() { only_a_pin_is_left netkit; }
case_netkit_peer_pin() { only_a_pin_is_left netkit_peer; }

# @check um
# Attach as bpftool does, without a link and without a pin
case_bpftool_attaches() {
	local where flag

	add_pair eth0
	defer rm -f "$pins/entry"
	for where in tcx_ingress tcx_egress; do
		for flag in '' hold_maps; do
			start_loader ingress -b -p "$pins/entry" --
			bpftool net attach "$where" pinned "$pins/entry" dev eth0 \
				${flag:+prepend "$flag"}
			rm "$pins/entry"
			kill_loader
			if [ "$flag" ]; then
				settle
				tail_calls_hit "$where" eth0
				present '"hold_maps":true' bpftool -j net show
			else
				until_true "without the flag it is cleared" \
					cleared "$(prog_id "$where" eth0)"
				tail_calls_miss "$where" eth0
				absent hold_maps bpftool -j net show
			fi
			bpftool net detach "$where" dev eth0
			ids none
		done
	done
}

# The old program holds the array that both use until the new one does.
case_update_keeps_tail_calls() {
	local where=tcx_ingress

	add_pair eth0
	defer rm -f "$pins/entry" "$pins/other" "$pins/entry_link"
	attach -p "$pins/other" load "${object_for[tc]}"
	start_loader ingress -b -p "$pins/entry" --
	newest map jmp
	ask bind "$pins/other" "$answer"
	link_hook entry hold
	kill_loader
	says ok link update "$pins/entry_link" "$pins/other"
	rm "$pins/entry"
	settle
	# its own array is empty
	filled_on 1 "$where" eth0
	rm "$pins"/{other,entry_link}
}

# An array that is bound while the program is attached is held at once.
case_bound_later() {
	local where=tcx_ingress second

	add_pair eth0
	load_two ingress
	attach_hook entry hold
	newest map jmp_deep
	second=$answer
	ask bind "$pins/entry" "$second"
	ask refs map "$second"
	# one of the loader and one of the attachment
	[[ $answer == *"urefs 2" ]] || fail "$answer"
	says ok hook detach "$where" eth0 "$pins/entry"
	ask refs map "$second"
	[[ $answer == *"urefs 1" ]] || fail "$answer"
	rm "$pins"/{entry,other}
	kill_loader
}

# A rejected request holds nothing.
case_refused() {
	local where=tcx_ingress flags

	add_pair eth0
	load_two ingress
	defer rm -f "$pins/entry_link" "$pins/other_link"
	for flags in hold,unknown unknown hold,replace hold,before,replace; do
		says_error "$([[ $flags != *replace* ]] && echo EINVAL || echo ENOENT)" \
			hook link "$where" eth0 "$pins/entry" "$flags" \
			"$pins/entry_link"
	done
	says EINVAL hook attach "$where" eth0 "$pins/entry" hold,unknown
	# other" is not attached
	says ENOENT hook attach "$where" eth0 "$pins/entry" hold,replace \
		"$pins/other"
	says ENOENT hook attach "$where" eth0 "$pins/entry" hold,before \
		"$pins/other"
	says ENXIO hook attach netkit eth0 "$pins/entry" hold
	back "refusals"

	link_hook entry hold
	says EBUSY hook attach "$where" eth0 "$pins/other" hold,replace \
		"$pins/entry"
	says EBUSY hook detach "$where" eth0 "$pins/entry"
	says EEXIST hook attach "$where" eth0 "$pins/entry" hold
	held "after refusals" 1
	lists entry,hold
	rm "$pins/entry_link"
	back "the link"
	rm "$pins"/{entry,other}
	kill_loader
}

run_cases "$@"
