#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# tools.sh libbpf|bpftool|iproute2 NAME: build that part of the user space from the base tree (NAME is base) or the patched
# tree (NAME is patched).
#
#   build/libbpf/NAME/usr/{include,lib64}    libbpf.a and its headers
#   build/tools/NAME/{ip,tc,bpftool}         linked with that libbpf.a
#   build/tools/NAME-nolibbpf/{ip,tc}        configured without libbpf: only the built-in loader
#   build/tools/NAME-asan/{ip,tc,bpftool}    with AddressSanitizer, which also finds leaks
#
# The objects are in build/obj/: no source tree is written to.
. "$(dirname "$0")/lib.sh"

part=${1:-} name=${2:-}
case $name in
base | base-*) kernel=$build/src/linux iproute2=$build/src/iproute2 kernels='um-base base' ;;
patched | patched-*) kernel=$build/src/libbpf-patched iproute2=$build/src/iproute2-patched kernels='um patched um-debug debug kcsan' ;;
*) die "usage: tools.sh libbpf|bpftool|iproute2 {base|patched}[-nolibbpf|-asan]" ;;
esac
cc='ccache gcc' with_libbpf=on
case $name in
*-nolibbpf) with_libbpf=off ;;
*-asan) cc+=' -fsanitize=address -fno-omit-frame-pointer' ;;
esac
obj=$build/obj/$part-$name
libbpf=$build/libbpf/${name%%-*}
tools=$build/tools/$name
mkdir -p "$obj" "$tools"
exec 8>"$obj.lock"
flock 8

use_ccache "$build"

# put FILE...: copy each file atomically to the tools folder
put() {
	local file

	for file; do
		cp "$file" "$tools/.${file##*/}.new"
		mv "$tools/.${file##*/}.new" "$tools/${file##*/}"
	done
}

case $part in
libbpf)
	rm -rf "$libbpf" "$libbpf.new"
	make "${jobs[@]}" -C "$kernel/tools/lib/bpf" CC='ccache gcc' OUTPUT="$obj/" DESTDIR="$libbpf.new" prefix=/usr \
		install_lib install_headers install_pkgconfig
	# install preserves the time of the object, so make could take it for older than its source
	touch "$libbpf.new/usr/lib64/libbpf.a"
	mv "$libbpf.new" "$libbpf"
	;;
bpftool)
	# Any vmlinux with BTF will do for the skeletons, by which bpftool finds the processes that have an object open.
	for btf in $kernels; do
		if [ -e "$build/kernel/$btf/vmlinux" ]; then break; fi
	done
	make "${jobs[@]}" -C "$kernel/tools/bpf/bpftool" CC="$cc" HOSTCC='ccache gcc' OUTPUT="$obj/" \
		SKIP_LLVM=1 SKIP_LIBBFD=1 SKIP_CRYPTO=1 VMLINUX_BTF="$build/kernel/$btf/vmlinux"
	put "$obj/bpftool"
	;;
iproute2)
	# It builds in its own tree and does not track header dependencies: use a fresh copy each time, with ccache.
	rm -rf "$obj"
	mkdir -p "$obj"
	git -C "$iproute2" ls-files -z | tar -C "$iproute2" --null -T - -c | tar -x -C "$obj"
	cd "$obj"
	CC=$cc LIBBPF_FORCE=$with_libbpf LIBBPF_DIR=$libbpf ./configure
	make "${jobs[@]}" SUBDIRS='lib ip tc'
	put ip/ip tc/tc
	;;
*) die "usage: tools.sh libbpf|bpftool|iproute2 {base|patched}[-nolibbpf|-asan]" ;;
esac
