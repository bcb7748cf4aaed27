#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all host
# @build selftests build/tools/patched/ip
# Invalid arguments, sources and machines: make and the scripts print one
# sentence, fail, and leave nothing half-finished that breaks the next run. Runs
# in a new clone, in which nothing is built.

. "$(dirname "$0")/../lib/testing.sh"

# a clone without a build, and a cache with the sources that exist already
new_clone() {
	clone=$(mktemp -d "$top/build/input.XXXXXX")
	defer rm -rf "$clone"
	git -c safe.directory='*' clone -q --shared "$top" "$clone/hold-maps"
	cp -a "$top"/{.make,selftests,Makefile,versions.mk} "$clone/hold-maps"
	cd "$clone/hold-maps"
}

# A tool that reports another version, or fails
fake() {
	mkdir -p "$clone/bin"
	printf '#!/bin/sh\n%s\n' "$2" >"$clone/bin/$1"
	chmod +x "$clone/bin/$1"
	PATH=$clone/bin:$PATH
}

plain() { env -u MAKEFLAGS -u MAKELEVEL -u KERNEL -u RUN -u T -u TIMEOUT "$@"; }

# refused TEXT COMMAND...: must fail with a line of explanation before it builds
refused() {
	expect_text "$1" plain "${@:2}"
	[ ! -e build/src ] || fail "'${*:2}' left build/src behind"
}

case_arguments() {
	new_clone
	refused "no command given for the guest: make vm RUN=" make vm
	refused "KERNEL=new is none of: base patched debug kcsan lts um-base um um-debug" \
		make vm RUN=true KERNEL=new
	refused "TIMEOUT=soon is not a number of seconds" \
		make vm RUN=true TIMEOUT=soon
	refused "unknown test T=none; the tests are:" make check T=none
	refused "unknown case T=hold.none; the cases of hold are: ip_xdp_native" \
		make check T=hold.none
	refused "runs none of these tests: base; without KERNEL=" \
		make check T=base KERNEL=um
}

case_source_that_is_none() {
	new_clone
	expect_text "KERNEL_SRC=/nowhere does not exist" \
		plain make sources KERNEL_SRC=/nowhere
	expect_text "is not a source tree of linux: it has no Makefile" \
		plain make sources KERNEL_SRC="$clone/hold-maps/docs"
	[ ! -e build/src/linux ] || fail "an incomplete tree is left"
}

case_source_that_the_series_does_not_fit() {
	local own=$top/build/src/iproute2

	new_clone
	mkdir "$clone/own"
	git -C "$own" archive base | tar -x -C "$clone/own"
	sed -i 's/xdp/other/g' "$clone/own/ip/iplink_xdp.c"
	expect_text "does not apply to the source of iproute2" \
		plain IPROUTE2_SRC="$clone/own" \
		.make/series.sh sync iproute2-patched
	[ ! -e build/src/iproute2 ] || fail "the tree was accepted"
	plain IPROUTE2_SRC="$own" .make/series.sh sync iproute2-patched
}

case_old_qemu() {
	new_clone
	fake qemu-system-x86_64 'echo QEMU emulator version 5.2.0'
	refused "qemu-system-x86_64 is version 5.2.0, but 7.0 or newer is required" \
		make sources
}

case_full_disk() {
	new_clone
	fake df 'echo x; echo /dev/x 9 9 2000000 9% /'
	expect_text "needs 14 GB under" plain make sources
	[ ! -e build/src/linux ] || fail "an incomplete tree is left"
}

case_missing_tool() {
	new_clone
	fake id 'echo 1000'
	fake sudo 'exit 1'
	sed -i 's/^gcc  /no-such-tool  /' .make/deps.sh
	refused "the installation needs root: run 'apt-get update && apt-get install" \
		make sources
}

# Without user-mode Linux, tests run in the emulator, and a message says so.
# @build build/boot/um build/boot/patched build/tools/patched/bpftool build/vm/init
case_no_user_mode_linux() {
	clone=$(mktemp -d "$top/build/input.XXXXXX")
	defer rm -rf "$clone"
	fake bwrap 'echo bwrap: No permissions to create new namespace >&2; exit 1'
	expect_text "this host cannot run user-mode Linux (bwrap: No permissions to create new namespace): use KERNEL=patched" \
		plain KERNEL=um "$top/selftests/vm/vm.sh" true
	plain CHECK_LOGS="$clone/logs" "$top/selftests/run" compat.old_on_old \
		>"$clone/out" 2>&1 || {
		cat "$clone/out"
		fail "it failed"
	}
	grep 'this host cannot run user-mode Linux' "$clone/out"
	grep '^patched: ok .* compat .*: old_on_old' "$clone/out"
	expect "the verdict" "1 passed, 0 failed" "$(tail -n 1 "$clone/out")"
}

run_cases "$@"
