#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @long host
# @timeout 5400
# @build selftests build/boot/patched
# Installs the packages, including a kernel, on a Debian system that attaches at
# boot, upgrades them, and goes back to Debian's own. The steps are in
# debian/administrator. The kernel has a small configuration, or
# KERNEL_CONFIG=cloud that of Debian's. S1, S2, U1
. "$(dirname "$0")/../lib/testing.sh"

boots=5

# relay COMMAND...: print its output, and once a minute a line on the screen
relay() {
	local line

	"$@" 2>&1 | while IFS= read -r line; do
		echo "${line%$'\r'}"
		progress "$release: ${line%$'\r'}"
	done
}

# packages REVISION: build them, and put the repository on the disk
packages() {
	relay env -u MAKEFLAGS -u MAKELEVEL -u KERNEL -u T -u TIMEOUT \
		make -C "$top" deb RELEASE="$release" PART= REVISION="$1" \
		KERNEL_CONFIG="${KERNEL_CONFIG:-$work/config}"
	mkdir -p "$work/media/$1"
	cp -r "$repository" "$work/media/$1"
	rm "$work/media/$1/$release"/*.tar.* "$work/media/$1/$release"/linux-headers*
}

# system RELEASE: from the installation to the end
system() {
	local release=$1 work boot machine=$top/selftests/debian/machine out
	local repository=$top/build/deb/$release

	set +x
	work=$(mktemp -d "$top/build/debian.XXXXXX")
	defer rm -rf "$work"
	set_aside "$repository"
	cat "$top/build/kernel/patched/.config" "$top/selftests/debian/server.config" \
		>"$work/config"
	# apt rejects an index that is older than the one it has.
	packages 1
	packages 2
	cp "$top"/selftests/{debian/administrator,lib/cut} "$top/docs/using.md" \
		"$top/build/selftests/flood" "$work/media"
	cp "$objs/using.bpf.o" "$work/media/x.o"
	cp "$objs/using.tc.bpf.o" "$work/media/tc.o"
	"$machine" media "$work/media" "$work/media.img"
	relay "$machine" image "$release" "$work/system.img"
	for boot in $(seq $boots); do
		relay "$machine" boot "$work/system.img" "$work/media.img" \
			"$top/build/log/debian-$release-$boot.log" | tee "$work/out"
		out=$(cat "$work/out")
		[[ $out == *"step $boot is done" ]] ||
			fail "the boot $boot failed, see build/log/debian-$release-$boot.log"
	done
	[[ $out == *"the system is in its initial state"* ]] ||
		fail "the system is not in its initial state"
}

case_trixie() { system trixie; }
case_bookworm() { system bookworm; }

run_cases "$@"
