#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# posting.sh: write the mails for the lists into build/posting/, and let git send-email go through them without sending
# anything. docs/posting.md says in which threads, and why. @kernel@ in a cover letter becomes the Message-Id of the one of
# the kernel series.
#
# POSTER='Name <address>' signs each patch off and replaces the placeholder author.
. "$(dirname "$0")/lib.sh"

plain_git
nobody='hold-maps <hold-maps@example.org>'
poster=${POSTER:-}
author=${poster:-$nobody}
export GIT_COMMITTER_NAME=${author%% <*} GIT_COMMITTER_EMAIL=${author#*<}
GIT_COMMITTER_EMAIL=${GIT_COMMITTER_EMAIL%>}
src=$build/src out=$build/posting
most=15 # patches, in one series for bpf-next
# The mails already say what they answer and who gets them.
send=(--no-thread --suppress-cc=author --suppress-cc=self --suppress-cc=body)

# Name, folder, thread, and the series whose cover letter its own one answers
all_series='
1-kernel        kernel-patches                 bpf-next       -
2-fixes         libbpf-patches/1-fixes         bpf-next       -
3-libbpf        libbpf-patches/2-hold-maps     bpf-next       1-kernel
4-links         kernel-patches/links           bpf-next       -
5-tools-links   libbpf-patches/3-links         bpf-next       4-links
6-ip-fixes      iproute2-patches/1-fixes       iproute2-next  -
7-ip-tail-calls iproute2-patches/2-tail-calls  iproute2-next  -
8-ip-hold-maps  iproute2-patches/3-hold-maps   iproute2-next  -
'

# ---- recipients -----------------------------------------------------------------------------------------------------

# One address a line: first the list that the series is for, then everybody whom MAINTAINERS names. In that of iproute2, the
# sections that have a tree instead of files are for everything.
recipients() {
	local list=bpf@vger.kernel.org maintainers=$src/linux/MAINTAINERS

	case $tree in
	iproute2*)
		list=netdev@vger.kernel.org maintainers=$out/MAINTAINERS
		sed 's#^T:.*#F: */#' "$src/iproute2/MAINTAINERS" >"$maintainers"
		;;
	esac
	{
		echo $list
		(cd "$src/linux" && perl scripts/get_maintainer.pl --no-git --no-git-fallback --no-fixes --no-rolestats \
			--maintainer-path="$maintainers" "${patches[@]}")
		echo bpf@vger.kernel.org
	} | awk '!seen[$0]++'
}

# ---- mails ----------------------------------------------------------------------------------------------------------

# The tree of FOLDER and the range of its commits there: the folders of a tree are applied one after the other.
find_range() {
	local one before=0

	tree=$("$top/.make/series.sh" folders | awk -v folder="$1" '$1 == folder { print $2 }')
	for one in $("$top/.make/series.sh" folders | awk -v tree="$tree" '$2 == tree { print $1 }'); do
		mapfile -t patches < <(find "$top/$one" -maxdepth 1 -name '[0-9]*.patch' | sort)
		[ "$one" != "$1" ] || break
		before=$((before + ${#patches[@]}))
	done
	mapfile -t commits < <(git -C "$src/$tree" rev-parse 'base^{commit}' && git -C "$src/$tree" rev-list --reverse base..HEAD)
	range=${commits[before]}..${commits[before + ${#patches[@]}]}
}

# cover_id NAME: the Message-Id of the cover letter of that series
cover_id() { sed -n 's/^Message-Id: <\(.*\)>/\1/Ip;/^$/q' "$out"/*/"$1"/0000-*.patch 2>/dev/null; }

# The first line of a cover letter is the subject. git adds the shortlog and the diffstat.
assemble() {
	local name=$1 folder=$2 thread=$3 answers=$4 dir=$out/$3/$1 tree range patches commits everybody cc options=()

	find_range "$folder"
	[ "$thread" != bpf-next ] || [ ${#patches[@]} -le $most ] ||
		die "$folder has ${#patches[@]} patches, and the BPF maintainers accept at most $most: split it."
	mapfile -t everybody < <(recipients)
	[ ${#everybody[@]} -ge 3 ] || die "MAINTAINERS names too few recipients for $folder: ${everybody[*]}"
	cc=("${everybody[@]:1}")
	cc=("${cc[@]/#/--cc=}")
	[ "$answers" = - ] || options+=(--in-reply-to="$(cover_id "$answers")")
	[ -z "$poster" ] || options+=(--signoff)
	git -C "$src/$tree" branch -q -f posting "${range#*..}"
	# The Message-Id of a cover letter is made of the second in which it is written.
	sleep 1
	git -C "$src/$tree" -c branch.posting.description="$(sed "s/@kernel@/$(cover_id 1-kernel || true)/" "$top/$folder/cover-letter")" \
		format-patch -q --cover-letter --cover-from-description=subject --thread=shallow "${options[@]}" \
		--subject-prefix="PATCH $thread" --to="${everybody[0]}" "${cc[@]}" \
		--diff-algorithm=myers -M --stat=72 -o "$dir" "${range%..*}..posting"
	git -C "$src/$tree" branch -q -D posting
	sed -i "s/^From: $nobody\$/From: $author/; s/^${nobody%% <*} (\([0-9]*\)):\$/${author%% <*} (\1):/" "$dir"/*.patch
}

# What git send-email would send: every mail, each with a Message-Id of its own
dry_run() {
	local mails=("$out/$1"/*/*.patch) log=$out/$1.log

	git -C "$out" send-email --dry-run "${send[@]}" --confirm=never --smtp-server=/bin/false --from="$author" \
		"${mails[@]}" >"$log" 2>&1 || {
		tail -n 5 "$log" >&2
		die "git send-email refuses the thread $1: ${log#"$top"/}"
	}
	[ "$(grep -i '^message-id:' "$log" | sort -u | wc -l)" -eq ${#mails[@]} ] ||
		die "git send-email would not send ${#mails[@]} different mails: ${log#"$top"/}"
}

[[ -z $poster || $poster =~ ^[^\<\>/]+\ \<[^@\<\>\ ]+@[^@\<\>\ ]+\>$ ]] || die "POSTER='$poster' is not a 'Name <address>'."
"$top/.make/series.sh" saved
rm -rf "$out"
mkdir -p "$out"
while read -r name folder thread answers; do
	[ -z "$name" ] || assemble "$name" "$folder" "$thread" "$answers"
done <<<"$all_series"
for thread in bpf-next iproute2-next; do
	dry_run $thread
done

say "posting: $(find "$out" -name '*.patch' | wc -l) mails in build/posting/. To send them:"
for thread in bpf-next iproute2-next; do
	say "    git send-email ${send[*]} build/posting/$thread/*/*.patch"
done
[ "$poster" ] || say "They are not signed off yet: run make posting POSTER='Name <address>' before you send them."
