# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# Sourced behind testing.sh: two loaded programs and their reference counts, as
# an iterator sees them, that is without taking a user reference to see with.

# The newest {map|prog} of that name
newest() { ids | sed -n "s/^$1 \([0-9]*\) .* $2\$/\1/p" | tail -1; }

# Descriptors 7 and 8 are what it reads from and writes to: those of a coproc
# are not there in subshells.
start_refs()
{
	coproc REFS { exec refs "$objs/refs.bpf.o"; }
	# shellcheck disable=SC2153
	defer eval "kill -KILL $REFS_PID 2>/dev/null || :"
	exec 7>&"${REFS[1]}" 8<&"${REFS[0]}"
}

# load_two WHERE: two programs, pinned as "entry" and "other". The loader of
# the first one stays, so that nothing but a test can change what it counts.
# That of the other one is gone, and its array was emptied.
load_two()
{
	defer rm -f "$pins/entry" "$pins/other"
	start_refs
	attach -p "$pins/other" load "$(object "$1")"
	other=$(newest prog entry) other_jmp=$(newest map jmp)
	start_loader "$1" -p "$pins/entry" --
	entry=$(newest prog entry) jmp=$(newest map jmp)
	# until the work that empties it has given its reference to it back
	until_true "the array of the other program is emptied" is_idle
	counts=$(count_all)
}

is_idle() { [[ $(count_all) == *" map $other_jmp refs 1 urefs 0 " ]]; }

count_all()
{
	local line

	echo "prog $entry map $jmp prog $other map $other_jmp" >&7
	IFS= read -r -t "$DEADLINE" -u 8 line || fail "no reference counts"
	echo "$line"
}

# "HOLDS UREFS OTHER_HOLDS OTHER_UREFS" of the two programs and their arrays
state()
{
	local word

	read -r -a word < <(count_all)
	echo "${word[5]} ${word[11]} ${word[17]} ${word[23]}"
}

# What state has to be with so many HOLDS and OTHER_HOLDS, beside the loader
wanted() { echo "$1 $((1 + $1)) ${2:-0} ${2:-0}"; }

# held WHAT HOLDS [OTHER_HOLDS]: so many attachments hold the programs
held() { expect "$1: holds, urefs, and the other's" "$(wanted "${@:2}")" "$(state)"; }

# comes_to WHAT HOLDS [OTHER_HOLDS]: the same, a little later
comes_to() { until_true "$1: holds" is_state "$(wanted "${@:2}")"; }
is_state() { [ "$(state)" = "$1" ]; }

# back WHAT: all counts become what they were before anything was attached
back() { until_true "$1: all references are given back" is_back; }
is_back() { [ "$(count_all)" = "$counts" ]; }
