# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# Sourced behind testing.sh: two loaded programs and their reference counts, as
# the agent reads them in the kernel's memory, that is without taking a user
# reference to see with.

# newest {map|prog} NAME: sets answer
newest() { ask ids newest "$@"; }

# load_two WHERE: two programs, pinned as "entry" and "other". The loader of
# the first one stays, so that nothing but a test can change what it counts.
# That of the other one is gone, and its array was emptied.
load_two()
{
	defer rm -f "$pins/entry" "$pins/other"
	attach -p "$pins/other" load "${object_for[$1]}"
	newest prog entry && other=$answer
	newest map jmp && other_jmp=$answer
	start_loader "$1" -p "$pins/entry" --
	newest prog entry && entry=$answer
	newest map jmp && jmp=$answer
	# until the work that empties it has given its reference to it back
	until_true "the array of the other program is emptied" is_idle
	counts=$answer
}

is_idle() { count_all && [[ $answer == *" map $other_jmp refs 1 urefs 0" ]]; }

# count_all: sets answer
count_all()
{
	ask refs prog "$entry" map "$jmp" prog "$other" map "$other_jmp"
}

# sets state to "HOLDS UREFS OTHER_HOLDS OTHER_UREFS" of the two programs and
# their arrays
get_state()
{
	local word

	count_all || return
	read -r -a word <<<"$answer"
	state="${word[5]} ${word[13]} ${word[19]} ${word[27]}"
}

# want HOLDS [OTHER_HOLDS]: sets wanted to what the state has to be with so many,
# beside the loader
want() { wanted="$1 $((1 + $1)) ${2:-0} ${2:-0}"; }

# held WHAT HOLDS [OTHER_HOLDS]: so many attachments hold the programs
held()
{
	want "${@:2}"
	get_state
	expect "$1: holds, urefs, and the other's" "$wanted" "$state"
}

# comes_to WHAT HOLDS [OTHER_HOLDS]: the same, a little later
comes_to()
{
	want "${@:2}"
	until_true "$1: holds" is_state "$wanted"
}

is_state() { get_state && [ "$state" = "$1" ]; }

# back WHAT: all counts become what they were before anything was attached
back() { until_true "$1: all references are given back" is_back; }
is_back() { count_all && [ "$answer" = "$counts" ]; }
