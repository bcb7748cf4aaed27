#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug patched
# @long kcsan
# XDP links: the hold belongs to the attachment, follows an update, and ends
# with the attachment, even if the link stays. S4, S6, S11, S12, S13
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/refs.sh"
. "$(dirname "$0")/../lib/netdevsim.sh"

create() { says ok link create "$pins/entry" "$2" "$1" "$pins/link"; }

# shows DEV FLAGS PROGRAM
shows() { says "$1 flags $2 prog $3" link info "$pins/link"; }

add_devices() {
	add_pair eth0
	dev=eth0
	if [ "$1" = bond ]; then
		dev=bond7
		ip link add bond7 type bond mode active-backup
		defer eval "ip link del bond7 2>/dev/null || :"
		ip link set eth0 down
		ip link set eth0 master bond7
		ip link set bond7 up
	fi
}

remove_devices() {
	ip link del bond7 2>/dev/null || :
	ip link del eth0 2>/dev/null || :
}

# detach_paths KIND MODE: all detach paths of a held link
detach_paths() {
	local way dev

	load_two xdp
	defer rm -f "$pins/link"
	for way in detach close update device; do
		add_devices "$1"
		create "$dev" "$2"
		held "$1 link without the flag" 0
		shows "$dev" none "$entry"
		rm "$pins/link"
		until_true "$1 link is gone" nothing_on "$dev"
		create "$dev" "$2,hold"
		held "$1 link with the flag" 1
		shows "$dev" hold "$entry"
		case $way in
		detach)
			bpftool link detach pinned "$pins/link"
			wait_held "$1, $way" 0
			shows none none "$entry"
			rm "$pins/link"
			;;
		close) rm "$pins/link" ;;
		update)
			says ok link update "$pins/link" "$pins/entry"
			held "$1, updated by itself" 1
			says ok link update "$pins/link" "$pins/other"
			wait_held "$1, $way" 0 1
			shows "$dev" hold "$other"
			rm "$pins/link"
			;;
		device)
			ip link del "$dev"
			wait_held "$1, $way" 0
			shows none none "$entry"
			# later detach paths have no effect
			says ENOLINK \
				link update "$pins/link" "$pins/other"
			held "$1 link without a device" 0
			bpftool link detach pinned "$pins/link"
			shows none none "$entry"
			rm "$pins/link"
			;;
		esac
		back "$1, $way"
		remove_devices
	done
	rm "$pins"/{entry,other}
	kill_loader
}

case_native_detach_paths() { detach_paths native drv; }
case_generic_detach_paths() { detach_paths generic skb; }
# @needs bond
case_bond_detach_paths() { detach_paths bond drv; }

# The pin of the link is the last reference of user space.
case_only_a_pin_is_left() {
	add_pair eth0
	defer rm -f "$pins/entry" "$pins/link"
	for flag in none hold; do
		start_loader xdpdrv -b -p "$pins/entry" --
		create eth0 "$flag"
		rm "$pins/entry"
		kill_loader
		if [ "$flag" = none ]; then
			until_true "without the flag the array is cleared" \
				cleared "$(prog_id xdp eth0)"
			tail_calls_miss xdpdrv eth0
			absent xdp_flags withfd "$pins/link" \
				cat /proc/self/fdinfo/9
		else
			settle
			tail_calls_hit xdpdrv eth0
			present hold-maps show xdp eth0
			present hold_maps bpftool link show
			ask number xdp hold
			printf -v flags '\nxdp_flags:\t%#x\n' "$answer"
			present "$flags" withfd "$pins/link" \
				cat /proc/self/fdinfo/9
		fi
		rm "$pins/link"
		ids none
	done
}

# The old program holds the array that both use until the new one does.
case_update_keeps_tail_calls() {
	add_pair eth0
	defer rm -f "$pins/entry" "$pins/other" "$pins/link"
	attach -p "$pins/other" load "${object_for[xdp]}"
	start_loader xdpdrv -b -p "$pins/entry" --
	newest map jmp
	ask bind "$pins/other" "$answer"
	create eth0 drv,hold
	kill_loader
	says ok link update "$pins/link" "$pins/other"
	rm "$pins/entry"
	settle
	# its own array is empty
	filled_on 1 xdp eth0
	rm "$pins"/{other,link}
}

case_namespace_ends() {
	ip netns add inside
	defer eval "ip netns del inside 2>/dev/null || :"
	load_two xdp
	defer rm -f "$pins/link"
	nsenter --net=/run/netns/inside ip link add eth0 type veth peer name peer0
	says ok in inside link create \
		"$pins/entry" drv,hold eth0 "$pins/link"
	held "in the namespace" 1
	ip netns del inside
	wait_held "the end of the namespace" 0
	shows none none "$entry"
	rm "$pins/link"
	back "namespace"
	rm "$pins"/{entry,other}
	kill_loader
}

# A rejected link holds nothing, and netlink requests cannot drop the hold of an
# existing link.
case_refused() {
	add_pair eth0
	load_two xdp
	defer rm -f "$pins/link"
	says EINVAL link create "$pins/entry" drv,hold,unknown \
		eth0 "$pins/link"
	says EINVAL link create "$pins/entry" drv,hold,replace \
		eth0 "$pins/link"
	says ok xdp eth0 "$pins/entry" drv
	says EBUSY link create "$pins/entry" drv,hold eth0 \
		"$pins/link"
	held "after refusals" 0
	says ok xdp eth0 none drv
	back "after refusals"

	create eth0 drv,hold
	says "EBUSY Can't replace active BPF XDP link" \
		xdp eth0 "$pins/other" drv,hold
	says "EBUSY Can't replace active BPF XDP link" \
		xdp eth0 "$pins/entry" drv
	says "EBUSY Can't replace active BPF XDP link" \
		xdp eth0 none drv
	held "after refusals over netlink" 1
	shows eth0 hold "$entry"
	rm "$pins/link"
	back "refusals over netlink"
	rm "$pins"/{entry,other}
	kill_loader
}

# A link has no extended ack: the control shows that the flag is the reason.
case_offload_is_refused() {
	local sim

	add_netdevsim
	defer rm -f "$pins/off" "$pins/link"
	bpftool prog load "$objs/offload.bpf.o" "$pins/off" type xdp \
		offload_dev "$sim"
	says EOPNOTSUPP link create "$pins/off" hw,hold \
		"$sim" "$pins/link"
	says ok link create "$pins/off" hw "$sim" "$pins/link"
	rm "$pins"/{off,link}
}

# An update that the driver rejects changes nothing.
case_update_fails() {
	local sim accept

	add_driver
	load_two xdp
	defer rm -f "$pins/link"
	create "$sim" drv,hold
	echo N >"$accept"
	says EOPNOTSUPP link update "$pins/link" "$pins/other"
	wait_held "the refused update" 1
	shows "$sim" hold "$entry"
	# the control: the same command when the driver accepts it
	echo Y >"$accept"
	says ok link update "$pins/link" "$pins/other"
	wait_held "the update" 0 1
	rm "$pins/link"
	back "update"
	rm "$pins"/{entry,other}
	kill_loader
}

run_cases "$@"
