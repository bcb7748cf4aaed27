#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fetch.sh {linux,lts}[-config]|{iproute2,libbpf}[-debian]|iproute2-deb: print the path of this Debian source (-config: the
# configurations, -debian: the packaging, -deb: Debian's binary package), which is downloaded if it is not in the cache.
#
# Runs without root and does not use the system's apt state: lists and cache are private, under build/. The mirror is the one
# for Debian in the system's apt configuration, with the suite from versions.mk.
. "$(dirname "$0")/lib.sh"

case ${1:-} in
linux)
	what="the package linux-source-$KERNEL_SERIES" suite=$KERNEL_SUITE list=deb instead='set KERNEL_SRC=<a Linux source tree>'
	file="linux-source-${KERNEL_SERIES}_*_all.deb"
	get=(download "linux-source-$KERNEL_SERIES")
	;;
lts)
	what="the package linux-source-$LTS_SERIES" suite=$LTS_SUITE list=deb instead="add a mirror that has it to the apt configuration"
	file="linux-source-${LTS_SERIES}_*_all.deb"
	get=(download "linux-source-$LTS_SERIES")
	;;
iproute2)
	what="the source of iproute2 $IPROUTE2_SERIES" suite=$IPROUTE2_SUITE list=deb-src instead='set IPROUTE2_SRC=<an iproute2 source tree>'
	file="iproute2_$IPROUTE2_SERIES.*.orig.tar.xz"
	get=(source --tar-only --download-only iproute2)
	;;
libbpf)
	what="the source of libbpf $LIBBPF_SERIES" suite=$LIBBPF_SUITE list=deb-src instead="add a mirror that has it to the apt configuration"
	file="libbpf_$LIBBPF_SERIES.*.orig.tar.gz"
	get=(source --tar-only --download-only libbpf)
	;;
linux-config)
	what="the package linux-config-$KERNEL_SERIES" suite=$KERNEL_SUITE list=deb instead='set KERNEL_CONFIG=<file>'
	file="linux-config-${KERNEL_SERIES}_*_amd64.deb"
	get=(download "linux-config-$KERNEL_SERIES")
	;;
lts-config)
	what="the package linux-config-$LTS_SERIES" suite=$LTS_SUITE list=deb instead='set KERNEL_CONFIG=<file>'
	file="linux-config-${LTS_SERIES}_*_amd64.deb"
	get=(download "linux-config-$LTS_SERIES")
	;;
iproute2-debian)
	# Some mirrors have the sources of a release without its packaging. Older packaging can be adapted.
	what="Debian's packaging of iproute2" suite="$IPROUTE2_SUITE $IPROUTE2_OLDER_SUITES" list=deb-src
	instead="add a mirror that has it to the apt configuration"
	file="iproute2_*.debian.tar.xz"
	get=(source --diff-only --download-only iproute2)
	;;
iproute2-deb)
	what="Debian's package iproute2 $IPROUTE2_SERIES" suite=$IPROUTE2_SUITE list=deb
	instead="add a mirror that has it to the apt configuration"
	file="iproute2_$IPROUTE2_SERIES.*_amd64.deb"
	get=(download iproute2)
	;;
libbpf-debian)
	what="Debian's packaging of libbpf $LIBBPF_SERIES" suite=$LIBBPF_SUITE list=deb-src
	instead="add a mirror that has it to the apt configuration"
	file="libbpf_$LIBBPF_SERIES.*.debian.tar.xz"
	get=(source --diff-only --download-only libbpf)
	;;
*) die "usage: fetch.sh {linux,lts}[-config]|{iproute2,libbpf}[-debian]|iproute2-deb" ;;
esac

# The newest cached file, if any. Downloads are moved there only when they are complete.
cached() { find "$cache" -maxdepth 1 -name "$file" 2>/dev/null | sort -V | tail -n 1 | grep .; }
cached && exit

apt=$build/apt/$1
opts=(-q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
	-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
	-o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache"
	-o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=2)

room "$cache" "$DISK_CACHE" "The download"
rm -rf "$apt"
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/download"
: >"$apt/status"
log=$apt/log
say "downloading $what (suite ${suite// /, else }) into $cache"
while read -r one mirror; do
	echo "$list [signed-by=$keyring] $mirror $one main" >"$apt/sources.list"
	(cd "$apt/download" && apt-get "${opts[@]}" update && apt-get "${opts[@]}" "${get[@]}") >>"$log" 2>&1 </dev/null || continue
	found=$(find "$apt/download" -maxdepth 1 -name "$file" | sort -V | tail -n 1)
	[ "$found" ] || continue
	name=${found##*/}
	cp "$found" "$cache/.$name.$$"
	mv "$cache/.$name.$$" "$cache/$name"
	rm -rf "$apt"
	cached
	exit
done < <(for one in $suite; do mirrors | sed "s/^/$one /"; done)
die "no Debian mirror in the apt configuration has $what in the suite ${suite// / or } (log: $log): $instead."
