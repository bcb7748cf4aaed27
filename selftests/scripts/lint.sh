#!/bin/bash
# lint.sh: what a reviewer's tools would say. checkpatch --strict on every patch (the sign-off is added by whoever posts
# it: nothing else is waived), cover letters that count right, every byte back from apply and export, shellcheck.
. "$(dirname "$0")/lib.sh"
cd "$top"

bad=0 patches=0 scripts=()
series=(kernel-patches libbpf-patches iproute2-patches/uapi iproute2-patches)
checkpatch=$build/src/linux/scripts/checkpatch.pl

for folder in "${series[@]}"; do
	count=0
	for patch in "$folder"/[0-9]*.patch; do
		[ -e "$patch" ] && [[ $patch != */0000-* ]] || continue
		count=$((count + 1))
		tree=(--root="$build/src/linux")
		[[ $folder != iproute2* ]] || tree=(--no-tree)
		perl "$checkpatch" --strict --quiet --no-summary --show-types --ignore=MISSING_SIGN_OFF "${tree[@]}" \
			"$patch" || { say "$patch: see above"; bad=1; }
	done
	patches=$((patches + count))
	cover=$(find "$folder" -maxdepth 1 -name '0000-*' 2>/dev/null | head -n 1)
	if [ "$cover" ] && ! grep -qE "^Subject: \[PATCH [^]]*\b0+/$count\]" "$cover"; then
		say "$cover: its subject does not count the $count patches of $folder."
		bad=1
	fi
done

"$top/selftests/scripts/series.sh" check || bad=1

while IFS= read -r file; do
	head -n 1 "$file" | grep -qE '^#!.*/(env )?(ba)?sh( |$)' && scripts+=("$file")
done < <(find . \( -path ./build -o -path ./.git \) -prune -o -type f -print | sort)
shellcheck "${scripts[@]}" selftests/scripts/lib.sh || bad=1

[ $bad -eq 0 ] || die "lint has findings."
say "lint: $patches patches and ${#scripts[@]} scripts, nothing found"
