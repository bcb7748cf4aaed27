#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all host
# @whole
# @build build/boot/base build/boot/patched
# The packet path does not change: compare the machine code of the base and of
# the patched kernel, function by function, and their structures. S1
. "$(dirname "$0")/../lib/testing.sh"

kernels=$top/build/kernel
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The packet path: no instruction in these functions may differ.
path='
net/core/dev.o		bpf_prog_run_generic_xdp do_xdp_generic generic_xdp_tx
net/core/dev.o		__netif_receive_skb_core __netif_receive_skb_list_core
net/core/dev.o		netif_receive_skb netif_rx_internal __dev_queue_xmit
net/core/dev.o		tc_run
net/core/filter.o	bpf_dispatcher_xdp_func
net/core/filter.o	xdp_do_redirect xdp_do_redirect_frame xdp_do_flush
net/core/filter.o	xdp_do_generic_redirect xdp_master_redirect
net/core/filter.o	skb_do_redirect
net/core/skmsg.o	sk_psock_msg_verdict
kernel/bpf/cpumap.o	cpu_map_bpf_prog_run cpu_map_bpf_prog_run_xdp
kernel/bpf/cpumap.o	cpu_map_bpf_prog_run_skb cpu_map_kthread_run
kernel/bpf/cpumap.o	cpu_map_enqueue cpu_map_generic_redirect
kernel/bpf/devmap.o	dev_map_bpf_prog_run bq_xmit_all dev_map_enqueue
kernel/bpf/devmap.o	dev_map_enqueue_multi dev_map_generic_redirect
kernel/bpf/devmap.o	dev_map_redirect_multi
kernel/bpf/arraymap.o	array_map_lookup_elem array_map_gen_lookup
net/sched/cls_bpf.o	cls_bpf_classify
net/sched/cls_api.o	tcf_classify __tcf_classify
net/sched/act_bpf.o	tcf_bpf_act
drivers/net/veth.o	veth_xdp_rcv_one veth_xdp_rcv_skb veth_xdp_rcv
drivers/net/veth.o	veth_poll veth_xdp_tx veth_xdp_xmit veth_xmit
drivers/net/tun.o	tun_xdp_act tun_xdp_xmit tun_net_xmit
drivers/net/netkit.o	netkit_xmit
drivers/net/bonding/bond_main.o	bond_xdp_xmit bond_xdp_get_xmit_slave
'

# Functions that may differ, each with those into which it may be inlined, and
# the reason why they are not in the packet path.
may_differ='
# clears a prog array in a work; an update waits for that
kernel/bpf/arraymap.o	prog_array_map_clear prog_array_map_clear_deferred
kernel/bpf/arraymap.o	prog_array_map_alloc bpf_fd_array_map_update_elem
# the bpf system call
kernel/bpf/syscall.o	__sys_bpf bpf_prog_bind_map bpf_prog_get_info_by_fd
kernel/bpf/syscall.o	bpf_prog_copy_map_ids
# takes and drops holds: attach and detach
kernel/bpf/syscall.o	bpf_prog_hold_maps bpf_prog_unhold_maps
net/core/dev.o		dev_xdp_attach dev_xdp_uninstall
net/core/dev.o		unregister_netdevice_many_notify
net/core/dev.o		bpf_xdp_link_update bpf_xdp_link_release
net/core/dev.o		dev_xdp_detach_link bpf_prog_put_dev
net/sched/cls_bpf.o	cls_bpf_change bpf_prog_put_dev
net/sched/cls_bpf.o	__cls_bpf_delete_prog cls_bpf_free_parms
kernel/bpf/mprog.o	bpf_mprog_attach bpf_mprog_detach bpf_mprog_pos_after
kernel/bpf/mprog.o	bpf_mprog_pos_before bpf_mprog_tuple_relative
kernel/bpf/tcx.o	tcx_prog_attach tcx_prog_detach tcx_uninstall
kernel/bpf/tcx.o	tcx_link_attach tcx_link_release tcx_link_update
drivers/net/netkit.o	netkit_prog_attach netkit_prog_detach netkit_uninit
drivers/net/netkit.o	netkit_link_attach netkit_link_release netkit_link_update
kernel/bpf/syscall.o	bpf_tracing_prog_attach bpf_tracing_link_release
kernel/bpf/syscall.o	bpf_raw_tp_link_attach
# allocates and frees the tcx list, which has grown at its end
net/sched/sch_ingress.o	clsact_init clsact_destroy ingress_init ingress_destroy
# uses what follows the list in the private data of a netkit device: setup
drivers/net/netkit.o	netkit_change_link netkit_dev_fetch netkit_fill_info
drivers/net/netkit.o	netkit_new_link netkit_open netkit_queue_create
drivers/net/netkit.o	netkit_set_headroom netkit_set_macaddr netkit_xsk
# has the kernel release, which differs
kernel/sys.o		override_release
drivers/net/bonding/bond_procfs.o	bond_info_seq_show
# dumps
net/core/dev.o		bpf_xdp_link_fill_link_info bpf_xdp_link_show_fdinfo
net/core/dev.o		bpf_xdp_link_hold_flag
net/core/rtnetlink.o	rtnl_xdp_fill rtnl_fill_ifinfo rtnl_xdp_size
net/core/rtnetlink.o	if_nlmsg_size do_setlink
net/sched/cls_bpf.o	cls_bpf_dump
kernel/bpf/mprog.o	bpf_mprog_query
kernel/bpf/tcx.o	tcx_link_fdinfo tcx_link_fill_info tcx_link_hold_flag
drivers/net/netkit.o	netkit_link_fdinfo netkit_link_fill_info
drivers/net/netkit.o	netkit_link_hold_flag
kernel/bpf/syscall.o	bpf_tracing_link_fill_link_info
kernel/bpf/syscall.o	bpf_tracing_link_show_fdinfo
'

# ---- functions --------------------------------------------------------------

differences() { python3 "$top/selftests/lib/functions.py" "$@"; }

# verdicts FILE: the output of functions.py, without the suffixes of clones
verdicts() {
	sed -E 's/\.(constprop|isra|part|cold)(\.[0-9]+)?//g; s/#[0-9]+$//' "$1"
}

# each LIST: the lines "object function" of a list above
each() {
	awk '!/^#/ { for (i = 2; i <= NF; i++) print $1, $i }' <<<"$1" | sort -u
}

# compile KERNEL SOURCE OBJECT [FILE [OPTION...]]: compile FILE into OBJECT in
# the same way as SOURCE of that kernel. Nothing else is written.
compile() (
	local kernel=$1 source=$2 to=$3 file=${4:-../$2} command

	set +x # the commands are long
	command=$(cd "$kernels/$kernel/${source%/*}" &&
		sed -n '1s/^savedcmd_[^ ]* := //p' \
			".$(basename "$source" .c).o.cmd")
	command=${command%% -c -o *}
	command=${command#ccache }
	command="${command/-Wp,-MMD,* -nostdinc/-nostdinc} ${*:5}"
	cd "$kernels/$kernel"
	eval "$command -c -o $to $file"
)

# planted SOURCE EXPRESSION: what differs after sed changed SOURCE
planted() {
	local source=$1 name file=$kernels/patched/source/$1

	name=$(basename "$source" .c)
	mkdir -p "$work/plain" "$work/planted"
	# the same path for both, because the objects contain it
	cp "$file" "$work/$name.c"
	compile patched "$source" "$work/plain/$name.o" "$work/$name.c"
	sed -E "$2" "$file" >"$work/$name.c"
	! cmp -s "$file" "$work/$name.c" ||
		fail "nothing was planted in $source"
	compile patched "$source" "$work/planted/$name.o" "$work/$name.c"
	differences "$work/plain/$name.o" "$work/planted/$name.o" \
		>"$work/verdicts"
	verdicts "$work/verdicts" | sed '/^same /d' | sort -u
}

# A constant, a condition, the target of a call, an offset in a structure
case_planted_changes_are_seen() {
	expect "a constant in the tail call of the JIT" \
		"changed bpf_jit_comp.o do_jit" \
		"$(planted arch/x86/net/bpf_jit_comp.c \
			's/(EMIT4\(0x48, 0x83, 0x38), MAX_TAIL_CALL_CNT\)/\1, 32)/')"
	expect "a condition in generic XDP" \
		"changed dev.o bpf_prog_run_generic_xdp" \
		"$(planted net/core/dev.c \
			'/^u32 bpf_prog_run_generic_xdp/,/^}/s/off != 0/off > 0/')"
	expect "the target of a call in veth" \
		"changed veth.o veth_xdp_rcv_one" \
		"$(planted drivers/net/veth.c \
			'/\*veth_xdp_rcv_one\(/,/^}/s/xdp_return_frame\(/xdp_return_frame_rx_napi(/')"
	[[ $(planted net/sched/cls_bpf.c \
		's/^struct cls_bpf_prog \{$/& struct bpf_prog *first;/') == *"changed cls_bpf.o cls_bpf_classify"* ]] ||
		fail "the moved member of struct cls_bpf_prog was not found"
}

# Compares both kernels once for all cases
compare_kernels() {
	[ ! -e "$work/functions" ] || return 0
	differences "$kernels/base/" "$kernels/patched/" >"$work/functions.new"
	mv "$work/functions.new" "$work/functions"
}

case_nothing_else_differs() {
	compare_kernels
	figure "$(wc -l <"$work/functions") functions compared"
	verdicts "$work/functions" | awk '$1 !~ /^(same|moved)$/ { print $2, $3 }' |
		sort -u >"$work/differ"
	# the control: these kernels were compared
	grep -x 'net/core/dev.o dev_xdp_attach' "$work/differ"
	grep -x 'net/sched/cls_bpf.o cls_bpf_change' "$work/differ"
	set +x # the comments of the list would be taken for figures
	expect "unexpected differences" "" \
		"$(each "$may_differ" | comm -23 "$work/differ" -)"
}

case_the_packet_path_is_the_same() {
	local object function

	compare_kernels
	verdicts "$work/functions" >"$work/verdicts"
	each "$path" >"$work/path"
	while read -r object function; do
		expect "$function in $object" same \
			"$(awk -v o="$object" -v f="$function" \
				'$2 == o && $3 == f { print $1 }' \
				"$work/verdicts" | sort -u)"
	done <"$work/path"
}

# checksums KERNEL OBJECT: "CHECKSUM OBJECT FUNCTION" for each function, as
# calculated by the kernel's tool for live patches
checksums() {
	local object=$work/object.o section=.discard.sym_checksum

	cp "$kernels/$1/$2" "$object"
	"$kernels/patched/tools/objtool/objtool" klp checksum "$object"
	objcopy -O binary -j $section --set-section-flags $section=alloc \
		"$object" "$work/sums"
	paste -d ' ' <(od -An -v -tx8 -w16 "$work/sums" | awk '{ print $2 }') \
		<(readelf -rW "$object" | awk -v s=".rela$section" -v o="$2" '
			/^Relocation section/ { here = index($0, s) }
			here && /R_X86_64/ { print $1, o, $5 }' | sort | cut -d ' ' -f 2-)
}

# Another tool, which reviewers trust, finds the same.
case_objtool_agrees() {
	local kernel object

	each "$path" >"$work/path"
	cut -d ' ' -f 1 "$work/path" | sort -u >"$work/objects"
	for kernel in base patched; do
		while read -r object; do
			checksums $kernel "$object"
		done <"$work/objects" >"$work/sums-$kernel"
		verdicts "$work/sums-$kernel" | sort -u >"$work/sums-of-$kernel"
	done
	comm -3 "$work"/sums-of-{base,patched} | awk '{ print $2, $3 }' |
		sort -u >"$work/differ"
	# the control
	grep -x 'net/core/dev.o dev_xdp_attach' "$work/differ"
	grep -x 'net/sched/cls_bpf.o cls_bpf_change' "$work/differ"
	figure "$(wc -l <"$work/sums-base") functions and variables"
	expect "what differs for objtool" "" "$(comm -12 "$work/differ" "$work/path")"
	# and they exist
	expect "functions that objtool did not see" "" \
		"$(cut -d ' ' -f 2- "$work/sums-of-base" | sort -u |
			comm -13 - "$work/path")"
}

# It generates the code of tail calls.
case_the_jit_is_the_same() {
	compare_kernels
	grep -x 'same arch/x86/net/bpf_jit_comp.o do_jit' "$work/functions"
	expect "what differs in the JIT" "" \
		"$(awk '$2 ~ /^arch\/x86\/net\// && $1 != "same"' \
			"$work/functions")"
}

# These kernels lack it (BPF_JIT_ALWAYS_ON), so it is compiled here.
case_the_interpreter_is_the_same() {
	local kernel

	compare_kernels
	echo '#undef CONFIG_BPF_JIT_ALWAYS_ON' >"$work/interpreter.h"
	for kernel in base patched; do
		mkdir -p "$work/$kernel"
		compile $kernel kernel/bpf/core.c "$work/$kernel/core.o" \
			../kernel/bpf/core.c -include "$work/interpreter.h"
	done
	differences "$work/base/core.o" "$work/patched/core.o" \
		>"$work/verdicts"
	expect "the interpreter" "same" \
		"$(awk '$3 ~ /^_*bpf_prog_run/ { print $1 }' "$work/verdicts" |
			sort -u)"
	grep -x 'same core.o ___bpf_prog_run' "$work/verdicts"
}

# ---- structures -------------------------------------------------------------

# layout FILE [OPTION...]: ignore pahole's warnings about kinds of BTF that it
# does not know, none of which is for structures.
layout() { pahole -F btf,dwarf "${@:2}" "$1" 2>"$work/pahole"; }

# structures FILE: print each structure as one line
structures() {
	layout "$1" | awk '
		/^(struct|union) [^ ]+ \{$/ { text = name = $1 " " $2; next }
		/^}/ { print text "\t" $0; text = ""; next }
		text != "" && !/cacheline [0-9]+ boundary/ { text = text $0 }' | sort
}

# members FILE STRUCT: print offset, size and declaration of each
members() {
	layout "$1" -C "$2" |
		sed -nE 's#^\t([^\t].*[^ \t])[ \t]*/\* +([0-9]+)(:[ 0-9]+)? +([0-9]+) \*/$#\2 \4 \1\3#p' |
		awk '{ $1 = $1 } $3 == "};" { $3 = "anonymous " ++n } { print }' |
		grep .
}

# first_moved BASE PATCHED STRUCT: the first member with another offset or size
first_moved() {
	members "$1" "$3" >"$work/before"
	members "$2" "$3" >"$work/after"
	awk 'NR == FNR { there[$0]; next }
	     !($0 in there) { sub(/^[^ ]+ [^ ]+ /, ""); print; exit }' \
		"$work/after" "$work/before"
}

case_a_planted_member_is_seen() {
	planted net/sched/cls_bpf.c \
		's/^struct cls_bpf_prog \{$/& struct bpf_prog *first;/'
	expect "the first member that moved" "struct bpf_prog * filter;" \
		"$(first_moved "$work"/{plain,planted}/cls_bpf.o cls_bpf_prog)"
}

case_no_other_structure_differs() {
	structures "$kernels/base/vmlinux" >"$work/before"
	structures "$kernels/patched/vmlinux" >"$work/after"
	expect "the structures that differ" \
		"bpf_array_aux bpf_link_info bpf_mprog_bundle bpf_prog_aux bpf_tracing_link bpf_tuple cls_bpf_prog net_device netkit tcx_entry" \
		"$(comm -3 "$work/before" "$work/after" |
			awk '{ print $2 }' | sort -u | xargs)"
}

# The packet path of tcx and netkit reads the start of the list, which grows at
# its end. The list of tcx stays in the same slab.
case_lists_grow_at_their_end() {
	local size

	expect "what moved in struct bpf_mprog_bundle" "" \
		"$(first_moved "$kernels"/{base,patched}/vmlinux bpf_mprog_bundle)"
	expect "the size of struct bpf_mprog_entry" "520 520" \
		"$(sizes bpf_mprog_entry)"
	read -r -a size <<<"$(sizes tcx_entry)"
	figure "struct tcx_entry: ${size[0]} and ${size[1]} bytes"
	[[ ${size[0]} -gt 1024 && ${size[1]} -le 2048 ]] ||
		fail "struct tcx_entry: ${size[*]}"
}

# sizes STRUCT: in both kernels
sizes() {
	local kernel

	for kernel in base patched; do
		layout "$kernels/$kernel/vmlinux" -C "$1" |
			sed -nE 's#.*/\* size: ([0-9]+),.*#\1#p'
	done | xargs
}

# New members fill holes: no member moves, and no structure that exists for each
# attachment, device or program grows.
case_structures_do_not_grow() {
	local struct size

	for struct in bpf_prog bpf_prog_aux bpf_xdp_entity cls_bpf_prog net_device; do
		expect "what moved in $struct" "" \
			"$(first_moved "$kernels"/{base,patched}/vmlinux $struct)"
		read -r -a size <<<"$(sizes $struct)"
		figure "struct $struct: ${size[0]} bytes"
		expect "the size of struct $struct" "${size[0]}" "${size[1]}"
	done
}

run_cases "$@"
