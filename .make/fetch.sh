#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fetch.sh {linux,lts}[-config]|{iproute2,libbpf}[-debian]|iproute2-deb: print the path of this Debian source (-config: the
# configurations, -debian: the packaging, -deb: Debian's binary package), which is downloaded if it is not in the cache.
#
# Runs without root and does not use the system's apt state: lists and cache are private, under build/. The mirror is the one
# for Debian in the system's apt configuration, with the suite from versions.mk.
. "$(dirname "$0")/lib.sh"

what=${1:-}
name=${what%-*} instead='add a mirror that has it to the apt configuration'
case $name in
linux) series=$KERNEL_SERIES suite=$KERNEL_SUITE ;;
lts) series=$LTS_SERIES suite=$LTS_SUITE ;;
iproute2) series=$IPROUTE2_SERIES suite=$IPROUTE2_SUITE ;;
libbpf) series=$LIBBPF_SERIES suite=$LIBBPF_SUITE ;;
esac
package() { list=deb what="the package $1" file="${1}_${2}_$3.deb" get=(download "$1"); }
from_source() { list=deb-src what=$1 file=$2 get=(source "--$3-only" --download-only "$name"); }
case $what in
linux | lts) package "linux-source-$series" '*' all ;;
linux-config | lts-config) package "linux-config-$series" '*' amd64 ;;
iproute2-deb) package iproute2 "$series.*" amd64 ;;
iproute2 | libbpf) from_source "the source of $name $series" "${name}_$series.*.orig.tar.?z" tar ;;
libbpf-debian) from_source "Debian's packaging of libbpf $series" "libbpf_$series.*.debian.tar.xz" diff ;;
iproute2-debian)
	# Some mirrors have the sources of a release without its packaging. Older packaging can be adapted.
	from_source "Debian's packaging of iproute2" "iproute2_*.debian.tar.xz" diff
	suite+=" $IPROUTE2_OLDER_SUITES"
	;;
*) die "usage: fetch.sh {linux,lts}[-config]|{iproute2,libbpf}[-debian]|iproute2-deb" ;;
esac
case $1 in
linux) instead='set KERNEL_SRC=<a Linux source tree>' ;;
iproute2) instead='set IPROUTE2_SRC=<an iproute2 source tree>' ;;
*-config) instead='set KERNEL_CONFIG=<file>' ;;
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
