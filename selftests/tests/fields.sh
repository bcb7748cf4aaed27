#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um
# @build build/tools/base/ip build/tools/base-nolibbpf/ip build/tools/patched-nolibbpf/ip
# An object with one field of its ELF header or of a section header changed, for
# each of these fields: the patched ip loads all objects that the base ip loads,
# and is never killed by a signal. See lib/fields.py. U3, U4
. "$(dirname "$0")/../lib/testing.sh"

tools=$top/build/tools

# compare OBJECT BASE PATCHED
compare() {
	add_pair eth0
	# in a batch the base ip closes none of them
	ulimit -n 20000
	llvm-strip -g -o /tmp/object "$objs/$1"
	"$top/selftests/lib/fields.py" /tmp/object "${@:2}"
}

case_libbpf() { compare calls.bpf.o "$tools"/{base,patched}/ip; }
case_built_in() { compare legacy.bpf.o "$tools"/{base,patched}-nolibbpf/ip; }

# The control: a tool that loads nothing
case_tells() {
	printf '#!/bin/sh\nkill -FPE $$\n' >/tmp/dies
	chmod +x /tmp/dies
	! compare calls.bpf.o "$tools/base/ip" /tmp/dies >/tmp/lost ||
		fail "it did not find any"
	grep ': killed by signal 8' /tmp/lost
}

run_cases "$@"
