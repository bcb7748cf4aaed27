#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# step.sh NAME COMMAND...: run a long step of a build with its output in build/log/NAME.log, and show progress: one line that
# is updated on a terminal, otherwise one line every 20 seconds. On failure, show the errors. V=1 shows all output.
. "$(dirname "$0")/lib.sh"

name=$1
shift
log=$build/log/$name.log
if dry_run; then
	echo "$*"
	exit
fi
mkdir -p "$build/log"
start=$SECONDS

# shellcheck disable=SC2317 # called through the pipe below
progress() {
	local every=20 next=20 lines=0 line tty=''

	if [ -t 2 ]; then tty=1 every=1 next=1; fi
	while IFS= read -r line; do
		lines=$((lines + 1))
		[ $((SECONDS - start)) -ge "$next" ] || continue
		next=$((SECONDS - start + every))
		if [ "$tty" ]; then
			printf '\r\033[K  %-14s %4d s  %5d steps  %.50s' "$name" $((SECONDS - start)) "$lines" "$line" >&2
		else
			printf '  %-14s %4d s  %5d steps\n' "$name" $((SECONDS - start)) "$lines" >&2
		fi
	done
	[ -z "$tty" ] || printf '\r\033[K' >&2
}

status=0
if [ "${V:-}" = 1 ]; then
	"$@" 2>&1 | tee "$log" >&2 || status=$?
else
	"$@" 2>&1 | tee "$log" | progress || status=$?
fi
if [ $status -ne 0 ]; then
	how=failed
	[ $status -le 128 ] || how="was killed by signal $((status - 128)) ($(kill -l $((status - 128))))"
	say "error: $name $how; the end of build/log/$name.log:"
	show_log "$log"
	exit 1
fi
[ $((SECONDS - start)) -lt 3 ] || printf '  %-14s %4d s  done\n' "$name" $((SECONDS - start)) >&2
