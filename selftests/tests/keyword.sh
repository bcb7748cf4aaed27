#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @build build/tools/base/ip build/tools/patched-nolibbpf/ip
# The hold-maps keyword of ip and tc in all places where it is allowed, and
# their output. U4, S12. hold.sh tests the hold itself; this test only checks
# that all arrays are full while the keyword is shown.
. "$(dirname "$0")/../lib/testing.sh"

# in_json COMMAND...: each must print JSON in which one "hold_maps" is true
in_json() {
	local command seen

	for command; do
		$command
	done >/tmp/json
	seen=$(jq -c '[.. | objects | select(has("hold_maps")).hold_maps]' \
		/tmp/json)
	expect "hold_maps in what these print: $*" \
		"$(printf '[true]\n%.0s' "$@")" "$seen"
}

shown_xdp() {
	local prog=$1

	present "id $prog * hold-maps" ip link show dev eth0
	present "id $prog * hold-maps" ip -d link show dev eth0
	present "id $prog * hold-maps" ip -o link show dev eth0
	in_json "ip -j link show dev eth0" "ip -j -d link show dev eth0" \
		"ip -j -p link show dev eth0"
}

not_shown_xdp() {
	absent hold-maps ip link show dev eth0
	absent hold-maps ip -d link show dev eth0
	absent hold_maps ip -j link show dev eth0
	absent hold_maps ip -j -d link show dev eth0
}

# ip_takes MODE OPTION...: with the keyword, then without it
ip_takes() {
	local mode=$1 without
	shift

	ip -force link set dev eth0 "$mode" "$@"
	ask ids on eth0 "$mode"
	shown_xdp "$answer"
	filled_on 2 "$mode" eth0
	without=("${@/#hold-maps/}")
	# shellcheck disable=SC2068 # drops the empty one
	ip -force link set dev eth0 "$mode" ${without[@]}
	not_shown_xdp
	ip link set dev eth0 "$mode" off
	not_shown_xdp
	ids none
}

case_ip_modes() {
	add_pair eth0
	for mode in xdp xdpgeneric xdpdrv; do
		ip_takes $mode obj "$objs/xdp.bpf.o" hold-maps
		ip_takes $mode object "$objs/xdp.bpf.o" hold-maps
	done
}

case_ip_any_order() {
	add_pair eth0
	ip_takes xdp hold-maps obj "$objs/xdp.bpf.o"
	ip_takes xdp obj "$objs/xdp.bpf.o" hold-maps section prog
	ip_takes xdp obj "$objs/xdp.bpf.o" section prog hold-maps
	ip_takes xdp obj "$objs/xdp.bpf.o" hold-maps program entry
	ip_takes xdp obj "$objs/xdp.bpf.o" program entry hold-maps
	ip_takes xdp obj "$objs/xdp.bpf.o" verbose hold-maps section prog
	ip_takes xdp obj "$objs/xdp.bpf.o" section prog verbose hold-maps
}

case_ip_pinned() {
	add_pair eth0
	defer rm -rf "$pins/p"
	bpftool prog loadall "$objs/table.bpf.o" "$pins/p" type xdp
	for mode in xdp xdpgeneric xdpdrv; do
		ip link set dev eth0 $mode pinned "$pins/p/jump" hold-maps
		shown_xdp "$(prog_id $mode eth0)"
		ip link set dev eth0 $mode off
	done
	rm -r "$pins/p"
}

# A device cannot be added with a program: the command fails and loads no
# program. The same is true for the peer of a new device.
case_ip_link_add_refused() {
	local add

	while read -r add; do
		# shellcheck disable=SC2086 # words
		expect_text "Add it first" ip link $add
		expect "devices" '' "$(ip -br link | grep -E '^(v0|v1)' || :)"
		ids none
	done <<-END
		add v0 xdp obj $objs/plain.bpf.o type dummy
		replace v0 xdpgeneric obj $objs/xdp.bpf.o hold-maps type dummy
		add xdpdrv obj $objs/xdp.bpf.o hold-maps type dummy
		add v0 netns 1 xdp obj $objs/xdp.bpf.o type dummy
		add v0 type veth peer name v1 xdp obj $objs/xdp.bpf.o hold-maps
		add v0 xdp pinned $pins/absent type dummy
	END
	# the controls: the base tool ignores the program silently
	"$top/build/tools/base/ip" link add v0 xdp obj "$objs/plain.bpf.o" \
		type dummy
	absent prog/xdp ip link show dev v0
	ip link del v0
	# a command without a program works
	ip link add v0 type veth peer name v1 xdp off
	ip link del v0
}

# tc_takes OPTION...: with the keyword, then without it
tc_takes() {
	local without

	tc filter replace dev eth0 ingress prio 1 handle 1 bpf "$@"
	present hold-maps tc filter show dev eth0 ingress
	in_json "tc -j filter show dev eth0 ingress" \
		"tc -j -p -d filter show dev eth0 ingress"
	filled_on 2 ingress eth0
	without=("${@/#hold-maps/}")
	# shellcheck disable=SC2068 # drops the empty one
	tc filter change dev eth0 ingress prio 1 handle 1 bpf ${without[@]}
	absent hold-maps tc filter show dev eth0 ingress
	absent hold_maps tc -j filter show dev eth0 ingress
	tc filter del dev eth0 ingress
	ids none
}

case_tc_any_order() {
	local obj=$objs/tc.bpf.o

	add_pair eth0
	tc qdisc add dev eth0 clsact
	tc_takes obj "$obj" hold-maps
	tc_takes hold-maps obj "$obj" da
	tc_takes da hold-maps obj "$obj"
	tc_takes direct-action object-file "$obj" hold-maps section classifier
	tc_takes obj "$obj" section classifier hold-maps verbose da
	tc_takes obj "$obj" hold-maps program entry da
	tc_takes obj "$obj" program entry da hold-maps classid 1:1
	tc_takes obj "$obj" da classid 1:1 hold-maps
	tc_takes obj "$obj" skip_hw hold-maps
}

case_tc_with_actions() {
	local obj=$objs/tc.bpf.o

	add_pair eth0
	tc qdisc add dev eth0 clsact
	tc_takes obj "$obj" hold-maps action ok
	tc_takes obj "$obj" action ok hold-maps
	tc_takes obj "$obj" action gact ok hold-maps classid 1:1
	tc_takes obj "$obj" classid 1:1 action ok hold-maps
}

case_tc_pinned() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -rf "$pins/p"
	bpftool prog loadall "$objs/table.tc.bpf.o" "$pins/p" \
		type classifier
	tc filter add dev eth0 ingress bpf hold-maps \
		object-pinned "$pins/p/jump" da
	present hold-maps tc filter show dev eth0 ingress
	tc filter replace dev eth0 ingress prio 49152 handle 1 bpf \
		pinned "$pins/p/jump" hold-maps da
	present hold-maps tc filter show dev eth0 ingress
	tc filter del dev eth0 ingress
	rm -r "$pins/p"
}

# Maps are passed to an agent, and held.
exports() {
	local uds=/tmp/agent.uds obj=$objs/legacy.tc.bpf.o importer

	add_pair eth0
	tc qdisc add dev eth0 clsact
	for options in "hold-maps export $uds" "export $uds hold-maps"; do
		rm -f $uds /tmp/handed
		# shellcheck disable=SC2016 # the agent's variable
		tc exec bpf import $uds \
			run bash -c 'echo $BPF_NUM_MAPS >/tmp/handed' &
		importer=$!
		until_true "the agent listens" test -S $uds
		# shellcheck disable=SC2086 # words
		tc filter replace dev eth0 ingress prio 1 handle 1 bpf \
			obj "$obj" $options da
		wait "$importer"
		expect "maps passed" 2 "$(cat /tmp/handed)"
		filled_on 2 ingress eth0
	done
	tc filter del dev eth0 ingress
}

case_tc_export() { exports; }

case_tc_export_built_in() {
	PATH=$top/build/tools/patched-nolibbpf:$PATH
	exports
}

# A warning of the kernel is printed with -echo too, and in a batch no line gets
# the reply to another.
case_tc_echo() {
	local array out

	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -rf "$pins/p"
	bpftool prog loadall "$objs/table.tc.bpf.o" "$pins/p" \
		type classifier
	array=$(map_named jmp_table)
	until_true "the array is cleared" no_slots "$array"
	out=$(tc -echo filter add dev eth0 ingress bpf da \
		pinned "$pins/p/jump" hold-maps 2>&1)
	[[ $out == *"map id $array"* ]] || fail "no warning: $out"
	[[ $out == *"added filter dev eth0"* ]] || fail "no echo: $out"
	out=$(printf 'filter add dev eth0 ingress prio %d bpf da pinned %s\n' \
		2 "$pins/p/jump" 3 "$pins/p/jump" | tc -echo -batch - 2>&1)
	expect "lines echoed" 2 "$(grep -c 'added filter dev eth0' <<<"$out")"
	tc filter del dev eth0 ingress
	rm -r "$pins/p"
}

case_refused() {
	local obj

	add_pair eth0
	tc qdisc add dev eth0 clsact
	echo '1,6 0 0 4294967295' >/tmp/bytecode
	for tools in patched patched-nolibbpf; do
		PATH=$top/build/tools/$tools:$PATH
		obj=$objs/legacy.bpf.o
		expect_text 'duplicate "hold-maps"' ip link set dev eth0 xdp \
			obj "$obj" hold-maps hold-maps
		expect_text 'duplicate "hold-maps"' ip link set dev eth0 xdp \
			hold-maps obj "$obj" hold-maps
		expect_text "does not support hold-maps" ip link set dev eth0 \
			xdp off hold-maps
		expect_text "does not support hold-maps" ip link set dev eth0 \
			xdp hold-maps off
		expect_text "xdpoffload cannot hold maps" ip link set \
			dev eth0 xdpoffload obj "$obj" hold-maps
		expect_text '"hold-map"' ip link set dev eth0 xdp \
			obj "$obj" hold-map
		obj=$objs/legacy.tc.bpf.o
		expect_text 'duplicate "hold-maps"' tc filter add dev eth0 \
			ingress bpf hold-maps obj "$obj" hold-maps
		expect_text "requires object-file" tc filter add dev eth0 \
			ingress bpf bytecode-file /tmp/bytecode hold-maps
		expect_text "hardware cannot hold maps" tc filter add dev eth0 \
			ingress bpf hold-maps skip_sw obj "$obj"
		expect_text "Bad action type" tc filter add dev eth0 \
			ingress bpf obj "$obj" action hold-maps
		for words in "obj $obj section classifier hold-maps" \
			"obj $obj section classifier pipe hold-maps" \
			"hold-maps obj $obj section classifier"; do
			# shellcheck disable=SC2086 # words
			expect_text "an action cannot hold maps" tc filter add \
				dev eth0 ingress bpf obj "$obj" action bpf $words
			# shellcheck disable=SC2086 # words
			expect_text "an action cannot hold maps" \
				tc actions add action bpf $words
		done
		expect_text "an action cannot hold maps" \
			tc actions add action ok hold-maps
		absent 'action order' tc actions show action gact
		expect_text "this command cannot hold maps" ip route add \
			192.0.2.0/24 dev eth0 encap bpf in obj "$obj" hold-maps
		expect_text "does not support hold-maps" ip link set dev eth0 \
			xdpgeneric off hold-maps
		expect_text "does not support hold-maps" ip link set dev eth0 \
			xdp none hold-maps
	done
	not_shown_xdp
	absent bpf tc filter show dev eth0 ingress
	# the control: the same without the keyword
	tc filter add dev eth0 ingress bpf bytecode-file /tmp/bytecode
	present bytecode tc filter show dev eth0 ingress
}

# The built-in loader shows the hold.
case_built_in_shows() {
	PATH=$top/build/tools/patched-nolibbpf:$PATH
	add_pair eth0
	ip_takes xdp obj "$objs/legacy.bpf.o" hold-maps section prog
	ip_takes xdp obj "$objs/legacy.bpf.o" section prog verbose hold-maps
	tc qdisc add dev eth0 clsact
	tc_takes da hold-maps obj "$objs/legacy.tc.bpf.o" section classifier
	tc_takes obj "$objs/legacy.tc.bpf.o" action ok hold-maps
}

case_usage() {
	for tools in patched patched-nolibbpf; do
		PATH=$top/build/tools/$tools:$PATH
		expect_text '[ hold-maps ]' ip link help
		expect_text '[ hold-maps ]' tc filter add bpf help
	done
}

# What the shell offers as completion of the last of these words
complete_words() {
	bash -c '
		_init_completion() {
			words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
			cur=${words[cword]} prev=${words[cword - 1]}
		}
		. "$1"
		COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2)) COMPREPLY=()
		_tc
		echo "${COMPREPLY[*]}"' \
		- "$top/build/src/iproute2-patched/bash-completion/tc" tc "$@"
}

case_completion() {
	local add="filter add dev lo bpf object-file x.o"

	# shellcheck disable=SC2086 # words
	{
		expect "of a part" hold-maps "$(complete_words $add ho)"
		expect "once" "" "$(complete_words $add hold-maps ho)"
		expect "of skip_sw" "" "$(complete_words $add skip_sw ho)"
		expect "of classic BPF" "" \
			"$(complete_words filter add dev lo bpf bytecode-file x ho)"
		expect "of classic BPF" "" \
			"$(complete_words filter add dev lo bpf bcf x ho)"
		expect "later" section "$(complete_words $add verbose hold-maps da se)"
		expect "program" program "$(complete_words $add section x prog)"
	}
}

run_cases "$@"
