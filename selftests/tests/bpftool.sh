#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @build build/tools/base/bpftool
# bpftool: attach with hold_maps, bind, text and JSON output, which users keep
# an array from being cleared, whether the kernel can hold, and what an update
# of an array needs. S8, S11, S12, S15, U4
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/netdevsim.sh"

# pinned: pin the entry program and all maps, as a loader does
pinned() {
	defer rm -rf "$pins/p" "$pins/m"
	bpftool prog loadall "$objs/table.bpf.o" "$pins/p" \
		pinmaps "$pins/m" type xdp
	prog=$(ids newest prog jump)
}

unpin() { rm -r "$pins/p" "$pins/m"; }

# as_json TEXT COMMAND...: COMMAND -j must print JSON that contains TEXT
as_json() {
	local text=$1 out
	shift

	out=$("$1" -j "${@:2}")
	python3 -m json.tool <<<"$out" >/dev/null
	[[ $out == *"$text"* ]] || fail "'$*' -j said '$out', expected '$text'"
}

attached_by_bpftool() {
	local prog

	add_pair eth0
	pinned
	bpftool net attach "$1" pinned "$pins/p/jump" dev eth0
	absent hold_maps bpftool net show dev eth0
	absent hold_maps bpftool -j net show dev eth0
	unpin
	until_true "the array is cleared without the option" cleared "$prog"
	bpftool net detach "$1" dev eth0
	ids none

	pinned
	bpftool net attach "$1" pinned "$pins/p/jump" dev eth0 "${@:2}"
	bpftool net show dev eth0 | grep "eth0([0-9]*) .* id $prog hold_maps"
	as_json '"hold_maps":true' bpftool net show dev eth0
	present hold-maps ip link show dev eth0
	unpin
	settle
	has_filled 2 "$prog"
	bpftool net detach "$1" dev eth0
}

case_net_attach_xdp() { attached_by_bpftool xdp hold_maps; }
case_net_attach_generic() { attached_by_bpftool xdpgeneric hold_maps; }
case_net_attach_overwrite() { attached_by_bpftool xdpdrv overwrite hold_maps; }
case_net_attach_any_order() { attached_by_bpftool xdpdrv hold_maps overwrite; }

case_net_attach_json() {
	local prog

	add_pair eth0
	pinned
	expect "the answer" null "$(bpftool -j net attach xdpdrv \
		pinned "$pins/p/jump" dev eth0 hold_maps)"
	bpftool net detach xdpdrv dev eth0
	unpin
}

case_net_attach_refuses() {
	local prog

	add_pair eth0
	pinned
	expect_text "not supported for xdpoffload" bpftool net attach \
		xdpoffload pinned "$pins/p/jump" dev eth0 hold_maps
	expect_text "got: 'hold_mapss'" bpftool net attach \
		xdpdrv pinned "$pins/p/jump" dev eth0 hold_mapss
	expect_text "got: 'more'" bpftool net attach \
		xdpdrv pinned "$pins/p/jump" dev eth0 hold_maps more
	expect_text "no program matches" bpftool net attach \
		xdpdrv name nosuch dev eth0 hold_maps
	expect_text "no program matches" bpftool net attach \
		xdpdrv tag 0123456789abcdef dev eth0 hold_maps
	absent prog/xdp ip link show dev eth0
	unpin
}

# bpftool prints the kernel's warning.
case_net_attach_warns() {
	local prog array out

	add_pair eth0
	pinned
	array=$(map_named jmp_table)
	rm -r "$pins/m"
	until_true "the array is cleared" cleared "$prog"
	out=$(bpftool net attach xdpdrv pinned "$pins/p/jump" dev eth0 \
		hold_maps 2>&1)
	[[ $out == *"map id $array"* ]] || fail "no warning: $out"
	bpftool net detach xdpdrv dev eth0
	rm -r "$pins/p"
}

case_net_shows_tc() {
	add_pair eth0
	attach_tool ingress eth0
	absent hold_maps bpftool net show dev eth0
	attach_tool ingress eth0 hold-maps
	present 'clsact/ingress * hold_maps' bpftool net show dev eth0
	as_json '"hold_maps":true' bpftool net show dev eth0
	detach ingress eth0
}

case_link_shows() {
	local prog

	add_pair eth0
	defer rm -f "$pins/link"
	pinned
	says ok link create "$pins/p/jump" drv eth0 "$pins/link"
	absent hold_maps bpftool link show
	absent hold_maps bpftool -j link show
	rm "$pins/link"
	until_true "the link is gone" nothing_on eth0

	says ok link create "$pins/p/jump" drv,hold eth0 "$pins/link"
	bpftool link show | grep 'eth0([0-9]*)  hold_maps'
	as_json '"hold_maps":true' bpftool link show
	unpin
	settle
	has_filled 2 "$prog"
	# a link without a device has no hold
	ip link del eth0
	absent hold_maps bpftool link show
	rm "$pins/link"
}

# The arrays of tail-called programs are only held if they are bound.
bound() {
	local prog

	add_pair eth0
	defer rm -rf "$pins/p" "$pins/m"
	bpftool prog loadall "$objs/chain.bpf.o" "$pins/p" pinmaps "$pins/m" \
		type xdp
	prog=$(entry_id)
	if [ "$1" = bind ]; then
		# before and after the attach, by all kinds of names
		bpftool prog bind pinned "$pins/p/entry" pinned "$pins/m/second"
		bpftool prog bind name entry name first
	fi
	bpftool net attach xdpdrv pinned "$pins/p/entry" dev eth0 hold_maps
	if [ "$1" = bind ]; then
		expect "the answer" null \
			"$(bpftool -j prog bind id "$prog" \
				id "$(map_named third)")"
	fi
	unpin
	"$1"
	bpftool net detach xdpdrv dev eth0
}

PASS=2 DROP=1

bind() {
	settle
	has_filled 3 "$prog"
	says $PASS ids verdict "$prog"
}

answers() { ask ids verdict "$1" && [ "$answer" = "$2" ]; }
no_bind() { until_true "the tail call misses" answers "$prog" $DROP; }

case_prog_bind() { bound bind; }
case_prog_without_bind() { bound no_bind; }

case_prog_bind_refuses() {
	local prog

	pinned
	expect_text "get map by id" \
		bpftool prog bind id "$prog" id 99999
	expect_text "get by id (99999)" \
		bpftool prog bind id 99999 name jmp_table
	expect_text "'bind' needs at least 4 arguments" \
		bpftool prog bind id "$prog"
	expect_text "what is 'more'?" \
		bpftool prog bind id "$prog" name jmp_table more
	expect_text '"error":"no map matches' \
		bpftool -j prog bind id "$prog" name nosuch
	bpftool prog bind id "$prog" name jmp_table
	unpin
}

# Messages are on standard error.
both() { "$@" 2>&1; }

lost='update will be lost' base=$top/build/tools/base/bpftool

# shellcheck disable=SC2086 # words
# fill BPFTOOL ARRAY PROG: update ARRAY by its id, like a user without a
# reference to it
fill() { both $1 map update id "$2" key 0 0 0 0 value "${4:-id}" "$3"; }

# warned_of ARRAY PROG USER: a warning says that the update is lost, and names
# USER
warned_of() {
	present "attach its program with hold_maps: $3" fill bpftool "$1" "$2"
	until_true "it is lost" no_slots "$1"
}

# not_warned_of ARRAY PROG: an update of an empty array is not lost
not_warned_of() {
	says 0 ids slots "$1"
	absent "$lost" fill bpftool "$1" "$2"
	settle
	says 1 ids slots "$1"
	# the control: the base bpftool has no such warning
	present "$lost" fill "$base" "$1" "$2"
}

# cleared_array: sets array to a cleared array and target to a program for it;
# pinned is the program that uses it
cleared_array() {
	pinned
	array=$(map_named jmp_table)
	target=$(ids newest prog verdict_hit)
	rm -r "$pins/m"
	until_true "the array is cleared" cleared "$prog"
}

case_update_of_pinned() {
	local prog array target

	cleared_array
	defer rm -f "$pins/m"
	bpftool map pin id "$array" "$pins/m"
	not_warned_of "$array" "$target"
	bpftool map delete pinned "$pins/m" key 0 0 0 0
	absent "$lost" both bpftool map update pinned "$pins/m" key 0 0 0 0 \
		value id "$target"
	unpin
}

case_update_of_unused() {
	local prog array target

	cleared_array
	warned_of "$array" "$target" "prog $prog"
	# the same by a name; the base bpftool has no message about that
	present "$lost" fill bpftool "$array" verdict_hit name
	until_true "it is lost" no_slots "$array"
	absent "$lost" fill "$base" "$array" verdict_hit name
	until_true "it is lost" no_slots "$array"
	# it would not be JSON
	expect "as JSON" null "$(fill "bpftool -j" "$array" "$target")"
	until_true "it is lost" no_slots "$array"
	rm -r "$pins/p"
}

# No program uses the array, and bpftool does not see its pin
case_update_of_unseen() {
	local array prog

	defer rm -f "$pins/m" "$pins/p"
	bpftool map create "$pins/m" type prog_array key 4 value 4 entries 1 \
		name unseen
	bpftool prog load "$objs/offload.bpf.o" "$pins/p" type xdp
	array=$(map_named unseen)
	prog=$(ids newest prog offload)
	# shellcheck disable=SC2016 # for that shell
	present "attach its program with hold_maps: no program yet" unshare -m bash -ec '
		umount /sys/fs/bpf
		bpftool map update id "$1" key 0 0 0 0 value id "$2" 2>&1
		' - "$array" "$prog"
	rm "$pins/m" "$pins/p"
}

# warned_of_xdp MODE
warned_of_xdp() {
	local prog array target

	add_pair eth0
	cleared_array
	bpftool net attach "$1" pinned "$pins/p/jump" dev eth0
	warned_of "$array" "$target" "prog $prog on eth0"
	bpftool net attach "$1" pinned "$pins/p/jump" dev eth0 \
		overwrite hold_maps
	not_warned_of "$array" "$target"
	bpftool net detach "$1" dev eth0
	rm -r "$pins/p"
}

case_update_with_xdp() { warned_of_xdp xdpdrv; }
case_update_with_generic() { warned_of_xdp xdpgeneric; }

case_update_with_link() {
	local prog array target

	add_pair eth0
	defer rm -f "$pins/link"
	cleared_array
	says ok link create "$pins/p/jump" drv eth0 "$pins/link"
	warned_of "$array" "$target" "prog $prog on eth0"
	rm "$pins/link"
	until_true "the link is gone" nothing_on eth0
	says ok link create "$pins/p/jump" drv,hold eth0 "$pins/link"
	not_warned_of "$array" "$target"
	rm "$pins/link"
	rm -r "$pins/p"
}

# warned_of_filter QDISC PARENT...: warns of a program that is attached there
warned_of_filter() {
	local prog array qdisc=$1 filter
	shift

	filter=(tc filter replace dev eth0 "$@" prio 1 protocol all handle 1
		bpf da pinned "$pins/entry")
	add_pair eth0
	tc qdisc add dev eth0 "$qdisc"
	defer rm -f "$pins/entry"
	start_loader ingress -p "$pins/entry" --
	prog=$(entry_id)
	array=$(map_named jmp)
	kill_loader
	until_true "the array is cleared" cleared "$prog"
	"${filter[@]}"
	# a program that uses the array can be its target as well
	warned_of "$array" "$prog" "prog $prog on eth0"
	"${filter[@]}" hold-maps
	not_warned_of "$array" "$prog"
	tc filter del dev eth0 "$@"
	rm "$pins/entry"
}

case_update_with_filter() { warned_of_filter clsact egress; }
# it is found in another way
case_update_with_filter_of_qdisc() { warned_of_filter ingress parent ffff:; }

# A program in another network namespace is not found, but an array that is not
# empty shows that it has a user reference.
case_update_elsewhere() {
	local array target

	ip netns add elsewhere
	defer eval "ip netns del elsewhere 2>/dev/null || :"
	ip -n elsewhere link add eth0 type dummy
	ip -n elsewhere link set dev eth0 xdpgeneric obj "${object_for[xdp]}" \
		hold-maps
	array=$(map_named jmp)
	target=$(entry_id)
	absent "$lost" fill bpftool "$array" "$target"
	ip netns del elsewhere
}

# bpftool finds processes with a BPF iterator.
# @all patched
# @needs tracing
case_update_of_open() {
	local prog array

	start_loader xdpdrv --
	array=$(map_named jmp)
	prog=$(entry_id)
	bpftool map delete id "$array" key 0 0 0 0
	says 0 ids slots "$array"
	not_warned_of "$array" "$prog"
	kill_loader
}

# refuses TEXT FILE: an update with that pinned program fails with TEXT
refuses() {
	local update=(map update pinned "$pins/m/jmp_table" key 0 0 0 0 value
		pinned "$2")

	expect_text "update failed: $1" bpftool "${update[@]}"
	as_json_fails "$1" "${update[@]}"
	# the control
	expect_text "update failed: Invalid argument" \
		"$base" "${update[@]}"
}

as_json_fails() { expect_text "\"error\":\"update failed: $1" bpftool -j "${@:2}"; }

# refused_pins: pin a program of each type that the array rejects
refused_pins() {
	defer rm -f "$pins/of_xdp" "$pins/of_tc"
	LD_LIBRARY_PATH=$top/build/libbpf/patched/usr/lib64 \
		"$objs/caller-new" eth0 pin "$pins/of_xdp" "$pins/of_tc"
}

case_map_update_refused() {
	local prog

	add_pair eth0
	pinned
	refused_pins
	refuses "program type is sched_cls, the array requires xdp" "$pins/of_tc"
	# the array is for programs with BPF_XDP, this one has no attach type
	refuses "program type and JIT match the array" "$pins/of_xdp"
	# another EINVAL is not about the program
	expect_text "update failed: Invalid argument" bpftool map update \
		pinned "$pins/m/jmp_table" key 0 0 0 0 \
		value pinned "$pins/p/verdict_hit" exist
	rm "$pins/of_xdp" "$pins/of_tc"
	unpin
}

# A program that a device runs, and one that is bound to a device, which the
# kernel does not report
case_map_update_refuses_devices() {
	local prog sim

	add_pair eth0
	add_netdevsim
	pinned
	defer rm -f "$pins/off" "$pins/bound" "$pins/new"
	bpftool prog load "$objs/offload.bpf.o" "$pins/off" type xdp \
		offload_dev "$sim"
	bpftool prog load "$objs/offload.bpf.o" "$pins/bound" type xdp \
		xdpmeta_dev eth0
	refuses "the program is offloaded to a device" "$pins/off"
	refuses "program type and JIT match the array" "$pins/bound"
	# an array that has not taken one yet, and so has no type
	bpftool map create "$pins/new" type prog_array key 4 value 4 entries 1 \
		name new
	expect_text "the program is offloaded to a device" bpftool map update \
		pinned "$pins/new" key 0 0 0 0 value pinned "$pins/off"
	expect_text "update failed: Invalid argument" bpftool map update \
		pinned "$pins/new" key 0 0 0 0 value pinned "$pins/bound"
	rm "$pins/off" "$pins/bound" "$pins/new"
	unpin
}

# jit_of ARRAY PROG ARRAY_JITED PROG_JITED: what bpftool prints if the kernel
# reports these. No kernel here has both kinds of programs: the JIT is always on
# or missing.
jit_of() {
	# shellcheck disable=SC2016 # for the other shell
	unshare -m bash -ec '
		mkdir -p /run/reports/self/fdinfo
		for fd in {3..9}; do
			printf "%s:\t%s\n" owner_prog_type 6 owner_jited "$3" \
				prog_jited "$4" >/run/reports/self/fdinfo/$fd
		done
		mount --bind /run/reports /proc
		! bpftool map update id "$1" key 0 0 0 0 value id "$2" 2>&1
	' - "$@"
}

case_map_update_refuses_jit() {
	local prog array target

	add_pair eth0
	pinned
	defer rm -rf /run/reports
	refused_pins
	array=$(map_named jmp_table)
	target=$(bpftool -j prog show pinned "$pins/of_xdp" | jq .id)
	expect "not jited" "Error: update failed: the program is not jited, \
those of the array are" "$(jit_of "$array" "$target" 1 0)"
	expect "jited" "Error: update failed: the program is jited, those of the \
array are not" "$(jit_of "$array" "$target" 0 1)"
	# the control
	present "JIT match the array" jit_of "$array" "$target" 1 1
	rm "$pins/of_xdp" "$pins/of_tc"
	unpin
}

case_feature_probe() {
	local out kind

	expect "as JSON" '[true,true,true,true,true]' \
		"$(bpftool -j feature probe kernel | jq -c '.misc |
			[.have_xdp_hold_maps, .have_xdp_link_hold_maps,
			.have_tc_hold_maps, .have_tcx_hold_maps,
			.have_freplace_hold_maps]')"
	out=$(bpftool feature probe kernel)
	for kind in XDP 'XDP links' 'tc filters' 'tcx and netkit' freplace; do
		grep -x "hold_maps for $kind is available" <<<"$out"
	done
	out=$(bpftool feature probe kernel macros)
	for kind in XDP XDP_LINK TC TCX FREPLACE; do
		grep -x "#define HAVE_${kind}_HOLD_MAPS" <<<"$out"
	done
	# the control
	absent hold_maps "$base" feature probe kernel
	# without privileges it does not say that the feature is not available
	out=$(setpriv --reuid 65534 --regid 65534 --clear-groups \
		bpftool feature probe kernel unprivileged | grep -A 20 misc)
	absent "NOT available" grep hold_maps <<<"$out"
	absent XDP grep hold_maps <<<"$out"
}

# answer_of ARRAY: run the commands of docs/who-holds.md unchanged
answer_of() {
	local script

	script=$(sed -n 's/^    //p' "$top/docs/who-holds.md" |
		sed "s/^ARRAY=.*/ARRAY=$1/")
	[[ $script == ARRAY=$1$'\n'* ]] || fail "the document has no commands"
	# the last grep may find nothing
	bash -c "$script" || :
}

case_who_holds() {
	local prog array out

	add_pair eth0
	add_pair eth1
	defer rm -f "$pins/link"
	pinned
	array=$(map_named jmp_table)
	out=$(answer_of "$array")
	[[ $out == *"pinned $pins/m/jmp_table"* ]] || fail "not the pin: $out"
	[[ $out != *hold_maps* ]] || fail "there is no hold: $out"

	bpftool net attach xdpgeneric pinned "$pins/p/jump" dev eth0 hold_maps
	says ok link create "$pins/p/jump" drv,hold eth1 "$pins/link"
	unpin
	out=$(answer_of "$array")
	[[ $out != *pinned* ]] || fail "there is no pin: $out"
	grep "eth0([0-9]*) generic id $prog hold_maps" <<<"$out"
	# as in bpftool-map(8)
	expect "by its JSON" "$prog" "$(bpftool -j prog show |
		jq ".[] | select(.map_ids // [] | index($array)) | .id")"
	grep -A 1 "xdp  prog $prog" <<<"$out" | grep "eth1([0-9]*)  hold_maps"
	rm "$pins/link"
	bpftool net detach xdpgeneric dev eth0
}

# bpftool finds processes with a BPF iterator.
# @all patched
# @needs tracing
case_who_holds_a_process() {
	local array

	start_loader xdpdrv --
	array=$(map_named jmp)
	answer_of "$array" | grep "pids attach($loader)"
	kill_loader
}

case_who_holds_a_filter() {
	add_pair eth0
	attach_tool ingress eth0 hold-maps
	# tc bound it: the entry program does not use it
	answer_of "$(map_named jmp_deep)" | grep "clsact/ingress .* hold_maps"
	detach ingress eth0
}

case_who_holds_elsewhere() {
	local array

	ip netns add elsewhere
	defer eval "ip netns del elsewhere 2>/dev/null || :"
	ip -n elsewhere link add eth0 type dummy
	ip -n elsewhere link set dev eth0 xdpgeneric obj "${object_for[xdp]}" \
		hold-maps
	array=$(map_named jmp)
	absent hold_maps answer_of "$array"
	present 'eth0* hold_maps' ip -all netns exec bpftool net show
	ip netns del elsewhere
}

# complete_words WORD...: what the shell offers as completion of the last one
complete_words() {
	bash -c '
		. "$1"
		_init_completion() {
			words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
			cur=${words[cword]} prev=${words[cword - 1]}
		}
		COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2)) COMPREPLY=()
		_bpftool
		echo "${COMPREPLY[*]}"' \
		- "$top/build/src/libbpf-patched/tools/bpf/bpftool/bash-completion/bpftool" \
		bpftool "$@"
}

case_completion() {
	local attach="net attach xdpdrv id 5 dev eth0"

	# shellcheck disable=SC2086 # words
	{
		expect "after the device" "overwrite hold_maps" \
			"$(complete_words $attach '')"
		expect "after an option" "hold_maps" \
			"$(complete_words $attach overwrite '')"
		expect "after the other" "overwrite" \
			"$(complete_words $attach hold_maps '')"
		expect "for offload" "overwrite" \
			"$(complete_words ${attach/xdpdrv/xdpoffload} '')"
		expect "for tcx" "prepend hold_maps" \
			"$(complete_words ${attach/xdpdrv/tcx_ingress} '')"
	}
	expect "after prog" bind "$(complete_words prog bi)"
	expect "after bind" "id pinned tag name" \
		"$(complete_words prog bind '')"
	expect "after the program" "id pinned name" \
		"$(complete_words prog bind id 5 '')"
}

case_help() {
	bpftool net help 2>&1 | grep -F '[ hold_maps ]'
	bpftool prog help 2>&1 | grep -F 'bind PROG MAP'
}

run_cases "$@"
