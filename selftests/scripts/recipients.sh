#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# recipients.sh kernel|libbpf|iproute2: whom that series goes to, by the MAINTAINERS of its tree, as header lines:
# 'To:' its maintainers, 'Cc:' reviewers and lists.
. "$(dirname "$0")/lib.sh"

# --no-fixes: the tree has no history in which the commit of a Fixes: line could be found.
of_linux() {
	(cd "$build/src/linux" && perl scripts/get_maintainer.pl --no-git --no-git-fallback --no-fixes "$@") |
		sed -E 's/^([^(]*[^( ]) +\((maintainer|supporter)[:)].*/To: \1/; t; s/^([^(]*[^( ]) +\(.*/Cc: \1/'
}

# Its MAINTAINERS is like the kernel's, but for the two sections at its beginning, which have no files: who applies all
# patches, and who those for the next release.
of_iproute2() {
	local files pattern line people=() hit='' any=''

	files=$(sed -nE 's#^(---|\+\+\+) [ab]/([^\t]*).*#\2#p' "$@" | sort -u)
	while IFS= read -r line; do
		case $line in
		'M: '*) people+=("To: ${line#M: }") any=yes ;;
		'L: '*) line=${line#L: } && people+=("Cc: ${line%% *}") ;;
		'F: '*)
			pattern=${line#F: }
			[ "$hit" ] || hit=no
			while IFS= read -r line; do
				# shellcheck disable=SC2053 # a pattern
				[[ $line != $pattern && $line != "${pattern%/}"/* ]] || hit=yes
			done <<<"$files" ;;
		'')
			[ ! "$any" ] || [ "$hit" = no ] || printf '%s\n' "${people[@]}"
			people=() hit='' any='' ;;
		esac
	done < <(sed '1,/entries:$/d' "$build/src/iproute2/MAINTAINERS"; echo)
}

series=${1:-}
case $series in
kernel | libbpf | iproute2) mapfile -t patches < <(find "$top/$series-patches" -maxdepth 1 -name '[0-9]*.patch' ! -name '0000-*' | sort) ;;
*) die "usage: recipients.sh kernel|libbpf|iproute2" ;;
esac
[ ${#patches[@]} -gt 0 ] || die "$series-patches has no patch."
if [ "$series" = iproute2 ]; then of_iproute2 "${patches[@]}"; else of_linux "${patches[@]}"; fi |
	sort -u | sort -s -r -t : -k 1,1
