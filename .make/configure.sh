#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# configure.sh all|last SRC OBJ FRAGMENT...: write tinyconfig with these fragments to OBJ/.config, merged by the kernel's
# merge_config.sh. Fails if an option of all fragments, or of the last one, does not get the requested value. ARCH and CC are
# used as in a kernel build.
. "$(dirname "$0")/lib.sh"

src=$2 obj=$3 checked=("${@:4}")
[ "$1" = all ] || checked=("${!#}")
shift 3
export ARCH MAKEFLAGS=CC=${CC:-gcc}
make -s -C "$src" O="$obj" tinyconfig
cd "$src"
scripts/kconfig/merge_config.sh -Q -O "$obj" "$obj/.config" "$@" >"$obj/.merged"
lost=$(awk 'match($0, /CONFIG_[A-Z0-9_]+ (differs|not in final)/) { split(substr($0, RSTART), name, " ") }
	/^Requested value:/ { off = / is not set$/ }
	/^Actual value:/ && !(off && NF == 2) { print name[1] }' "$obj/.merged" |
	grep -xFf <(grep -oh 'CONFIG_[A-Z0-9_]*' "${checked[@]}") | xargs) || true
[ -z "$lost" ] || die "the kernel does not accept these options: $lost (${checked[*]#"$top"/})."
