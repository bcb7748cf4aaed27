#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# lint.sh: what a reviewer's tools would say. checkpatch --strict on every patch (the sign-off is added by whoever posts
# it: nothing else is waived), cover letters that count right, every byte back from apply and export, shellcheck, the documentation
# (docs.sh), each patch built by itself (build-each.sh).
. "$(dirname "$0")/lib.sh"
cd "$top"

if dry_run; then
	echo "$0"
	exit
fi
bad=0 patches=0 scripts=()
src=$build/src

# One patch. The tree has no history in which to look for the commit of a Fixes: line. Of every new file checkpatch asks
# whether MAINTAINERS has to change: that is answered here, by looking. It knows file types by the names that they have
# in the kernel: tools/include/uapi is a copy of include/uapi, and a .t of iproute2's test suite is a shell script.
check_patch() {
	local patch=$1 tree=$2 file root=(--root="$src/linux")

	[ "$tree" != iproute2-patched ] || root=(--no-tree)
	sed -E '/^(diff|---|\+\+\+) /{ s#\b([ab]/)tools/(include/uapi/)#\1\2#g; s#(testsuite/[^ ]*)\.t\b#\1.sh#g }' "$patch" |
		GIT_DIR=/dev/null/none perl "$src/linux/scripts/checkpatch.pl" --strict --quiet --no-summary --show-types \
			--ignore=MISSING_SIGN_OFF,FILE_PATH_CHANGES,UNKNOWN_COMMIT_ID "${root[@]}" - ||
		{ say "$patch: checkpatch's findings are above"; bad=1; }
	[ "$tree" != iproute2-patched ] || return 0
	while IFS= read -r file; do
		if ! printf -- '--- /dev/null\n+++ b/%s\n' "$file" |
			(cd "$src/linux" && perl scripts/get_maintainer.pl --no-git --no-git-fallback 2>/dev/null) |
			grep -E '\((maintainer|supporter|reviewer):' >/dev/null; then
			say "$patch: MAINTAINERS has nobody for the new file $file"
			bad=1
		fi
	done < <(sed -n '/^--- \/dev\/null$/{n;s#^+++ b/##p}' "$patch")
}

for series in kernel-patches:linux-patched libbpf-patches:libbpf iproute2-patches/uapi:iproute2-patched \
	iproute2-patches:iproute2-patched; do
	folder=${series%:*} count=0
	for patch in $(find "$folder" -maxdepth 1 -name '[0-9]*.patch' ! -name '0000-*' 2>/dev/null | sort); do
		check_patch "$patch" "${series#*:}"
		count=$((count + 1))
	done
	patches=$((patches + count))
	cover=$(find "$folder" -maxdepth 1 -name '0000-*' 2>/dev/null | head -n 1)
	if [ "$cover" ] && ! grep -qE "^Subject: \[PATCH [^]]*\b0+/$count\]" "$cover"; then
		say "$cover: its subject does not count the $count patches of $folder"
		bad=1
	fi
done

"$top/selftests/scripts/series.sh" check || bad=1
"$top/selftests/scripts/docs.sh" || bad=1

while IFS= read -r file; do
	if head -n 1 "$file" | grep -qE '^#!.*/(env )?(ba)?sh( |$)'; then scripts+=("$file"); fi
done < <(find . \( -path ./build -o -path ./.git \) -prune -o -type f -print | sort)
scripts+=(selftests/scripts/lib.sh selftests/lib/*.sh)
shellcheck "${scripts[@]}" || bad=1

for series in kernel libbpf iproute2; do
	"$top/selftests/scripts/build-each.sh" "$series" || bad=1
done

[ $bad -eq 0 ] || die "lint has findings."
say "lint: $patches patches and ${#scripts[@]} scripts, nothing found"
