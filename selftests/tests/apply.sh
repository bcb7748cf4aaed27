#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all host
# @build selftests build/tools/patched/bpftool
# The series of the tools: the changes of libbpf's interface, where the patches
# apply, and whether the manual pages are well-formed. U5
. "$(dirname "$0")/../lib/testing.sh"

src=$top/build/src
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=1
export GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
export GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@localhost
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost

patches_of() { find "$top/$1" -name '[0-9]*.patch' ! -path '*/6.12/*' | sort; }

# ---- libbpf -----------------------------------------------------------------

# abi_of OLD NEW: abidiff's output, except for new members and their offsets,
# and for the number of new functions
abi_of() {
	local of=$top/build/libbpf status=0

	abidiff --headers-dir1 "$of/$1/usr/include/bpf" \
		--headers-dir2 "$of/$2/usr/include/bpf" \
		"$of/$1/usr/lib64/libbpf.so.1" "$of/$2/usr/lib64/libbpf.so.1" \
		>"$work/abi" || status=$?
	# 1 and 2 are its own errors, 4 and 8 are changes
	[ $((status & 3)) = 0 ] || fail "abidiff: $(cat "$work/abi")"
	grep -vE \
		-e '^$|^[0-9]+ functions? with some indirect' \
		-e ' changes summary: 0 Removed, .*, [03] Added' \
		-e '^3 Added functions:$' \
		-e "\[C\] 'function int bpf_(tc|xdp)_(attach|query)\(" \
		-e ' (has|have) .*sub-type changes:$' \
		-e '^ +in (pointed to|unqualified underlying) type ' \
		-e "type size (hasn't changed|changed from 256 to 320)" \
		-e '^ +1 data member insertion:' \
		-e "^ +'bool hold_maps', at offset " "$work/abi" || :
}

case_abi_only_grows() {
	local others

	others=$(abi_of base patched)
	expect "other changes of the ABI" \
		"bpf_program__attach_freplace_opts bpf_program__attach_xdp_opts libbpf_probe_hold_maps" \
		"$(sed -nE 's/^ +\[A\] .*\{(.*)@@LIBBPF_1.8.0\}$/\1/p; t; p' \
			<<<"$others" | xargs)"
	# the control
	grep "'bool hold_maps', at offset " "$work/abi"
}

# The control: in reverse, members are removed.
case_abi_shrinks_backwards() {
	[[ $(abi_of patched base) == *"data member deletion"* ]]
}

# The library patches apply to Debian's source package of libbpf, which builds.
case_standalone_libbpf() {
	local tar

	tar=$("$top/.make/fetch.sh" libbpf)
	tar -xf "$tar" --strip-components=1 -C "$work"
	cd "$work"
	git init -q
	git add -A -f
	git commit -q -m "$(basename "$tar")"
	"$top/.make/standalone.sh" .
	expect "patches applied, and libbpf.map" 13 \
		"$(($(git rev-list --count HEAD) - 1))"
	make -C src CC='ccache gcc' "-j$(nproc)" install install_headers \
		DESTDIR="$work/to" LIBSUBDIR=lib
	gcc -Wall -Werror -DHOLD_MAPS -I"$work/to/usr/include" -Iinclude/uapi \
		-o caller "$top/selftests/bin/caller.c" \
		"$work/to/usr/lib/libbpf.a" -lelf -lz
	nm -D --defined-only "$work/to/usr/lib/libbpf.so" >symbols
	grep ' bpf_xdp_attach@' symbols
	grep ' libbpf_probe_hold_maps@' symbols
}

# The tree's own check of the exported symbols and their versions
case_libbpf_checks_itself() {
	mkdir -p "$work/check"
	make -C "$src/libbpf-patched/tools/lib/bpf" CC='ccache gcc' "-j$(nproc)" \
		OUTPUT="$work/check/" check
}

# ---- the series -------------------------------------------------------------

# tree_of FOLDER...: the tree of the kernel's source with these series
tree_of() {
	local folder patch

	export GIT_INDEX_FILE=$work/index
	rm -f "$GIT_INDEX_FILE"
	git -C "$src/linux" read-tree base
	for folder; do
		for patch in $(patches_of "$folder"); do
			git -C "$src/linux" apply --cached "$patch"
		done
	done
	git -C "$src/linux" write-tree
}

case_kernel_and_libbpf_in_either_order() {
	local one

	one=$(tree_of kernel-patches libbpf-patches)
	expect "the tree" "$one" "$(tree_of libbpf-patches kernel-patches)"
	# the control: each series changes it
	[ "$one" != "$(tree_of kernel-patches)" ]
	[ "$one" != "$(tree_of libbpf-patches)" ]
}

# The usual way: apply the patches, by their file names, to the source. The
# repository is a new one that shares the objects of the tree.
case_git_am_takes_each_folder() {
	local folder repo patches

	for folder in kernel-patches libbpf-patches iproute2-patches; do
		repo=linux
		[ $folder != iproute2-patches ] || repo=iproute2
		mapfile -t patches < <(patches_of $folder)
		rm -rf "$work/am"
		git clone -q -s -n -b pristine "$src/$repo" "$work/am"
		# the files that they change, for sparse-checkout
		sed -nE 's#^(---|\+\+\+) [ab]/([^\t]*).*#/\2#p' "${patches[@]}" | sort -u |
			git -C "$work/am" sparse-checkout set --no-cone --stdin
		git -C "$work/am" checkout -q
		git -C "$work/am" am -q "${patches[@]}"
		expect "patches applied" "$(patches_of $folder | wc -l)" \
			"$(git -C "$work/am" rev-list --count base..)"
	done
}

# ---- documentation ----------------------------------------------------------

# readable PAGE...: groff must not report anything
readable() {
	local page

	for page; do
		expect "groff's messages about $page" "" \
			"$(groff -man -ww -z -Tutf8 "$page" 2>&1)"
	done
}

case_man_pages() {
	local page

	readable "$src/iproute2-patched/man/man8/"{ip-link.8.in,tc-bpf.8}
	for page in net prog map link; do
		rst2man --exit-status=1 "$src/libbpf-patched/tools/bpf/bpftool/Documentation/bpftool-$page.rst" \
			"$work/$page.8"
		readable "$work/$page.8"
		grep -q 'hold_maps\|prog bind' "$work/$page.8"
	done
	grep -q 'hold-maps' "$src/iproute2-patched/man/man8/ip-link.8.in"
	grep -q 'hold-maps' "$src/iproute2-patched/man/man8/tc-bpf.8"
}

# bpftool's own comparison of its help, manual pages and completion
case_bpftool_synctypes() {
	cd "$src/libbpf-patched/tools/testing/selftests/bpf"
	python3 test_bpftool_synctypes.py
}

run_cases "$@"
