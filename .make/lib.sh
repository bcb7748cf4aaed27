# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the other scripts: paths, versions.mk as shell variables, messages and errors.
set -euo pipefail
shopt -s inherit_errexit

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
build=$top/build
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/hold-maps
export LC_ALL=C.UTF-8

eval "$(sed -n 's/^\([A-Z0-9_]*\) := \(.*\)$/\1="\2"/p' "$top/versions.mk")"

say() { printf '%s\n' "$*" >&2; }
die() {
	say "error: $*"
	exit 1
}

# For make, unless it is called by a make whose job server it can use
[[ ${MAKEFLAGS:-} == *--jobserver* ]] && jobs=() || jobs=("-j$(nproc)")

# use_ccache DIR: one cache for all kernels and clones, with paths relative to DIR
use_ccache() {
	export CCACHE_DIR=$cache/ccache CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$1 CCACHE_MAXSIZE=3G
	export CCACHE_SLOPPINESS=time_macros,locale
	mkdir -p "$CCACHE_DIR"
}

# Without the user's configuration and hooks, git does the same for everyone.
plain_git() {
	unset "${!GIT_@}"
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=2
	export GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0=/dev/null
	export GIT_CONFIG_KEY_1=safe.directory GIT_CONFIG_VALUE_1='*'
}

# show_log FILE: the errors in it, and its end
show_log() {
	{ grep -E '(error|Error|undefined reference|No space left|\*\*\*)' "$1" || true; } | head -n 8 | sed 's/^/    /' >&2
	say "    ..."
	tail -n 12 "$1" | sed 's/^/    /' >&2
}

# 'make -n' also runs recipes that are marked with '+' for the job server: they must only print what they would do.
dry_run() {
	local flags=${MAKEFLAGS:-}

	flags=${flags%% *}
	[[ $flags != -* && $flags == *n* ]]
}

# room DIR GIGABYTES WHAT: fail if the file system of DIR lacks space
room() {
	local free

	mkdir -p "$1" || die "$1 cannot be created: set XDG_CACHE_HOME to a writable directory for the cache."
	free=$(df -Pk "$1" | awk 'END { print int($4 / 1048576) }')
	[ "$free" -ge "$2" ] || die "$3 needs $2 GB under $1, and only $free GB are free."
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Mirrors, best first, without network access. Only Debian's own archive has -updates beside the release.
mirrors() {
	local names uris

	names=$(. /etc/os-release && echo "${VERSION_CODENAME:-stable}")
	names="$names|stable|oldstable|testing|trixie|forky|sid|unstable"
	uris=$(apt-get update --print-uris) || return 0
	{
		sed -nE "s#^'(.*)/dists/($names)-updates/InRelease'.*#\1#p" <<<"$uris"
		sed -nE "s#^'(.*)/dists/($names)/InRelease'.*#\1#p" <<<"$uris"
	} | awk '!seen[$0]++'
}
