# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
# Sourced after testing.sh: two loaded programs and their reference counts. The
# agent reads the counts in kernel memory, without taking a user reference.

# newest {map|prog} NAME: sets answer
newest() { ask ids newest "$@"; }

# load_two WHERE: load two programs, pinned as "entry" and "other". The loader
# of the first one keeps running, so that only the test changes its counts. The
# loader of the other one has exited, and its array was cleared.
load_two() {
	defer rm -f "$pins/entry" "$pins/other"
	attach -p "$pins/other" load "${object_for[$1]}"
	newest prog entry && other=$answer
	newest map jmp && other_jmp=$answer
	start_loader "$1" -p "$pins/entry" --
	newest prog entry && entry=$answer
	newest map jmp && jmp=$answer
	# until the work that clears it has dropped its reference
	until_true "the array of the other program is cleared" is_idle
	counts=$answer
}

is_idle() { count_all && [[ $answer == *" map $other_jmp refs 1 urefs 0" ]]; }

# count_all: sets answer
count_all() {
	ask refs prog "$entry" map "$jmp" prog "$other" map "$other_jmp"
}

# sets state to "HOLDS UREFS OTHER_HOLDS OTHER_UREFS" of the two programs and
# their arrays
get_state() {
	local word

	count_all || return
	read -r -a word <<<"$answer"
	state="${word[5]} ${word[13]} ${word[19]} ${word[27]}"
}

# want HOLDS [OTHER_HOLDS]: sets wanted to the state with this many holds and
# the loader
want() { wanted="$1 $((1 + $1)) ${2:-0} ${2:-0}"; }

# held WHAT HOLDS [OTHER_HOLDS]: the programs have this many holds
held() {
	want "${@:2}"
	get_state
	expect "$1: holds, urefs, and the other's" "$wanted" "$state"
}

# wait_held WHAT HOLDS [OTHER_HOLDS]: the same, before the deadline
wait_held() {
	want "${@:2}"
	until_true "$1: holds" is_state "$wanted"
}

is_state() { get_state && [ "$state" = "$1" ]; }

# back WHAT: all counts are what they were before anything was attached
back() { until_true "$1: all references are dropped" is_back; }
is_back() { count_all && [ "$answer" = "$counts" ]; }
