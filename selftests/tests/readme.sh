#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# The README is up to date: the table of the demonstration, and the picture of
# the references to a prog array.
. "$(dirname "$0")/../lib/testing.sh"

# The table of the demonstration, from standard input
table() { sed -n '/^ *attached  /,/^ *$/s/^ *//p'; }

case_table() {
	local recorded

	recorded=$(table <"$top/docs/demo.txt")
	expect "lines of the recorded table" 9 "$(wc -l <<<"$recorded")"
	expect "the README's table" "$recorded" "$(table <"$top/README.md")"
}

# A recording, without the parts that differ in each run
unnumbered() {
	sed -E 's/\x1b\[[0-9;]*m//g; s/ +$//
		s/^(  key: .* value: ).*/\1N/
		s/\b(tag|load_time|created_by_uid) [0-9a-f]+/\1 N/g
		s/\b(id|prog_id|btf_id) [0-9]+/\1 N/g; s/^  [0-9]+: /  N: /
		s/\(([0-9]+)\)/(N)/g' | sed '/./,$!d'
}

# The recording matches the output of the demonstration.
# @all patched
# @needs jit
case_recording() {
	local now

	now=$("$top/selftests/demo/guest")
	expect "the demonstration" "$(unnumbered <"$top/docs/demo.txt")" \
		"$(unnumbered <<<"$now")"
}

# What dot draws, regardless of its version and its placement
drawn() { grep -oE '<title>[^<]*|class="[^"]*"|>[^<>]+</text>' "$1"; }

# The picture matches its source.
# @all host
# @build deps-pictures
case_picture() {
	local picture=$top/docs/who-holds.svg work

	work=$(mktemp -d)
	defer rm -r "$work"
	dot -Tsvg "$top/docs/who-holds.dot" >"$work/same"
	expect "the picture" "$(drawn "$work/same")" "$(drawn "$picture")"
	# the control
	sed 's/tail calls hit/tail calls work/' "$top/docs/who-holds.dot" |
		dot -Tsvg >"$work/other"
	[ "$(drawn "$work/other")" != "$(drawn "$picture")" ] ||
		fail "another picture looks the same"
}

run_cases "$@"
