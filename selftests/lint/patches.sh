#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @lint host
# @timeout 10000
# @whole
# @build build/libbpf/base/usr/lib64/libbpf.a build/state/linux build/state/linux-patched build/state/libbpf-patched
# @build build/state/iproute2 build/state/iproute2-patched build/state/lts build/state/lts-patched
# Runs a reviewer's tools on the series and on the scripts.
# shellcheck disable=SC2154 # top is testing.sh's
. "$(dirname "$0")/../lib/testing.sh"

cd "$top"
scripts=$top/.make
src=$top/build/src
series=$("$scripts/series.sh" folders | tr ' ' ':')

patches_in() { find "$1" -maxdepth 1 -name '[0-9]*.patch' | sort; }

# Checks one patch. The tree has no history, so checkpatch cannot look up the commit of a Fixes: line. It asks for each new
# file whether MAINTAINERS needs an update; the loop below checks that instead. It recognizes file types by their names in
# the kernel, so these are replaced: tools/include/uapi is a copy of include/uapi, and a .t of iproute2's test suite is a
# shell script.
check_patch() {
	local patch=$1 tree=$2 file no_tree=()

	[ "$tree" != iproute2-patched ] || no_tree=(--no-tree)
	sed -E '/^(diff|---|\+\+\+) /{ s#\b([ab]/)tools/(include/uapi/)#\1\2#g; s#(testsuite/[^ ]*)\.t\b#\1.sh#g }' "$patch" |
		GIT_DIR=/dev/null/none env -C "$src/linux" perl scripts/checkpatch.pl --strict --quiet --no-summary \
			--show-types --ignore=MISSING_SIGN_OFF,FILE_PATH_CHANGES,UNKNOWN_COMMIT_ID "${no_tree[@]}" - ||
		fail "$patch: checkpatch's findings are above"
	[ "$tree" != iproute2-patched ] || return 0
	while IFS= read -r file; do
		printf -- '--- /dev/null\n+++ b/%s\n' "$file" |
			(cd "$src/linux" && perl scripts/get_maintainer.pl --no-git --no-git-fallback 2>/dev/null) |
			grep -E '\((maintainer|supporter|reviewer):' >/dev/null ||
			fail "$patch: MAINTAINERS has nobody for the new file $file"
	done < <(sed -n '/^--- \/dev\/null$/{n;s#^+++ b/##p}' "$patch")
}

# --strict, without exceptions but the sign-off, which is added by the person who posts the series
case_checkpatch() {
	local one patch count=0

	set +x
	for one in $series; do
		for patch in $(patches_in "${one%:*}"); do
			check_patch "$patch" "${one#*:}"
			count=$((count + 1))
		done
	done
	figure "$count patches"
}

# Checks the C files of the tests. Ignored are findings that ask for macros of the
# kernel, that mistake names of libelf and libFuzzer or LIBBPF_OPTS() for errors,
# or that are about what a test does on purpose (volatile, strncpy, a declaration
# for libFuzzer).
case_checkpatch_of_the_tests() {
	local files

	mapfile -t files < <(find "$top/selftests" -name '*.[ch]' | sort)
	cd "$src/linux"
	GIT_DIR=/dev/null/none perl scripts/checkpatch.pl --strict --quiet --no-summary --show-types --max-line-length=125 \
		--ignore=ARRAY_SIZE,BIT_MACRO,ENOSYS,PREFER_DEFINED_ATTRIBUTE_MACRO,AVOID_EXTERNS,STRNCPY,VOLATILE \
		--ignore=CAMELCASE,LINE_SPACING,SPACING,EMBEDDED_FUNCTION_NAME,REPEATED_WORD,QUOTED_WHITESPACE_BEFORE_NEWLINE \
		--ignore=COMPLEX_MACRO,MACRO_ARG_REUSE,MULTISTATEMENT_MACRO_USE_DO_WHILE,TRAILING_SEMICOLON \
		--ignore=STATIC_CONST_CHAR_ARRAY -f "${files[@]}"
	figure "${#files[@]} files"
}

case_apply_and_export_give_every_byte_back() { "$scripts/series.sh" check; }

case_documentation() { "$scripts/docs.sh"; }

case_shell() {
	local file found=(.make/lib.sh selftests/vm/{qemu,uml}.sh selftests/lib/*.sh)

	set +x
	while IFS= read -r file; do
		if head -n 1 "$file" | grep -qE '^#!.*/(env )?(ba)?sh( |$)'; then found+=("$file"); fi
	done < <(find . \( -path ./build -o -path ./.git \) -prune -o -type f -print | sort)
	shellcheck "${found[@]}"
	shfmt -d "${found[@]}"
	figure "${#found[@]} scripts"
}

case_python() { pyflakes3 selftests/run selftests/runner/*.py selftests/lib/*.py; }

# each SERIES: build it one patch at a time, and show the progress on the screen
each() {
	"$scripts/build-each.sh" "$1" 2>&1 | while IFS= read -r line; do
		echo "$line"
		echo "# ... $line" >&"$screen"
	done
}

case_each_kernel_patch_builds() { each kernel; }
case_each_lts_patch_builds() { each lts; }
case_each_libbpf_patch_builds() { each libbpf; }
case_each_iproute2_patch_builds() { each iproute2; }

run_cases "$@"
