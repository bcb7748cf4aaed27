#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all host
# @whole
# @build build/boot/um build/boot/um-base build/vm/init selftests
# The same bad requests, see bin/fuzz.c, to the base and to the patched kernel.
# Without the flag all answers are the same. With the flag, the base kernel
# accepts none, except for tcx links, where it ignores the flag together with
# some others. The patched kernel only accepts requests that the base kernel
# accepts without the flag. S1, S6, S11, S15, S16
#
# FUZZ=100000 tests/badinput.sh: so many instead of 1000 each; SEED=2: others;
# KERNELS="base patched": other kernels than those of user-mode Linux
. "$(dirname "$0")/../lib/testing.sh"

read -r base patched <<<"${KERNELS:-um-base um}"
who=(root admin userns nobody)
n=${FUZZ:-1000} seed=${SEED:-1}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# ask KERNEL NAME: the answers to all processes, in one stream; vm.sh prints the
# kernel's warnings
ask() {
	local each="$top/build/selftests/fuzz \$who $seed $n || echo failed"

	# grace periods take most of the time
	KERNEL=$1 TIMEOUT=$((600 + n / 2)) "$top/selftests/vm/vm.sh" \
		"echo 1 >/sys/kernel/rcu_expedited
		for who in ${who[*]}; do echo \"=== \$who\"; $each; done" \
		>"$out/$2" 2>"$out/$2.err" || echo "vm.sh: $?" >>"$out/$2.err"
}

# once for all cases
ask_both() {
	[ -e "$out/base" ] || ask "$base" base
	[ -e "$out/patched" ] || ask "$patched" patched
}

# compare WHO: print each error as a line, and a line of figures
compare() {
	ask_both
	awk -v who="$1" '
	FNR == 1 { file++ }
	$1 == "===" { mine = $2 == who; next }
	!mine { next }
	NF != 5 { print "bad line: " $0; bad++; next }
	{ lines[file]++; key = $1 " " $4; all[key] = $0 }
	file == 1 { base[key] = $5; next }
	!(key in base) { print "only the patched kernel: " $0; bad++; next }
	{ plain = base[$1 " plain"]; total[$4]++; taken[$4] += $5 == 0 }
	$4 == "plain" && $5 != plain { print $0 ", base: " plain; bad++ }
	$4 == "flagged" && base[key] == 0 && $2 != "tcx_link" {
		print "base takes it: " $0; bad++
	}
	# the flag itself may be rejected: EINVAL, EOPNOTSUPP
	$4 == "flagged" && $5 != plain && $5 != 22 && $5 != 95 {
		print $0 ", base without the flag: " plain; bad++
	}
	# base answers EINVAL to the flag, or with an earlier error
	$4 == "flagged" && base[key] != 22 && base[key] != plain {
		print "base: " base[key] ", patched: " $0; bad++
	}
	END {
		if (lines[1] != lines[2] || !total["plain"]) {
			print "requests: " lines[1] + 0 " and " lines[2] + 0; bad++
		}
		printf "# %s: %d without the flag, %d taken; %d with it, %d taken\n",
			who, total["plain"], taken["plain"],
			total["flagged"], taken["flagged"]
		# a test in which no request is accepted tests nothing
		if (!taken["plain"] || !taken["flagged"]) {
			print "nothing is accepted"; bad++
		}
		exit !!bad
	}' "$out/base" "$out/patched"
}

# The kernel did not complain, and fuzz found no error.
quiet() {
	ask_both
	cat "$out/$1.err"
	[ ! -s "$out/$1.err" ] || fail "the guest complained"
	absent failed cat "$out/$1"
}

case_base_kernel() { quiet base; }
case_patched_kernel() { quiet patched; }
case_root() { compare root; }
case_admin() { compare admin; }
case_user_namespace() { compare userns; }
case_nobody() { compare nobody; }

run_cases "$@"
