#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# kernel.sh NAME: build a kernel for the emulator (base, patched, debug, kcsan or lts) or for user-mode Linux (um-base, um or
# um-debug), which is an ordinary program of the host. Install it as build/boot/NAME, without debug information.
#
# The objects are in .build-NAME inside the source tree, and build/kernel/NAME links to it: kbuild then only passes relative
# paths to the compiler, so that all kernels and clones share the ccache.
. "$(dirname "$0")/lib.sh"

name=${1:-}
case $name in
base | um-base) tree=linux ;;
lts) tree=lts-patched ;;
*) tree=linux-patched ;;
esac
case $name in
base | patched | lts) arch=x86_64 image=vmlinux fragments=(common.config x86.config) ;;
debug | kcsan) arch=x86_64 image=vmlinux fragments=(common.config x86.config "$name.config") ;;
um | um-base) arch=um image=linux fragments=(common.config um.config) ;;
um-debug) arch=um image=linux fragments=(common.config um.config debug.config) ;;
*) die "usage: kernel.sh base|patched|debug|kcsan|lts|um-base|um|um-debug" ;;
esac
fragments=("${fragments[@]/#/$top/selftests/vm/}")
src=$build/src/$tree
obj=$src/.build-$name
mkdir -p "$obj" "$build/kernel" "$build/boot"
ln -sfn "../src/$tree/.build-$name" "$build/kernel/$name"
exec 8>"$obj/.lock"
flock 8

# Without these, two builds of one source would differ, in their bytes or for ccache.
export KBUILD_BUILD_TIMESTAMP='Sat Jan  1 00:00:00 UTC 2000' KBUILD_BUILD_USER=hold-maps KBUILD_BUILD_HOST=guest
use_ccache "$src"
# kbuild lists all headers in its .d files, so ccache does not have to run the preprocessor.
export CCACHE_DEPEND=1

kbuild() {
	make -C "$src" O="$obj" ARCH="$arch" CC='ccache gcc' HOSTCC='ccache gcc' LOCALVERSION="-$name" "$@"
}

want=$(cat "${fragments[@]}" | sha256sum)
if [ "$(cat "$obj/.configured" 2>/dev/null)" != "$want" ]; then
	rm -f "$obj/.configured"
	ARCH=$arch "$top/.make/configure.sh" all "$src" "$obj" "${fragments[@]}"
	echo "$want" >"$obj/.configured"
fi
kbuild "${jobs[@]}" "$image"
strip -g -o "$build/boot/$name.new" "$obj/$image"
mv "$build/boot/$name.new" "$build/boot/$name"
