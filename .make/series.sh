#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The patch series and the git trees that hold them. build/src contains
#
#   linux             base, one commit                       iproute2             the same
#   linux-patched     a worktree: + kernel-patches/{,links/} iproute2-patched     a worktree: + iproute2-patches/*/
#   libbpf-patched    a worktree: + libbpf-patches/*/
#   lts               Debian's stable kernel, base           lts-patched          a worktree: + kernel-patches/6.12/
#
# usage: series.sh sync TREE   unpack TREE and apply its series if needed; write its state to build/state/TREE
#        series.sh export      write the commits in the worktrees back to the series
#        series.sh check       apply and export each series, and require that the result is byte for byte the same
#        series.sh port        write kernel-patches/6.12 from the series for the newer kernel; see the file 'differ' there
#        series.sh saved       fail if a worktree has work that is not exported
#        series.sh folders     print "FOLDER TREE" for each series, in the order in which they are applied
#
# In the worktrees a git note under the ref "series" names the folder of a commit; a commit without a note belongs to the
# folder of its parent. 'git notes --ref=series add -f -m FOLDER COMMIT' starts a series there. Text between the '---' of a
# patch and its diffstat is lost. A cover letter (cover-letter) is neither applied nor changed.
. "$(dirname "$0")/lib.sh"

# The patches must not depend on the user's git configuration or the clock.
has_identity=$(git config user.email || true)
plain_git
export LC_ALL=C TZ=UTC
export GIT_AUTHOR_NAME=baseline GIT_AUTHOR_EMAIL=baseline@localhost GIT_AUTHOR_DATE='2000-01-01T00:00:00Z'
export GIT_COMMITTER_NAME=baseline GIT_COMMITTER_EMAIL=baseline@localhost GIT_COMMITTER_DATE='2000-01-01T00:00:00Z'

src=$build/src
lts_folder=kernel-patches/$LTS_SERIES
worktrees='linux-patched libbpf-patched iproute2-patched lts-patched'
declare -A folder_of=(["linux-patched"]=kernel-patches ["libbpf-patched"]=libbpf-patches ["iproute2-patched"]=iproute2-patches
	["lts-patched"]=$lts_folder)
declare -A prefix_of=(["linux-patched"]='PATCH bpf-next' ["libbpf-patched"]='PATCH bpf-next'
	["iproute2-patched"]='PATCH iproute2-next' ["lts-patched"]="PATCH $LTS_SERIES")
repo_of() { case $1 in iproute2*) echo iproute2 ;; lts*) echo lts ;; *) echo linux ;; esac }

# The folders of a tree's series, in the order in which they are applied: the main folder, if it has patches, and its
# subfolders
folders_of() {
	local folder found

	folder=${folder_of[$1]}
	found=$(cd "$top" && find "$folder" -mindepth 1 -maxdepth 1 -type d ! -path "$lts_folder" | sort)
	if [ -z "$found" ] || [ "$(patches_in "$top/$folder")" ]; then echo "$folder"; fi
	[ -z "$found" ] || echo "$found"
}

patches_in() { find "$1" -maxdepth 1 -name '[0-9]*.patch' 2>/dev/null | sort; }

patches_of() { for folder in $(folders_of "$1"); do patches_in "$top/$folder"; done; }

g() { git -C "$src/$1" "${@:2}"; }

# ---- baseline -------------------------------------------------------------------------------------------------------

# missing_in REPO DIR: the first file that DIR lacks and that this source must have
missing_in() {
	local file marks='Makefile Kconfig kernel/bpf/arraymap.c tools/lib/bpf/libbpf.h'

	[ "$1" != iproute2 ] || marks='Makefile configure ip/iplink_xdp.c tc/f_bpf.c'
	for file in $marks; do
		[ -f "$2/$file" ] || {
			echo "$file"
			return
		}
	done
}

version_in() {
	case $1 in
	linux | lts) awk '/^(VERSION|PATCHLEVEL|SUBLEVEL) = / { v = v s $3; s = "." } /^NAME/ { print v; exit }' "$2/Makefile" ;;
	iproute2) sed -n 's/.*version\[\] = "\(.*\)".*/\1/p' "$2/include/version.h" ;;
	esac
}

# The user's own source tree, if KERNEL_SRC or IPROUTE2_SRC is set.
own_of() {
	local own var

	case $1 in linux) var=KERNEL_SRC ;; iproute2) var=IPROUTE2_SRC ;; *) return ;; esac
	own=${!var:-}
	[ "$own" ] || return 0
	realpath -qe "$own" || die "$var=$own does not exist."
}

# The origin of the baseline, in one line. When it changes, the baseline is recreated. Without KERNEL_SRC or IPROUTE2_SRC, an
# existing baseline stays.
origin_of() {
	local own

	own=$(own_of "$1")
	if [ "$own" ]; then
		echo "$own $(git -C "$own" rev-parse -q --verify HEAD 2>/dev/null) $(git -C "$own" diff HEAD 2>/dev/null | sha1sum)"
	else
		cat "$src/$1/.git/origin" 2>/dev/null || echo debian
	fi
}

# unpack REPO DIR: copy the source to DIR
unpack() {
	local repo=$1 dir=$2 own missing file

	own=$(own_of "$repo")
	if [ "$own" ]; then
		missing=$(missing_in "$repo" "$own")
		[ -z "$missing" ] || die "$own is not a source tree of $repo: it has no $missing."
		say "copying $own"
		if [ -e "$own/.git" ]; then
			git -C "$own" ls-files -z
		else
			(cd "$own" && find . -mindepth 1 \( -type f -o -type l \) -print0)
		fi | tar -C "$own" --null -T - --ignore-failed-read -c | tar -x -C "$dir"
		if [ "$repo" = linux ] && [ -e "$dir/include/config" ]; then
			make -s -C "$dir" ARCH=x86_64 mrproper >&2
		fi
	else
		file=$("$top/.make/fetch.sh" "$repo")
		say "unpacking ${file##*/}"
		case $repo in
		linux) dpkg-deb --fsys-tarfile "$file" | tar -xO "./usr/src/linux-source-$KERNEL_SERIES.tar.xz" ;;
		lts) dpkg-deb --fsys-tarfile "$file" | tar -xO "./usr/src/linux-source-$LTS_SERIES.tar.xz" ;;
		iproute2) cat "$file" ;;
		esac | tar -xJ --strip-components=1 -C "$dir" || die "$file cannot be unpacked: remove it and try again."
	fi
	missing=$(missing_in "$repo" "$dir")
	[ -z "$missing" ] || die "the source of $repo has no $missing: is it the right one?"
	# Debian's packaging makes git ignore all new files, which would hide those of a patch.
	sed -i '/^# Debian packaging: ignore everything/,$d' "$dir/.gitignore"
}

# Create the baseline: unpack it in a temporary folder, commit, and move it to its place when it is complete.
baseline() {
	local repo=$1 new=$src/.$1.new old=$src/.$1.old origin have want tree trees=()

	rm -rf "$new" "$old"
	origin=$(origin_of "$repo")
	[ "$(cat "$src/$repo/.git/origin" 2>/dev/null)" != "$origin" ] || return 0
	case $repo in
	linux) room "$build" "$DISK_BUILD" "The build" ;;
	lts) room "$build" 4 "The source of Linux $LTS_SERIES" ;;
	esac
	mkdir -p "$new"
	trap 'rm -rf "$src"/.*.new' EXIT
	unpack "$repo" "$new"
	say "creating a git repository in build/src/$repo"
	git -C "$new" init -q -b pristine
	git -C "$new" config gc.auto 0
	git -C "$new" config core.looseCompression 1
	git -C "$new" config advice.updateSparsePath false
	git -C "$new" config notes.rewriteRef 'refs/notes/*'
	git -C "$new" config notes.displayRef 'refs/notes/*'
	if [ -z "$has_identity" ]; then
		git -C "$new" config user.name "$(id -un)"
		git -C "$new" config user.email "$(id -un)@localhost"
	fi
	git -C "$new" add -A -f
	git -C "$new" commit -q -m "$repo $(version_in "$repo" "$new")"
	git -C "$new" tag base
	echo '/.build-*' >>"$new/.git/info/exclude"
	echo "$origin" >"$new/.git/origin"

	have=$(version_in "$repo" "$new")
	case $repo in linux) want=$KERNEL_VERSION ;; lts) want=$LTS_VERSION ;; iproute2) want=$IPROUTE2_VERSION ;; esac
	[ "$have" = "$want" ] || say "notice: the source of $repo is version $have; the series is based on $want."

	# A source to which a series does not apply is rejected, and the previous one stays.
	for tree in $worktrees; do
		if [ "$(repo_of "$tree")" != "$repo" ]; then continue; fi
		saved "$tree"
		am "$tree" "$new" '' >/dev/null
		[ ! -d "$src/$tree" ] || trees+=("$src/$tree")
	done
	mkdir -p "$old"
	for tree in "${trees[@]}"; do
		mv "$tree" "$old"
	done
	[ ! -d "$src/$repo" ] || mv "$src/$repo" "$old"
	mv "$new" "$src/$repo"
	rm -rf "$old"
}

# ---- apply ----------------------------------------------------------------------------------------------------------

# A hash of TREE's series: baseline and patches.
want_of() {
	local patch

	{
		g "$(repo_of "$1")" rev-parse base
		for patch in $(patches_of "$1"); do
			echo "${patch#"$top"/}"
			cat "$patch"
		done
	} | sha256sum | cut -d ' ' -f 1
}

# am TREE REPO_DIR NOTES [PATCH...]: apply TREE's series, or these patches, to the baseline in REPO_DIR, in a temporary
# worktree that only has the files that they touch; print the commit. NOTES is the prefix of the notes' refs. A patch that
# does not apply is merged.
am() {
	local tree=$1 repo=$2 notes=$3 work=$src/.$1.am log=$src/.$1.log patch file patches=("${@:4}") merge=()

	git -C "$repo" worktree prune
	rm -rf "$work"
	git -C "$repo" worktree add -q -f -f --no-checkout --detach "$work" base
	if [ ${#patches[@]} -gt 0 ]; then merge=(-3); else mapfile -t patches < <(patches_of "$tree"); fi
	{
		echo /Makefile
		[ ${#patches[@]} -eq 0 ] || sed -nE 's#^(---|\+\+\+) [ab]/([^\t]*).*#/\2#p' "${patches[@]}" | sort -u
	} | git -C "$work" sparse-checkout set --no-cone --stdin
	git -C "$work" checkout -q
	for patch in "${patches[@]}"; do
		if ! git -C "$work" am -q "${merge[@]}" --no-gpg-sign --committer-date-is-author-date \
			"$patch" >"$log" 2>&1; then
			file=$(sed -nE 's/^CONFLICT .* in (.*)/\1/p; s/^error: (patch failed: )?([^:]*):.*/\2/p' "$log" | head -n 1)
			git -C "$repo" worktree remove -f "$work"
			die "${patch#"$top"/} does not apply to the source of $(repo_of "$tree")" \
				"$(version_in "$(repo_of "$tree")" "$repo")${file:+: conflict in $file} (build/src/.$tree.log)."
		fi
		file=${patch#"$top"/}
		git -C "$work" notes --ref="${notes}series" add -f -m "${file%/*}" 2>/dev/null
	done
	git -C "$work" rev-parse HEAD
	git -C "$repo" worktree remove -f "$work"
	rm -f "$log"
}

apply() {
	local tree=$1 repo stamp=$src/.$1.applied want commit

	repo=$(repo_of "$tree")
	# Worktrees refer to each other by absolute paths, which must be repaired when the clone is moved.
	if [ -d "$src/$tree" ] && ! g "$tree" rev-parse -q HEAD >/dev/null 2>&1; then
		g "$repo" worktree repair "$src/$tree" >/dev/null
	fi
	want=$(want_of "$tree")
	if [ -d "$src/$tree" ]; then
		[ "$(cat "$stamp/want" 2>/dev/null)" != "$want" ] || return 0
		saved "$tree"
	fi
	commit=$(am "$tree" "$src/$repo" '')
	if [ -d "$src/$tree" ]; then
		say "applying the changed ${folder_of[$tree]} to build/src/$tree"
		g "$tree" reset -q --hard "$commit"
	else
		say "checking out build/src/$tree"
		rm -rf "$src/.$tree.new"
		g "$repo" worktree prune
		g "$repo" worktree add -q -f --no-checkout -B "$tree" "$src/.$tree.new" "$commit"
		if [ "$tree" = libbpf-patched ]; then
			git -C "$src/.$tree.new" sparse-checkout set tools scripts kernel/bpf include/uapi arch/x86/include
		fi
		git -C "$src/.$tree.new" checkout -q
		g "$repo" worktree move "$src/.$tree.new" "$src/$tree"
	fi
	applied "$tree"
}

# Record that TREE and its series are the same.
applied() {
	local stamp=$src/.$1.applied

	rm -rf "$stamp"
	as_files "$1" HEAD '' "$stamp/series"
	g "$1" rev-parse HEAD >"$stamp/commit"
	want_of "$1" >"$stamp/want"
}

# Fail if TREE has commits, notes or edits since its series was last applied or exported.
saved() {
	local tree=$1 tmp=$src/.$1.now

	[ -d "$src/$tree" ] || return 0
	rm -rf "$tmp"
	as_files "$tree" HEAD '' "$tmp"
	if ! g "$tree" diff --quiet HEAD || ! diff -qr "$src/.$tree.applied/series" "$tmp" >/dev/null; then
		rm -rf "$tmp"
		die "build/src/$tree has commits or edits that are not in ${folder_of[$tree]}/:" \
			"commit and 'make export' them, or discard them with" \
			"'git -C build/src/$tree reset --hard $(cat "$src/.$tree.applied/commit" 2>/dev/null || echo COMMIT)'."
	fi
	rm -rf "$tmp"
}

# ---- export ---------------------------------------------------------------------------------------------------------

# as_files TREE COMMIT NOTES DIR: write base..COMMIT to DIR, in the folders of TREE's series
as_files() {
	local tree=$1 to=$2 notes=$3 dir=$4 from=base folder='' now commit first

	read -r first < <(folders_of "$tree")
	for commit in $(g "$tree" rev-list --reverse "base..$to"); do
		now=$(g "$tree" notes --ref="${notes}series" show "$commit" 2>/dev/null) || now=${folder:-$first}
		if [ "$folder" ] && [ "$now" != "$folder" ]; then
			write_patches "$tree" "$from..$commit^" "$dir/$folder"
			[ ! -d "$dir/$now" ] || die "build/src/$tree has commits of $now after some of $folder:" \
				"$(g "$tree" log -1 --format=%s "$commit")"
			from=$commit^
		fi
		folder=$now
	done
	write_patches "$tree" "$from..$to" "$dir/${folder:-$first}"
}

# write_patches TREE RANGE DIR: write the commits as patch files, byte for byte the same for everyone
write_patches() {
	local tree=$1 range=$2 dir=$3

	mkdir -p "$dir"
	g "$tree" format-patch -q --zero-commit --no-signature --no-base --no-thread --no-attach --no-notes \
		--no-cover-letter --no-to --no-cc --no-add-header --no-ext-diff --no-textconv --no-color \
		--diff-algorithm=myers -M --abbrev=12 --src-prefix=a/ --dst-prefix=b/ \
		--subject-prefix="${prefix_of[$tree]}" -o "$dir" "$range"
}

# replace DIR FOLDER: replace the patches of FOLDER by those in DIR
replace() {
	local patch name

	mkdir -p "$top/$2"
	for patch in $(patches_in "$top/$2"); do
		[ -e "$1/${patch##*/}" ] || {
			rm "$patch"
			say "removed ${patch#"$top"/}"
		}
	done
	for patch in $(patches_in "$1"); do
		name=$2/${patch##*/}
		cmp -s "$patch" "$top/$name" || {
			cp "$patch" "$top/$name"
			say "wrote $name"
		}
	done
	rmdir --ignore-fail-on-non-empty "$top/$2"
}

export_series() {
	local tree=$1 tmp=$build/export folder

	g "$tree" diff --quiet HEAD || die "build/src/$tree has uncommitted edits: commit them, then export."
	rm -rf "$tmp"
	as_files "$tree" HEAD '' "$tmp"
	for folder in $({
		folders_of "$tree"
		(cd "$tmp" && find . -name '*.patch' -printf '%h\n' | cut -c 3-)
	} | sort -u); do
		replace "$tmp/$folder" "$folder"
	done
	case $tree in
	iproute2*) echo "iproute2 $(version_in iproute2 "$src/iproute2")" ;;
	lts*) echo "linux-source-$LTS_SERIES $(version_in lts "$src/lts")" ;;
	*) echo "linux-source-$KERNEL_SERIES $(version_in linux "$src/linux")" ;;
	esac >"$top/${folder_of[$tree]}/base"
	rm -rf "$tmp"
	applied "$tree"
}

check() {
	local tree=$1 tmp=$build/roundtrip commit folder patch name bad=0

	rm -rf "$tmp"
	commit=$(am "$tree" "$src/$(repo_of "$tree")" check-)
	as_files "$tree" "$commit" check- "$tmp"
	for folder in $(folders_of "$tree"); do
		for patch in $(patches_in "$top/$folder") $(patches_in "$tmp/$folder"); do
			name=$folder/${patch##*/}
			[ "${patch#"$top/$folder"}" != "$patch" ] || [ ! -e "$top/$name" ] || continue
			if ! diff -u "$top/$name" "$tmp/$name" >&2; then
				say "$name changes when it is applied and exported: run 'make export' to fix it."
				bad=1
			fi
		done
	done
	rm -rf "$tmp"
	return $bad
}

# ---- Debian's stable kernel -----------------------------------------------------------------------------------------

# Write the stable kernel's series to DIR: each patch for the newer kernel is merged into the older source, except for those
# that $lts_folder/differ lists, which are taken from $lts_folder or left out.
ported() {
	local dir=$1 patch name how of now commit patches=()

	for patch in $(patches_of linux-patched); do
		name=${patch##*/}
		name=${name#*-}
		now=$(git patch-id --stable <"$patch" | cut -c 1-12)
		read -r how of < <(awk -v name="$name" '$1 ~ /^[a-z]/ && $3 == name { print $1, $2 }' "$top/$lts_folder/differ") || true
		[ "${how:-}" = without ] && continue
		if [ "${how:-}" = own ]; then
			[ "$of" = "$now" ] || die "${patch#"$top"/} has changed (patch-id $of to $now) since $lts_folder got its own version:" \
				"port the change in build/src/lts-patched, export it, and write $now into $lts_folder/differ."
			patch=$(find "$top/$lts_folder" -name "[0-9]*-$name" | grep .) ||
				die "$lts_folder has no patch *-$name, which $lts_folder/differ names."
		fi
		patches+=("$patch")
	done
	export GIT_ALTERNATE_OBJECT_DIRECTORIES=$src/linux/.git/objects
	commit=$(am lts-patched "$src/lts" port- "${patches[@]}")
	write_patches lts-patched "base..$commit" "$dir"
	unset GIT_ALTERNATE_OBJECT_DIRECTORIES
}

port() {
	local tmp=$build/port

	saved lts-patched
	rm -rf "$tmp"
	ported "$tmp"
	replace "$tmp" "$lts_folder"
	rm -rf "$tmp"
}

# Fail if port would change anything.
check_port() {
	local tmp=$build/port status=0

	rm -rf "$tmp"
	ported "$tmp"
	diff -ru -x base -x differ "$top/$lts_folder" "$tmp" >&2 || status=1
	[ $status = 0 ] || say "$lts_folder is out of date with kernel-patches: run '.make/series.sh port'."
	rm -rf "$tmp"
	return $status
}

# ---- commands -------------------------------------------------------------------------------------------------------

sync_tree() {
	local tree=$1 state=$build/state/$1

	baseline "$(repo_of "$tree")"
	[ "$tree" = "$(repo_of "$tree")" ] || apply "$tree"
	{
		g "$tree" rev-parse 'HEAD^{tree}'
		g "$tree" diff HEAD | sha1sum
	} >"$state.new"
	if cmp -s "$state.new" "$state"; then
		rm "$state.new"
	else
		mv "$state.new" "$state"
	fi
}

mkdir -p "$src" "$build/state"
exec 9>"$src/.lock"
flock 9
case ${1:-}:${2:-} in
sync:linux | sync:linux-patched | sync:libbpf-patched | sync:lts | sync:lts-patched | sync:iproute2 | sync:iproute2-patched) sync_tree "$2" ;;
export:)
	for tree in $worktrees; do
		# There is nothing to export if the stable kernel was never built.
		if [ "$tree" = lts-patched ] && [ ! -d "$src/lts-patched" ]; then continue; fi
		sync_tree "$tree"
		export_series "$tree"
	done
	;;
port:)
	for tree in linux-patched lts-patched; do sync_tree "$tree"; done
	port
	sync_tree lts-patched
	;;
check:)
	status=0
	for tree in $worktrees; do
		sync_tree "$tree"
		check "$tree" || status=1
	done
	check_port || status=1
	exit $status
	;;
folders:) for tree in $worktrees; do folders_of "$tree" | sed "s/$/ $tree/"; done ;;
saved:) for tree in $worktrees; do saved "$tree"; done ;;
*) die "usage: series.sh sync TREE | export | check | port | saved | folders" ;;
esac
