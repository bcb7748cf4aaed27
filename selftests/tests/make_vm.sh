#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all host
# @build build/boot/um build/boot/patched build/vm/init build/vm/no-guard.so
# vm/vm.sh in both kinds of guests: output and status are those of the command,
# whatever it leaves behind, and a shell works on a terminal and on a pipe.
. "$(dirname "$0")/../lib/testing.sh"

# in_vm ARGUMENT...: sets out, err and status
in_vm() {
	local errors

	errors=$(mktemp)
	status=0
	out=$(KERNEL=$kernel TIMEOUT=60 "$top/selftests/vm/vm.sh" "$@" 2>"$errors") || status=$?
	err=$(<"$errors")
	rm "$errors"
}

streams_and_status() {
	in_vm 'echo out; echo err >/dev/stderr; exit 7'
	expect "output, errors and status" "out err 7" "$out $err $status"
	in_vm 'kill -SEGV $$'
	expect "the status of a killed command" 139 "$status"
	in_vm 'head -c 3000000 /dev/zero | tr "\0" x'
	expect "the size and the status" "3000000 0" "${#out} $status"
	in_vm 'sleep 1000 & setsid sleep 1000 & echo started'
	expect "what background processes leave" "started 0" "$out $status"
	in_vm 'echo c >/proc/sysrq-trigger'
	expect "the status of a guest that died" 125 "$status"
	[[ $err == *"the guest panicked"* ]] || fail "it said '$err'"
}

# terminal_shell: start a shell on a terminal, and type when it has its prompt
terminal_shell() {
	local from to pid

	coproc TERMINAL { KERNEL=$kernel TIMEOUT=60 exec script -qec \
		"stty rows 40 cols 100; '$top/selftests/vm/vm.sh' --shell" /dev/null; }
	# shellcheck disable=SC2153
	pid=$TERMINAL_PID from=${TERMINAL[0]} to=${TERMINAL[1]}
	IFS= read -r -d '#' -t 60 -u "$from" out || fail "no prompt: $out"
	echo 'stty size; exit 6' >&"$to"
	IFS= read -r -d '' -t 60 -u "$from" out || :
	status=0
	wait "$pid" || status=$?
	expect "the status of a shell on a terminal" 6 "$status"
	[[ $out == *"40 100"* ]] || fail "its size is wrong: $out"
}

shells() {
	local i

	in_vm --shell <<<'test -t 0 && exit 5'
	expect "the status of a shell on a pipe" 5 "$status"
	for ((i = 0; i < $1; i++)); do
		terminal_shell
	done
}

case_um() { kernel=um && streams_and_status; }
# User-mode Linux failed in one of eight runs to open a line after the one of the
# terminal, see vm/init.c.
case_um_shell() { kernel=um && shells 20; }

case_qemu() { kernel=patched && streams_and_status; }
case_qemu_shell() { kernel=patched && shells 1; }

run_cases "$@"
