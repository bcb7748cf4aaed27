#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# standalone.sh DIR: commit the library part of libbpf-patches in DIR, a git repository with the source of standalone libbpf,
# and print the symbols that it adds, one per line, in the format of debian/libbpf1.symbols.
#
# The UAPI headers are in another folder than in the kernel tree, so git am gets two locations. The new symbols get a version
# of their own: in libbpf.map they are in one that this release does not have, and a later library of Debian's must not
# satisfy dependencies on them.
. "$(dirname "$0")/lib.sh"

version=LIBBPF_HOLD_MAPS
cd "${1:?usage: standalone.sh DIR}"
plain_git
export GIT_COMMITTER_NAME=hold-maps GIT_COMMITTER_EMAIL=hold-maps@example.org
export GIT_AUTHOR_NAME=$GIT_COMMITTER_NAME GIT_AUTHOR_EMAIL=$GIT_COMMITTER_EMAIL

mapfile -t patches < <(find "$top/libbpf-patches" -name '[0-9]*.patch' | sort)
for patch in "${patches[@]}"; do
	case $(sed -nE 's#^\+\+\+ b/(tools/[^/]*/[^/]*)/.*#\1#p' "$patch" | sort -u | xargs) in
	tools/lib/bpf) git am -q -p4 --directory=src --exclude='*libbpf.map' "$patch" ;;
	tools/include/uapi) git am -q -p2 "$patch" ;;
	*tools/lib/bpf* | *tools/include/*) die "${patch#"$top"/} changes both the library and other files: split it." ;;
	esac
done
before=$(sed -n 's/^\(LIBBPF_.*\) {$/\1/p' src/libbpf.map | tail -n 1)
mapfile -t functions < <(awk '/^diff --git / { on = /libbpf\.map$/ } on && sub(/^\+\t\t/, "") && sub(/;$/, "")' \
	"${patches[@]}" | sort)
{
	printf '\n%s {\n\tglobal:\n' $version
	printf '\t\t%s;\n' "${functions[@]}"
	echo "} $before;"
} >>src/libbpf.map
git commit -q -a -m "libbpf.map: List the functions of the series"
printf "%s@$version\\n" $version "${functions[@]}"
