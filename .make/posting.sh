#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# posting.sh: assemble what would be sent to the mailing lists into build/posting/, check it, and let git send-email go
# through it without sending anything. docs/posting.md says in which threads, and why.
# @kernel@ in a cover letter becomes the Message-Id of the one of the kernel series.
# posting.sh covers: bring the count, the shortlog and the diffstat of each cover letter up to date.
#
# POSTER='Name <address>' is who posts: it signs each patch off, which nobody can do for somebody else, and is its
# author where that is nobody yet.
. "$(dirname "$0")/lib.sh"

unset "${!GIT_@}"
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_COUNT=1
export GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
src=$build/src out=$build/posting
nobody='hold-maps <hold-maps@example.org>'
poster=${POSTER:-}
most=15 # patches, in one series for bpf-next
# The mails say themselves what they answer and who gets them.
send=(--no-thread --suppress-cc=author --suppress-cc=self --suppress-cc=body)

# Name, folder, tree, prefix, thread; the series whose cover letter its own one answers.
all_series='
kernel        kernel-patches                 linux-patched     bpf-next       bpf-next       -
fixes         libbpf-patches/1-fixes         libbpf-patched    bpf-next       bpf-next       -
libbpf        libbpf-patches/2-hold-maps     libbpf-patched    bpf-next       bpf-next       kernel
links         kernel-patches/links           linux-patched     bpf-next       bpf-next       -
tools-links   libbpf-patches/3-links         libbpf-patched    bpf-next       bpf-next       links
ip-fixes      iproute2-patches/1-fixes       iproute2-patched  iproute2-next  iproute2-next  -
ip-tail-calls iproute2-patches/2-tail-calls  iproute2-patched  iproute2-next  iproute2-next  -
ip-hold-maps  iproute2-patches/3-hold-maps   iproute2-patched  iproute2-next  iproute2-next  -
'

bad=0
finding() { say "$*"; bad=1; }

# for_each FUNCTION: call it for each series, with what the table says in variables
for_each() {
	while read -r name folder tree prefix thread answers; do
		[ -n "$name" ] || continue
		mapfile -t patches < <(find "$top/$folder" -maxdepth 1 -name '[0-9]*.patch' | sort)
		cover=$top/$folder/cover-letter
		[ -f "$cover" ] || die "$folder has no cover letter."
		later=$(awk -v name="$name" -v tree="$tree" 'later && $3 == tree { print $2 } $1 == name { later = 1 }' \
			<<<"$all_series" | while read -r later; do ls "$top/$later"/[0-9]*.patch; done | wc -l)
		range=HEAD~$((later + ${#patches[@]}))..HEAD~$later
		"$1"
	done <<<"$all_series"
}

# ---- cover letters --------------------------------------------------------------------------------------------------

# What git format-patch puts at the end of a cover letter
lists() {
	git -C "$src/$tree" shortlog "$range"
	git -C "$src/$tree" diff --stat=72 --summary -M "$range"
}

# The text above them, with the right count in the subject
above_lists() {
	local count=${#patches[@]} zero

	zero=$(printf "%0${#count}d" 0)
	sed -E "/^[^ ].* \([0-9]+\):\$/,\$d; s#^(Subject: \[PATCH $prefix) 0+/[0-9]+\]#\1 $zero/$count]#" "$cover"
}

update_cover() {
	{ above_lists; lists; } >"$cover.new"
	if cmp -s "$cover.new" "$cover"; then
		rm "$cover.new"
	else
		mv "$cover.new" "$cover"
		say "wrote $folder/cover-letter"
	fi
}

# ---- recipients -----------------------------------------------------------------------------------------------------

# One address a line: first the list that the series is for, then everybody who is to know.
recipients() {
	case $tree in
	iproute2*) echo 'netdev@vger.kernel.org'; iproute2_maintainers; echo 'bpf@vger.kernel.org' ;;
	*) echo 'bpf@vger.kernel.org'; get_maintainer ;;
	esac | awk '!seen[$0]++'
}

get_maintainer() {
	(cd "$src/linux" && perl scripts/get_maintainer.pl --no-git --no-git-fallback --no-fixes --no-rolestats "${patches[@]}")
}

# iproute2 has a MAINTAINERS of its own and no script that reads it: sections without F: are for everything.
iproute2_maintainers() {
	local files file line everybody=() matches=yes

	mapfile -t files < <(sed -n 's#^+++ b/##p' "${patches[@]}" | sort -u)
	while IFS= read -r line; do
		case $line in
		'') [ $matches = no ] || [ ${#everybody[@]} -eq 0 ] || printf '%s\n' "${everybody[@]}"
			everybody=() matches=yes ;;
		[ML]:*) line=${line#?: }; everybody+=("${line% (*}") ;;
		F:*) [ "$matches" != yes ] || matches=no
			for file in "${files[@]}"; do
				# shellcheck disable=SC2053 # a pattern
				[[ $file != ${line#F: } ]] || matches=files
			done ;;
		esac
	done < <(cat "$src/iproute2/MAINTAINERS"; echo)
}

# ---- assembly -------------------------------------------------------------------------------------------------------

id_of() { echo "$stamp.$1.$2@$domain"; }
message_id() { echo "<$(id_of "$@")>"; }

# mail FILE NUMBER: to standard output, with the headers that thread it and say who gets it
mail() {
	local file=$1 number=$2 headers answered=''

	[ "$number" -eq 0 ] || answered=$(message_id "$name" 0)
	[ "$number" -ne 0 ] || [ "$answers" = - ] || answered=$(message_id "$answers" 0)
	headers=$(
		echo "Message-Id: $(message_id "$name" "$number")"
		[ -z "$answered" ] || printf 'In-Reply-To: %s\nReferences: %s\n' "$answered" "$answered"
		echo "To: ${everybody[0]}"
		printf 'Cc: %s' "${everybody[1]}"
		printf ',\n    %s' "${everybody[@]:2}"
	)
	signed "$file" "$number" | HEADERS=$headers awk '!done && /^$/ { print ENVIRON["HEADERS"]; done = 1 } { print }'
}

signed() {
	if [ -z "$poster" ]; then
		cat "$1"
	elif [ "$2" -eq 0 ]; then
		cat "$1"
	else
		git interpret-trailers --trailer "Signed-off-by: $poster" "$1"
	fi | sed "s/@kernel@/$(id_of kernel 0)/; s/^From: $nobody\$/From: ${poster:-$nobody}/; s/^${nobody%% <*} (\([0-9]*\)):\$/${author%% <*} (\1):/"
}

assemble() {
	local number=0 patch dir=$out/$thread

	mkdir -p "$dir"
	mapfile -t everybody < <(recipients)
	[ ${#everybody[@]} -ge 3 ] || die "MAINTAINERS has hardly anybody for $folder: ${everybody[*]}"
	mail "$cover" 0 >"$dir/$order-$name-0000-cover-letter.patch"
	for patch in "${patches[@]}"; do
		number=$((number + 1))
		mail "$patch" $number >"$dir/$order-$name-${patch##*/}"
	done
	order=$((order + 1))
}

# ---- what is checked, on what was assembled -------------------------------------------------------------------------

# header NAME FILE: that header of that mail, unfolded
header() {
	sed '/^$/q' "$2" | awk -v name="$1:" '
		/^[ \t]/ { if (on) { sub(/^[ \t]+/, " "); value = value $0 }; next }
		{ on = tolower($1) == tolower(name); if (on) { value = substr($0, length(name) + 2); n++ } }
		END { if (n == 1) print value; exit n != 1 }'
}

check_series() {
	local count=${#patches[@]} number=0 mail want id got root parent signers want_signers

	[ "$prefix" != bpf-next ] || [ "$count" -le $most ] ||
		finding "$folder has $count patches: for bpf-next $most are the most."
	diff -u "$cover" <(above_lists; lists) >&2 ||
		finding "$folder/cover-letter is not up to date: 'posting.sh covers' makes it so."
	root=$(message_id "$name" 0) parent=''
	[ "$answers" = - ] || parent=$(message_id "$answers" 0)

	for mail in "$out/$thread"/?-"$name"-*.patch; do
		want=$(printf "[PATCH %s %0${#count}d/%d] " "$prefix" $number "$count")
		[[ $(header Subject "$mail") == "$want"* ]] || finding "${mail##*/}: its subject does not begin with '$want'."
		id=$(header Message-Id "$mail") || finding "${mail##*/} has not got one Message-Id."
		[ "$(grep -rlxF "Message-Id: $id" "$out" | wc -l)" -eq 1 ] || finding "${mail##*/}: its Message-Id is taken."
		got=$(header In-Reply-To "$mail") || got=''
		[ "$got" = "$parent" ] || finding "${mail##*/} answers '$got' and not '$parent'."
		signers=$(sed '/^---$/q' "$mail" | grep -i '^signed-off-by:' || true)
		want_signers=''
		if [ "$poster" ] && [ $number -gt 0 ]; then want_signers="Signed-off-by: $poster"; fi
		[ "$signers" = "$want_signers" ] || finding "${mail##*/} is signed off by '$signers', not '$want_signers'."
		[ $number -eq 0 ] || check_recipients "$mail"
		[ $number -eq 0 ] || check_patch "$mail"
		parent=$root
		number=$((number + 1))
	done
	[ $number -eq $((count + 1)) ] || finding "$folder: $number mails for $count patches and a cover letter."
}

# Everybody whom MAINTAINERS has for this one patch gets it.
check_recipients() {
	local mail=$1 gets one patches

	gets=$(header To "$mail"; header Cc "$mail")
	patches=("$mail")
	while IFS= read -r one; do
		[[ $gets == *"$one"* ]] || finding "${mail##*/} does not go to $one."
	done < <(recipients)
}

# As lint.sh does it, and with the sign-off that is missing there.
check_patch() {
	local ignore=FILE_PATH_CHANGES,UNKNOWN_COMMIT_ID root=(--root="$src/linux")

	[ "$poster" ] || ignore+=,MISSING_SIGN_OFF
	[ "$tree" != iproute2-patched ] || root=(--no-tree)
	sed -E '/^(diff|---|\+\+\+) /{ s#\b([ab]/)tools/(include/uapi/)#\1\2#g; s#(testsuite/[^ ]*)\.t\b#\1.sh#g }' "$1" |
		GIT_DIR=/dev/null/none perl "$src/linux/scripts/checkpatch.pl" --strict --quiet --no-summary --show-types \
			--ignore=$ignore "${root[@]}" - >&2 || finding "${1##*/}: checkpatch's findings are above."
}

# The addresses in a list of recipients, one a line
addresses() { tr ',' '\n' | sed -E 's/.*<([^>]*)>.*/\1/; s/^[ \t]+//; s/[ \t]+$//' | grep @ | sort -u; }

# What git send-email would send: every mail, with the Message-Id that it went in with, to everybody in its headers
dry_run() {
	local thread=$1 mails=("$out/$1"/*.patch) log=$out/$1.log mail id

	git -C "$out" send-email --dry-run "${send[@]}" --confirm=never --smtp-server=/bin/false --from="$author" \
		"${mails[@]}" >"$log" 2>&1 ||
		{ tail -n 5 "$log" >&2; finding "git send-email does not take the thread $thread (${log#"$top"/})."; return; }
	[ "$(grep -c '^Dry-OK' "$log")" -eq ${#mails[@]} ] ||
		finding "git send-email would not send ${#mails[@]} mails (${log#"$top"/})."
	for mail in "${mails[@]}"; do
		id=$(header Message-Id "$mail")
		diff <({ header To "$mail"; header Cc "$mail"; } | addresses) \
			<(awk -v id="$id" '/^Sendmail: / { to = $0 } tolower($1) == "message-id:" && $2 == id { print to }' "$log" |
				sed 's/^Sendmail: [^ ]* -i //' | tr ' ' '\n' | addresses) >&2 ||
			finding "git send-email would not send ${mail##*/} to those, as $id (${log#"$top"/})."
	done
}

# ---- commands -------------------------------------------------------------------------------------------------------

case ${1:-} in
covers) for_each update_cover; exit ;;
'') ;;
*) die "usage: posting.sh [covers]" ;;
esac

[[ -z $poster || $poster =~ ^[^\<\>/]+\ \<[^@\<\>\ ]+@[^@\<\>\ ]+\>$ ]] || die "POSTER='$poster' is not a 'Name <address>'."
"$top/.make/series.sh" saved
author=${poster:-$nobody}
domain=${author##*@} domain=${domain%>}
stamp=$(date -u +%Y%m%d%H%M%S) order=1
rm -rf "$out"
for_each assemble
for_each check_series
for thread in bpf-next iproute2-next; do
	dry_run $thread
done
[ $bad -eq 0 ] || die "this cannot be posted."

say "posting: $(find "$out" -name '*.patch' | wc -l) mails in build/posting/, nothing found. To send them:"
for thread in bpf-next iproute2-next; do
	say "    git send-email ${send[*]} build/posting/$thread/*.patch"
done
[ "$poster" ] || say "They are signed off by nobody yet, and must not be sent so: make posting POSTER='Name <address>'"
