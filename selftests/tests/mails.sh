#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all host
# @timeout 900
# @build build/state/linux-patched build/state/libbpf-patched
# @build build/state/iproute2-patched
# The mails that make posting writes. Nothing is sent.
. "$(dirname "$0")/../lib/testing.sh"

poster='A Reviewer <reviewer@example.org>'
out=$top/build/posting

posting() {
	env -u MAKEFLAGS -u MAKELEVEL -u KERNEL -u T -u TIMEOUT \
		make -C "$top" posting POSTER="$1"
}

# header FILE NAME: a header of a mail, without its name
header() { sed -n "s/^$2: //Ip;/^\$/q" "$1"; }

patches_of() { find "$top/$1" -maxdepth 1 -name '[0-9]*.patch'; }

# thread DIR FOLDER: a mail for each patch of FOLDER, all of which answer the
# cover letter
thread() {
	local dir=$out/$1 mail id subject

	id=$(header "$dir"/0000-*.patch message-id)
	subject=$(head -n 1 "$top/$2/cover-letter")
	[[ $(header "$dir"/0000-*.patch subject) == "[PATCH "*"] ${subject%% *}"* ]] ||
		fail "$1 has another subject than '$subject'"
	expect "mails of $1" "$(patches_of "$2" | wc -l)" \
		"$(find "$dir" -name '0*.patch' ! -name '0000-*' | wc -l)"
	for mail in "$dir"/*.patch; do
		[[ $(header "$mail" to) == *@vger.kernel.org ]] ||
			fail "$mail is not for a list"
		[[ $mail != */0000-* ]] || continue
		expect "what $mail answers" "$id" "$(header "$mail" in-reply-to)"
		[ "$(grep -cx "Signed-off-by: $poster" "$mail")" = 1 ] ||
			fail "$mail is not signed off"
		expect "the author of $mail" "$poster" "$(header "$mail" from)"
	done
}

case_make_posting() {
	local kernel

	set_aside "$out"
	posting "$poster"
	thread bpf-next/1-kernel kernel-patches
	thread bpf-next/2-fixes libbpf-patches/1-fixes
	thread bpf-next/3-libbpf libbpf-patches/2-hold-maps
	thread bpf-next/4-links kernel-patches/links
	thread bpf-next/5-tools-links libbpf-patches/3-links
	thread iproute2-next/6-ip-fixes iproute2-patches/1-fixes
	thread iproute2-next/7-ip-tail-calls iproute2-patches/2-tail-calls
	thread iproute2-next/8-ip-hold-maps iproute2-patches/3-hold-maps
	kernel=$(header "$out"/bpf-next/1-kernel/0000-*.patch message-id)
	expect "what libbpf's cover letter answers" "$kernel" \
		"$(header "$out"/bpf-next/3-libbpf/0000-*.patch in-reply-to)"
	grep "/${kernel:1:-1}/" "$out"/iproute2-next/8-ip-hold-maps/0000-*.patch
	if grep -rn '@kernel@\|hold-maps@example.org' "$out"; then
		fail "these placeholders are left"
	fi
}

case_bad_poster() {
	expect_text "POSTER='nobody' is not a 'Name <address>'." posting nobody
}

run_cases "$@"
