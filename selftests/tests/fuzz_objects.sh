#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all host
# @whole
# @cpus 1
# @build build/fuzz/patched build/fuzz/patched-nolibbpf build/fuzz/base-nolibbpf selftests
# Object files from libFuzzer: no content makes the loaders of ip and tc, or
# libbpf below them, misuse or leak memory, leak a descriptor, divide by zero or
# hang. See fuzz/objects.c. U3, U4
#
# RUNS=1000000 tests/fuzz_objects.sh: so many of each instead of half a minute;
# SEED=2: others
. "$(dirname "$0")/../lib/testing.sh"

fuzz=$top/build/fuzz
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Findings are saved in build/fuzz/found.
limits=(-timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=1024 -close_fd_mask=3
	-artifact_prefix="$fuzz/found/")

# once for all cases
seeds() {
	[ -d "$work/seeds" ] || "$top/selftests/fuzz/seeds" "$work/seeds"
	mkdir -p "$work/$1" "$fuzz/found"
}

# feed NAME OPTION...: libFuzzer's log goes to $work/NAME.log
feed() {
	seeds "$1"
	"$fuzz/$1" "${limits[@]}" -seed="${SEED:-1}" -max_len=8192 "${@:2}" \
		"$work/$1" "$work/seeds" >"$work/$1.log" 2>&1
}

finds_nothing() {
	local name=$1 amount=-max_total_time=30 file

	[ -z "${RUNS:-}" ] || amount=-runs=$RUNS
	if feed "$name" "$amount"; then
		figure "$name: $(sed -nE 's/.*#([0-9]+)\s+DONE +cov: ([0-9]+) .*/\1 objects, \2 edges/p' \
			"$work/$name.log")"
		return
	fi
	sed -nE '/ERROR: |runtime error: /,/^SUMMARY/p' "$work/$name.log" | head -n 40
	file=$(sed -n 's/.*Test unit written to //p' "$work/$name.log")
	[ "$file" ] || tail -n 20 "$work/$name.log"
	fail "object: ${file#"$top/"}; run: build/fuzz/$name ${file#"$top/"}"
}

case_libbpf() { finds_nothing patched; }
case_built_in() { finds_nothing patched-nolibbpf; }

# The control, which ends with the first finding: the base loader
case_base_fails() {
	! feed base-nolibbpf -max_total_time=300 ||
		fail "nothing was found in the base loader"
	grep 'Test unit written to' "$work/base-nolibbpf.log"
}

# Another control: a section header of .symtab in which sh_entsize is 0
case_base_divides_by_zero() {
	seeds .
	python3 - "$work/seeds/legacy.bpf.040" "$work/entsize" <<-'END'
		import struct, sys
		data = bytearray(open(sys.argv[1], 'rb').read())
		shoff, = struct.unpack_from('<Q', data, 40)
		num, = struct.unpack_from('<H', data, 60)
		for at in range(shoff, shoff + num * 64, 64):
		    if struct.unpack_from('<I', data, at + 4) == (2,):
		        struct.pack_into('<Q', data, at + 56, 0)
		open(sys.argv[2], 'wb').write(data)
	END
	expect_text "division by zero" "$fuzz/base-nolibbpf" "$work/entsize"
	"$fuzz/patched-nolibbpf" "$work/entsize"
	"$fuzz/patched" "$work/entsize"
}

run_cases "$@"
