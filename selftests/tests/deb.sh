#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all host
# What make deb rejects, and how its versions sort. The case that builds the
# packages compares their files with those of Debian's packages.

. "$(dirname "$0")/../lib/testing.sh"

# value NAME: a value from versions.mk
value() { sed -n "s/^$1 := //p" "$top/versions.mk"; }

plain() { env -u MAKEFLAGS -u MAKELEVEL -u KERNEL -u T -u TIMEOUT "$@"; }

# refused TEXT ARGUMENT...: make deb must fail with TEXT before it builds
refused() {
	expect_text "$1" plain make -C "$top" deb "${@:2}"
}

case_bad_input() {
	refused "RELEASE=sid is not supported: use one of bookworm" \
		RELEASE=sid PART=libbpf
	refused "PART=all is none of: libbpf iproute2 tools kernel" PART=all
	refused "REVISION=two is not a number" REVISION=two
	refused "packages cannot be built for KERNEL=um: use patched" KERNEL=um
	refused "KERNEL_CONFIG=/nowhere is not a file: name one, or set KERNEL_CONFIG=cloud" \
		PART=kernel KERNEL_CONFIG=/nowhere
}

case_configuration_without_bpf() {
	local config

	config=$(mktemp)
	defer rm -f "$config"
	printf 'CONFIG_BPF_SYSCALL=y\nCONFIG_NET_SCH_INGRESS=m\n' >"$config"
	refused "lacks CONFIG_NET_CLS_BPF: set it, use KERNEL_CONFIG=cloud" \
		PART=kernel KERNEL_CONFIG="$config"
}

# fake COMMAND OUTPUT: install a fake COMMAND where make deb finds it
fake() {
	bin=$(mktemp -d)
	defer rm -rf "$bin"
	printf '#!/bin/sh\nprintf "%s\\n"\n' "$2" >"$bin/$1"
	chmod +x "$bin/$1"
}

case_no_room() {
	local bin

	fake df 'x\n/dev/x 9 9 2000000 9%% /'
	PATH=$bin:$PATH refused "Building packages needs $(value DISK_DEB) GB under" \
		PART=libbpf
}

case_other_architecture() {
	local bin

	fake dpkg arm64
	PATH=$bin:$PATH refused "can only be built on amd64, and this system is arm64" \
		PART=libbpf
}

# iproute2 uses the repository's libbpf, if it is not built together with it.
case_iproute2_without_libbpf() {
	local clone

	clone=$(mktemp -d "$top/build/deb-test.XXXXXX")
	defer rm -rf "$clone"
	cp -r "$top"/{.make,selftests,Makefile,versions.mk} "$clone"
	expect_text "use PART='libbpf iproute2'" \
		plain make -C "$clone" deb PART=iproute2
}

# newer THAN OLD: according to dpkg
newer() {
	dpkg --compare-versions "$1" gt "$2" || fail "$1 is not newer than $2"
}

# Each version sorts after all Debian builds of that version, and before the
# next one.
case_versions() {
	local ours version

	ours=+holdmaps$(value HOLDMAPS_REVISION)
	for version in "$(value IPROUTE2_VERSION)-1" "1:$(value LIBBPF_SERIES).0-1"; do
		newer "$version$ours" "$version"
		newer "$version$ours" "$version+b1"
		newer "$version$ours" "$version~bpo13+1"
		newer "$version$ours" "$version+deb13u1"
		newer "${version%1}2" "$version$ours"
	done
	version=7.8.0+$(value KERNEL_VERSION)-1
	newer "$version~bpo13+1$ours" "$version~bpo13+1"
	newer "$version" "$version~bpo13+1$ours"
}

# ---- the packages -----------------------------------------------------------

# files PACKAGE: the files in it, with modes and the targets of links
files() { dpkg-deb -c "$1" | awk '{ print $1, $6, $7, $8 }' | sort -k 2; }

# NEWS.Debian is only in Debian's: it describes changes from older versions.
# @long host
# @timeout 1800
case_files_are_those_of_debians() {
	local repository=$top/build/deb/trixie debians

	plain make -C "$top" deb RELEASE=trixie PART='libbpf iproute2 tools'
	debians=$("$top/.make/fetch.sh" iproute2-deb)
	expect "the difference" "-rw-r--r-- ./usr/share/doc/iproute2/NEWS.Debian.gz" \
		"$(comm -3 <(files "$debians" | sort) \
			<(files "$repository"/iproute2_*.deb | sort) | xargs)"
	for package in libbpf1 libbpf-dev bpftool hold-maps-tools; do
		grep -A 9 "^Package: $package$" "$repository/Packages" |
			grep "^Version: .*+holdmaps$(value HOLDMAPS_REVISION)$"
	done
}

run_cases "$@"
