#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# build-each.sh kernel|lts|libbpf|iproute2: build a series one patch at a time, as a bisection would. Each patch must build
# without warnings that the base does not have.
#
#   kernel    with W=1, the objects in the folders that the series changes, in six configurations; sparse and kernel-doc on
#             the changed files. Instead of linking, check that each symbol that is called is defined, or called by the base.
#   lts       the same for the stable kernel, in one configuration
#   libbpf    libbpf and bpftool
#   iproute2  everything, with the base libbpf and without libbpf
#
# It builds in a source tree of its own in build/each, with ccache. A series that passed is not built again until the series,
# the base, a compiler or this script changes.
. "$(dirname "$0")/lib.sh"

series=${1:-} configs='guest nobpf nonet module i386 clang'
case $series in
kernel) tree=linux-patched sparse='/* !/Documentation/*/ !/tools/testing/' ;;
lts) tree=lts-patched sparse='/* !/Documentation/*/ !/tools/testing/' configs=guest ;;
libbpf) tree=libbpf-patched sparse='/tools/ !/tools/testing/ /scripts/ /kernel/bpf/ /include/uapi/ /arch/x86/include/' ;;
iproute2) tree=iproute2-patched sparse='/*' ;;
*) die "usage: build-each.sh kernel|lts|libbpf|iproute2" ;;
esac
origin=$build/src/$tree
work=$build/each/$tree
logs=$build/log/each-$series
good=$build/each/$series.good

plain_git
use_ccache "$work"
export KBUILD_BUILD_TIMESTAMP='Sat Jan  1 00:00:00 UTC 2000' KBUILD_BUILD_USER=hold-maps KBUILD_BUILD_HOST=guest
unset "${!LIBBPF_@}"

g() { git -C "$work" "$@"; }

# ---- the kernel -----------------------------------------------------------------------------------------------------

# How CONFIG differs from the configuration of the guest's kernel.
config() {
	arch=x86_64 cc=gcc options=
	folders=(kernel/workqueue.o kernel/bpf/ arch/x86/net/ net/core/ net/sched/ drivers/net/{bonding,netdevsim}/ drivers/net/veth.o)
	case $1 in
	nobpf) options='# CONFIG_BPF_SYSCALL is not set' ;;
	nonet) options='# CONFIG_NET is not set' folders=(kernel/workqueue.o kernel/bpf/ arch/x86/net/) ;;
	# It calls snprintf().
	module) options=$'CONFIG_MODULES=y\nCONFIG_NET_CLS_BPF=m' folders+=(lib/vsprintf.o) ;;
	i386) arch=i386 options='# CONFIG_BPF_JIT_ALWAYS_ON is not set' ;;
	clang) cc=clang-$NEW_LLVM ;;
	esac
	# netkit requires both.
	case $1 in nobpf | nonet) ;; *) folders+=(drivers/net/netkit.o) ;; esac
	obj=$work/.build-$1
}

kbuild() {
	make "${jobs[@]}" -C "$work" O="$obj" ARCH="$arch" CC="ccache $cc" HOSTCC='ccache gcc' LOCALVERSION=-each W=1 \
		KERNELDOC=/dev/null "$@"
}

# tinyconfig with the guest's options and those of CONFIG
configure() {
	local log=$1

	rm -rf "$obj"
	mkdir -p "$obj"
	echo "$options" >"$obj/.own"
	ARCH=$arch CC=$cc "$top/.make/configure.sh" last "$work" "$obj" "$top"/selftests/vm/{common,x86}.config "$obj/.own" \
		>"$log" 2>&1 || failed "$log"
}

# What the objects of CONFIG depend on. They are rebuilt when it changes.
made_of() {
	{
		g rev-parse 'base^{tree}'
		echo "$arch $options ${folders[*]}"
		"$cc" --version
		cat "$top"/selftests/vm/{common,x86}.config
	} | sha256sum
}

# The objects of the C files that the series changes, if CONFIG builds them.
touched() {
	local file

	for file in $(g diff --name-only base "$last" -- '*.c' ':!tools' ':!samples' ':!Documentation'); do
		[[ $name != guest || " ${folders[*]} " == *" ${file%/*}/ "* || " ${folders[*]} " == *" ${file%.c}.o "* ]] ||
			die "$file is not in a folder that is built: add its folder to ${0##*/}."
		[ ! -e "$obj/${file%.c}.o" ] || echo "${file%.c}.o"
	done
}

# What the objects call that is neither defined in them nor, for modules, exported by them.
undefined() (
	cd "$obj"
	find "${folders[@]}" -name '*.mod' -exec cat {} + | sort -u >.modules
	find "${folders[@]}" -name '*.o' ! -name '.*' | sort | comm -23 - .modules | xargs nm >.symbols
	awk 'NF == 3 && $2 ~ /[A-TV-Z]/ { print $3 }' .symbols | sort -u >.defined
	sed -n 's/.* __export_symbol_//p' .symbols | sort -u >.exported
	awk '$1 == "U" { print $2 }' .symbols | sort -u | comm -23 - .defined
	xargs -r nm -u <.modules | awk '$1 == "U" { print $2 " of a module" }' | sort -u | join -v 1 - .exported
)

# In the guest's configuration, all folders are built for each patch. In the other configurations, only the files that the
# series changes are; they include all headers that it changes. The other files are built once, at the base.
build_kernel() {
	local label=$1 name log objects check=1

	[ "$label" != base ] || check=2
	[ "$label" = base ] || [ "$(g diff --name-only HEAD^ HEAD -- ':!Documentation')" ] || return 0
	for name in $configs; do
		config "$name"
		printf ' %s' "$name" >&2
		log=$logs/$label-$name.log
		if [ "$(cat "$obj/.for" 2>/dev/null)" != "$(made_of)" ]; then configure "$log"; fi
		: >"$log"
		[ "$label" != base ] || kbuild "${folders[@]}" >"$log" 2>&1 || failed "$log"
		objects=$(touched)
		# shellcheck disable=SC2086 # file names
		if [ "$name" = guest ]; then
			# At the base, check all files with sparse, later only those that are compiled. Debian 12's sparse
			# does not know __typeof_unqual__, and kbuild would skip it.
			kbuild C=$check CHECK='sparse -D__typeof_unqual__=__typeof__' $objects >>"$log" 2>&1 || failed "$log"
			! grep -q 'sparse.* is not available' "$log" || die "$what: kbuild rejects this version of sparse: ${log#"$top"/}"
			kbuild "${folders[@]}" >>"$log" 2>&1 || failed "$log"
			kernel_doc >>"$log" 2>&1
		else
			kbuild $objects >>"$log" 2>&1 || failed "$log"
		fi
		undefined | sed 's/$/ is defined nowhere here/' >>"$log"
		compare "$label" "$obj" "$log"
		# Only now: the warnings of an incomplete base build are not known.
		[ "$label" != base ] || made_of >"$obj/.for"
	done
}

build_lts() { build_kernel "$@"; }

# W=1 checks C files one by one and no headers. Check all files that the series changes, once.
kernel_doc() {
	local files kernel_doc=(python3 tools/docs/kernel-doc)

	cd "$work"
	[ -e tools/docs/kernel-doc ] || kernel_doc=(perl scripts/kernel-doc)
	files=$(g diff --name-only base "$last" -- '*.[ch]' ':!tools' ':!samples' | xargs -r ls 2>/dev/null)
	# shellcheck disable=SC2086 # file names; the exit status counts the warnings
	[ -z "$files" ] || "${kernel_doc[@]}" -Wall -none $files || true
	cd - >/dev/null
}

# ---- libbpf and iproute2 --------------------------------------------------------------------------------------------

build_libbpf() {
	local log=$logs/$1.log obj=$work/.build

	mkdir -p "$obj/libbpf" "$obj/bpftool"
	printf ' libbpf' >&2
	make "${jobs[@]}" -C "$work/tools/lib/bpf" CC='ccache gcc' OUTPUT="$obj/libbpf/" >"$log" 2>&1 || failed "$log"
	printf ' bpftool' >&2
	make "${jobs[@]}" -C "$work/tools/bpf/bpftool" CC='ccache gcc' HOSTCC='ccache gcc' OUTPUT="$obj/bpftool/" \
		SKIP_LLVM=1 SKIP_LIBBFD=1 SKIP_CRYPTO=1 BUILD_BPF_SKELS= >>"$log" 2>&1 || failed "$log"
	compare "$1" "$obj" "$log"
}

# Its Makefiles do not track header dependencies: always build from scratch.
build_iproute2() {
	local with log

	for with in on off; do
		printf ' libbpf=%s' $with >&2
		log=$logs/$1-$with.log
		g clean -q -fdx -e /.seen-on -e /.seen-off
		mkdir -p "$work/.seen-$with"
		(
			cd "$work"
			CC='ccache gcc' LIBBPF_FORCE=$with LIBBPF_DIR=$build/libbpf/base ./configure
			make "${jobs[@]}"
		) >"$log" 2>&1 || failed "$log"
		compare "$1" "$work/.seen-$with" "$log"
	done
}

# ---- for all series -------------------------------------------------------------------------------------------------

failed() {
	say
	show_log "$1"
	die "$what does not build: ${1#"$top"/}"
}

# Warnings without line numbers, which patches change.
findings() {
	sed -nE -e 's#^(\.\./)*([^ :]+):[0-9]+(:[0-9]+)?: ((warning|error): .*)#\2: \4#p' \
		-e 's#^[Ww]arning: (\.\./)*([^ :]+):[0-9]+ (.*)#\2: warning: \3#p' \
		-e '/objtool/s#^([^ :]+\.o: warning: objtool: [^ +]*)(\+0x[0-9a-f]+)?#\1#p' \
		-e '/ is defined nowhere here$/p' "$1" | sort -u
}

# compare LABEL DIR LOG: fail if LOG has warnings that the base does not have. Those of the base are accumulated in DIR,
# because an incremental build only repeats the warnings of what it compiles.
compare() {
	local seen=$2/.findings new

	touch "$seen"
	if [ "$1" = base ]; then
		findings "$3" | sort -u - "$seen" >"$seen.new"
		mv "$seen.new" "$seen"
		return
	fi
	new=$(findings "$3" | comm -23 - "$seen")
	[ -z "$new" ] || die "$what adds warnings, see ${3#"$top"/}:"$'\n'"$new"
}

# A separate tree, which shares the objects of the one in build/src.
borrow() {
	[ "$(cat "$work/.git/objects/info/alternates" 2>/dev/null)" = "$(git -C "$origin" rev-parse --path-format=absolute --git-common-dir)/objects" ] &&
		g cat-file -e "$base^{commit}" 2>/dev/null && [ "$(g rev-parse base)" = "$base" ] && return
	rm -rf "$work"
	mkdir -p "$build/each"
	git clone -q --shared --no-checkout "$origin" "$work"
	g tag -f base "$base" >/dev/null
	tr ' ' '\n' <<<"$sparse" | g sparse-checkout set --no-cone --stdin
	printf '%s\n' '/.build*' '/.seen*' >>"$work/.git/info/exclude"
}

mkdir -p "$build/each" "$logs"
exec 8>"$good.lock"
flock 8
base=$(git -C "$origin" rev-parse 'base^{commit}')
last=$(git -C "$origin" rev-parse HEAD)
mapfile -t commits < <(git -C "$origin" rev-list --reverse base..HEAD)
state=$({
	git -C "$origin" rev-parse 'base^{tree}' "${commits[@]/%/^\{tree\}}"
	gcc --version
	"clang-$NEW_LLVM" --version
	cat "$0" "$top"/selftests/vm/{common,x86}.config
} | sha256sum)
if [ "$(cat "$good" 2>/dev/null)" = "$state" ]; then
	say "  $series: all ${#commits[@]} patches were built before, without new warnings"
	exit
fi
rm -f "$good"
case $series in kernel | lts) room "$build" 6 "Building each patch" ;; esac
borrow
n=0
for commit in "$base" "${commits[@]}"; do
	label=$(printf '%02d' $n)
	[ $n -ne 0 ] || label=base
	what="$series $n/${#commits[@]} $(g log -1 --format=%s "$commit")"
	[ $n -ne 0 ] || what="$series, base"
	start=$SECONDS
	printf '  %s:' "$what" >&2
	g checkout -q -f --detach "$commit"
	"build_$series" "$label"
	printf ', %d s\n' $((SECONDS - start)) >&2
	n=$((n + 1))
done
echo "$state" >"$good"
