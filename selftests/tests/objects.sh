#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um
# @build build/tools/base/ip build/tools/base-nolibbpf/ip build/tools/patched-nolibbpf/ip
# Objects in common shapes, and how ip and tc load them, with libbpf and with
# the built-in loader, base and patched. U1, U3, U4
. "$(dirname "$0")/../lib/testing.sh"

# tools NAME: use ip and tc of build/tools/NAME
tools() { PATH=$top/build/tools/$1:$PATH; }

# load WHERE DEV OBJECT [OPTION]...
load() {
	local where=$1 dev=$2 file=$objs/$3
	shift 3

	case $where in
	xdp*)
		ip -force link set dev "$dev" "$where" obj "$file" "$@"
		;;
	*)
		tc qdisc replace dev "$dev" clsact
		tc filter replace dev "$dev" "$where" prio 1 handle 1 bpf da \
			obj "${file/.bpf.o/.tc.bpf.o}" "$@"
		;;
	esac
}

hit() { case $1 in xdp*) echo 2 ;; *) echo 0 ;; esac }
missed() { case $1 in xdp*) echo 1 ;; *) echo 2 ;; esac }

answers() { ask ids verdict "$1" && [ "$answer" = "$2" ]; }

# dies_and_lives SLOTS OBJECT [OPTION]...: at XDP and tc, after the loader has
# exited, its tail calls miss without hold-maps and hit with it
dies_and_lives() {
	local slots=$1 where prog
	shift

	add_pair eth0
	for where in xdpdrv ingress; do
		load "$where" eth0 "$@"
		prog=$(prog_id "$where" eth0)
		until_true "$where: without hold-maps it misses" \
			answers "$prog" "$(missed "$where")"
		detach "$where" eth0
		ids none

		load "$where" eth0 "$@" hold-maps
		settle
		prog=$(prog_id "$where" eth0)
		has_filled "$slots" "$prog"
		says "$(hit "$where")" ids verdict "$prog"
		detach "$where" eth0
		ids none
	done
}

# fails TEXT OBJECT [OPTION]...: to attach it at XDP and tc fails with TEXT
fails() {
	local text=$1 where
	shift

	add_pair eth0
	for where in xdpdrv ingress; do
		expect_text "$text" load "$where" eth0 "$@"
		absent ' id ' show "$where" eth0
		ids none
	done
}

case_jump_table() { dies_and_lives 2 table.bpf.o program jump; }
case_chain_of_three() { dies_and_lives 3 chain.bpf.o program entry; }
case_legacy() { dies_and_lives 2 legacy.bpf.o; }

case_built_in_legacy() {
	tools patched-nolibbpf
	dies_and_lives 2 legacy.bpf.o
}

# Several entry programs, one of which does not verify. The loader does not know
# which programs are in an array, so it loads all or only the chosen one.
case_several_own() { fails unverifiable several.bpf.o program uses_own; }

case_several_none_says_so() {
	add_pair eth0
	load xdpdrv eth0 several.bpf.o 2>/tmp/said
	grep "loaded only the program to attach" /tmp/said
	detach xdpdrv eth0
}

case_several_none() {
	add_pair eth0
	for option in '' hold-maps; do
		# shellcheck disable=SC2086 # none or one
		load xdpdrv eth0 several.bpf.o $option
		settle
		expect "the verdict" 2 "$(verdict "$(prog_id xdpdrv eth0)")"
	done
	detach xdpdrv eth0
}

# Another source file has a static function with the name of a program.
case_linked_shadow() {
	local kind

	for kind in bpf tc.bpf; do
		bpftool gen object "/tmp/linked.$kind.o" \
			"$objs/shadow.$kind.o" "$objs/table.$kind.o"
	done
	objs=/tmp
	dies_and_lives 2 linked.bpf.o program jump
}

# The section has several programs. The base tool takes the first.
case_section_of_several() {
	add_pair eth0
	expect_text "another unverifiable" \
		load xdpdrv eth0 plain.bpf.o section xdp
	expect_text "another unverifiable" \
		load ingress eth0 plain.bpf.o section tc
	ids none
	(
		tools base
		load xdpdrv eth0 plain.bpf.o section xdp
	)
	present "name another" ip link show dev eth0
	detach xdpdrv eth0
}

case_several_broken() { fails unverifiable several.bpf.o program uses_broken; }
case_several_not_there() { fails "doesn't contain prog" several.bpf.o program no; }
case_no_section() { fails "doesn't contain sec" plain.bpf.o section no; }
case_both() { fails "Move all maps to section" both.bpf.o; }
case_legacy_program() { fails 'use "section NAME"' legacy.bpf.o program entry; }
case_no_object() { fails "No such file" absent.bpf.o; }

case_built_in_values() {
	tools patched-nolibbpf
	fails "Build iproute2 with libbpf" plain.bpf.o
}

# It does not mention libbpf if the name of the section is wrong either.
case_built_in_no_section() {
	tools patched-nolibbpf
	add_pair eth0
	load xdpdrv eth0 chain.bpf.o section no 2>/tmp/said &&
		fail "loaded from a missing section"
	grep "not found in ELF file" /tmp/said
	absent libbpf cat /tmp/said
}

case_built_in_constants() {
	tools patched-nolibbpf
	fails "Loading section '.rodata' requires libbpf" constants.bpf.o
}

# The base tool does not print the verifier log.
case_built_in_says_why() {
	tools patched-nolibbpf
	fails "unreachable insn" rejected.bpf.o
	tools base-nolibbpf
	load xdpdrv eth0 rejected.bpf.o 2>/tmp/said &&
		fail "the verifier accepts it"
	grep "Verifier analysis" /tmp/said
	absent "unreachable insn" cat /tmp/said
}

case_built_in_both() {
	tools patched-nolibbpf
	fails "Build iproute2 with libbpf" both.bpf.o
}

# Other programs open the array by its pin and find what the object puts into
# it. The base tools do not load such an object.
case_entered_for_others() {
	local where

	add_pair eth0
	defer rm -rf "$pins"/{ip,tc,xdp}
	for where in xdpdrv ingress; do
		load "$where" eth0 doors.bpf.o program front hold-maps
		bpftool map dump name doors >/tmp/slots
		grep -A1 '^key: 05 00 00 00' /tmp/slots
		detach "$where" eth0
		rm -rf "$pins"/{ip,tc,xdp}
		! (
			tools base
			load "$where" eth0 doors.bpf.o program front
		) ||
			fail "the base tools load it"
		rm -rf "$pins"/{ip,tc,xdp}
	done
}

no_later() { ! bpftool map show name later; }

update_later() {
	bpftool map update name later key 1 0 0 0 \
		value pinned "$pins/p/verdict_hit"
}

# The entry program is in the section 'prog'. A program that bpftool loads from
# SEC("xdp") can be put into its array. With the base tool it cannot.
case_updated_later() {
	add_pair eth0
	defer rm -rf "$pins/p"
	bpftool prog loadall "$objs/table.bpf.o" "$pins/p" type xdp
	(
		tools base
		load xdpdrv eth0 plain.bpf.o
	)
	expect_text "such as the expected attach type" update_later
	detach xdpdrv eth0
	until_true "the first array is gone" no_later
	load xdpdrv eth0 plain.bpf.o
	update_later
	detach xdpdrv eth0
	rm -rf "$pins/p"
}

# The same for a program that bpftool loads from SEC("tc"). The base tc also
# loads it from sections that libbpf does not know, except "tcx/ingress".
case_updated_later_tc() {
	local section

	add_pair eth0
	tc qdisc add dev eth0 clsact
	defer rm -rf "$pins/p"
	bpftool prog loadall "$objs/table.tc.bpf.o" "$pins/p"
	for section in ingress tcx/ingress; do
		load ingress eth0 sections.bpf.o section $section hold-maps
		says 2 ids verdict "$(prog_id ingress eth0)"
		update_later
		says 0 ids verdict "$(prog_id ingress eth0)"
		detach ingress eth0
		until_true "the array is gone" no_later
	done
	(
		tools base
		load ingress eth0 sections.bpf.o section tcx/ingress
	)
	expect_text "such as the expected attach type" update_later
	detach ingress eth0
	rm -rf "$pins/p"
}

# edit_elf OBJECT NEW CODE: CODE changes the file in data. Its section headers
# are at shoff, that of .symtab at symtab.
edit_elf() {
	python3 - "$objs/$1" "/tmp/$2" "$3" <<-'END'
		import struct, sys
		data = bytearray(open(sys.argv[1], 'rb').read())
		shoff, = struct.unpack_from('<Q', data, 40)
		num, = struct.unpack_from('<H', data, 60)
		symtab = [at for at in range(shoff, shoff + num * 64, 64)
			  if struct.unpack_from('<I', data, at + 4) == (2,)][0]
		exec(sys.argv[3])
		open(sys.argv[2], 'wb').write(data)
	END
}

# Section headers that are not aligned, which the base tools accept
case_unaligned() {
	edit_elf calls.bpf.o unaligned.bpf.o \
		'data[shoff:shoff] = bytes(1); struct.pack_into("<Q", data, 40, shoff + 1)'
	objs=/tmp
	add_pair eth0
	(
		tools base
		load xdpdrv eth0 unaligned.bpf.o
	)
	detach xdpdrv eth0
	load xdpdrv eth0 unaligned.bpf.o
	detach xdpdrv eth0
}

# Symbols of size zero, which make the base tools divide by zero
case_entry_size() {
	local build status

	edit_elf calls.bpf.o entsize.bpf.o \
		'struct.pack_into("<Q", data, symtab + 56, 0)'
	objs=/tmp
	add_pair eth0
	for build in base:136 base-nolibbpf:136 patched:1 patched-nolibbpf:1; do
		status=0
		(
			tools "${build%:*}"
			load xdpdrv eth0 entsize.bpf.o
		) || status=$?
		expect "the status of ${build%:*}" "${build#*:}" "$((status == 136 ? 136 : status > 0))"
	done
}

# what_loads TOOLS: the objects that TOOLS load, without hold-maps
what_loads() {
	local where object

	tools "$1"
	for object in plain calls table chain several legacy both; do
		for where in xdpdrv ingress; do
			if load "$where" eth0 "$object.bpf.o" >&2; then
				echo "$object:$where"
				detach "$where" eth0
			fi
		done
	done
	tc qdisc replace dev eth0 clsact
	for object in "$objs"/example_*.o; do
		for where in classifier ingress; do
			if tc filter add dev eth0 ingress bpf da \
				obj "$object" section $where >&2; then
				echo "$(basename "$object" .o):$where"
				tc filter del dev eth0 ingress
			fi
			rm -rf "$pins"/{ip,tc,xdp}
		done
	done
}

# nothing_lost BASE PATCHED WANTED...: the base tools load WANTED, and so do the
# patched ones
nothing_lost() {
	local base patched lost

	add_pair eth0
	defer rm -rf "$pins"/{ip,tc,xdp}
	base=$(what_loads "$1")
	expect "what loads with the base tools" "${*:3}" "$(xargs <<<"$base")"
	patched=$(what_loads "$2")
	lost=$(grep -vxF "$patched" <<<"$base") || :
	expect "what was lost" "" "$lost"
	[ "$(wc -l <<<"$patched")" -ge "$(wc -l <<<"$base")" ]
}

# iproute2's examples print to the trace.
# @all patched
# @needs tracing
case_nothing_lost() {
	nothing_lost base patched plain:xdpdrv plain:ingress \
		calls:xdpdrv calls:ingress \
		example_bpf_graft:classifier \
		example_bpf_map_in_map:ingress example_bpf_shared:ingress
}

# @all patched
# @needs tracing
case_nothing_lost_built_in() {
	nothing_lost base-nolibbpf patched-nolibbpf \
		legacy:xdpdrv legacy:ingress \
		example_legacy_bpf_cyclic:classifier \
		example_legacy_bpf_graft:classifier \
		example_legacy_bpf_map_in_map:ingress \
		example_legacy_bpf_shared:ingress \
		example_legacy_bpf_tailcall:classifier
}

case_ten_devices() {
	local i

	for i in {0..9}; do
		add_pair "eth$i"
		load xdpdrv "eth$i" chain.bpf.o program entry hold-maps
	done
	settle
	# the array of each has its own hold
	for i in 0 3 6 9 1; do
		detach xdpdrv "eth$i"
	done
	settle
	for i in 2 4 5 7 8; do
		expect "eth$i: the verdict" 2 \
			"$(verdict "$(prog_id xdpdrv "eth$i")")"
		detach xdpdrv "eth$i"
	done
}

run_cases "$@"
