#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vm.sh COMMAND: run COMMAND in a guest, as root, in the current directory of the host's file system (read-only, except
# /tmp, /run and /mnt, which are the guest's own). Standard output, standard error and exit status are those of the command.
# vm.sh --shell: run an interactive shell on this terminal.
#
# KERNEL=patched|base|debug|kcsan|lts   a kernel for QEMU, with KVM if available
# KERNEL=um|um-base|um-debug        user-mode Linux: a process of the host, in a sandbox in which only its own run
#                             directory is writable. Its CPUs are threads, which run in parallel.
# TOOLS=patched|base          the tools to use instead of those that belong to the kernel
# TIMEOUT=300                 seconds until the guest is stopped (a shell: none)
# VM_CPUS=2 VM_MEM=1G         the size of the guest (um-debug with more than 2 CPUs runs without kmemleak)
# VM_APPEND=...               adds to the kernel's command line
# VM_THREADS=single           multi: QEMU without KVM uses one thread per CPU
# VM_ICOUNT=1                 one CPU in QEMU, and clocks that count instructions: see bench/
#
# Exit status if the guest failed rather than the command: 124 for a time-out, 125 if the guest died, 126 if the host
# cannot run it. The kernel's messages are in build/log/vm-*.log.
. "$(dirname "$0")/../../.make/lib.sh"

kernel=${KERNEL:-patched}
tools=patched memory=1G append=''
case $kernel in
patched | lts | um) ;;
base | um-base) tools=base ;;
# ACPI's interrupt routing takes this kernel more than a minute; the devices have MSI.
debug) memory=2G append='panic_on_warn=1 pci=noacpi' ;;
kcsan) memory=2G append='pci=noacpi' ;;
um-debug) memory=2G append='panic_on_warn=1' ;;
*) die "KERNEL=$kernel is none of base, patched, debug, kcsan, lts, um-base, um, um-debug." ;;
esac
tools=${TOOLS:-$tools}
image=$build/boot/$kernel
[ -f "$image" ] || die "the kernel $kernel is not built: run 'make kernel KERNEL=$kernel'."
[ -x "$build/vm/init" ] || die "the guest's init is not built: run 'make vm' or 'make shell'."
if [ "${1:-}" = --shell ]; then
	mode=shell limit=${TIMEOUT:-0} command=''
else
	[ -n "${1:-}" ] || die "no command given: make vm RUN='uname -a'"
	mode=run limit=${TIMEOUT:-300} command=$1
	# If both go to the same file, use one stream to keep their order.
	if [ /dev/fd/1 -ef /dev/fd/2 ]; then mode=merge; fi
fi
[[ $limit =~ ^[0-9]+$ ]] || die "TIMEOUT=$limit is not a number of seconds."

ulimit -c 0
mkdir -p "$build/run" "$build/log"
run=$(mktemp -d "$build/run/XXXXXX")
console=$build/log/vm-$kernel-$(date +%Y%m%d-%H%M%S)-${run##*/}.log
guest_pid='' helpers=()
# shellcheck disable=SC2317 # called by the trap
cleanup() {
	[ -z "$guest_pid" ] || kill "$guest_pid" 2>/dev/null || true
	[ ${#helpers[@]} -eq 0 ] || kill "${helpers[@]}" 2>/dev/null || true
	rm -rf "$run"
	# Keep the last 40 logs.
	find "$build/log" -maxdepth 1 -name 'vm-*.log' -printf '%T@ %p\n' | sort -n | head -n -40 | cut -d ' ' -f 2- |
		xargs -r -d '\n' rm -f || true # another guest may clean up at the same time
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

touch "$run/status"
# shellcheck disable=SC2034 # used by the sourced file
cpus=${VM_CPUS:-2}
memory=${VM_MEM:-$memory}
# Each allocation takes kmemleak's lock. With more CPUs than the host has, they often wait for one that is not running.
[ "$kernel" != um-debug ] || [ "$cpus" -le 2 ] || append+=' kmemleak=off'
append+=" bonding.max_bonds=0 dummy.numdummies=0 ${VM_APPEND:-}"
# shellcheck disable=SC1091
case $kernel in
um*) . "$top/selftests/vm/uml.sh" ;;
*) . "$top/selftests/vm/qemu.sh" ;;
esac
read -r rows columns < <(stty size 2>/dev/null || echo 0 0)
printf '%s\0' "$mode" "$rows" "$columns" "$PWD" "$top" "$command" "${ports[@]}" \
	PATH="$build/tools/$tools:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
	HOME=/tmp USER=root SHELL=/bin/bash TERM="${TERM:-dumb}" LANG=C.UTF-8 PS1="[$kernel] \\w # " \
	KERNEL="$kernel" TOOLS="$tools" >"$run/spec"

status=0
if [ $mode = shell ]; then
	# A terminal is passed through. The end of a pipe or a file becomes 'exit'; the guest must not see the end itself, or it
	# would regard the port as closed.
	if [ -t 0 ]; then
		run_shell || status=$?
	else
		mkfifo "$run/in"
		exec 6<&0 7<>"$run/in"
		{
			shell_reads
			cat
			printf '\nexit\n'
		} <&6 >&7 &
		helpers+=($!)
		run_shell <&7 || status=$?
	fi
else
	run_guest() {
		status=0
		relay_output
		run_command &
		guest_pid=$!
		follow_output
		wait $guest_pid 2>/dev/null || status=$?
		guest_pid=''
		wait "${helpers[@]}" || true
		helpers=()
	}
	run_guest
	if [ ! -s "$run/status" ] && another_way; then run_guest; fi
fi

if read -r code taint <"$run/status"; then
	# Bits 5, 7, 9 and 14: bad page, oops, warning, soft lockup.
	[ $((taint & 17056)) -eq 0 ] || say "vm: the guest's kernel warned (see build/log/${console##*/})"
	exit "$code"
fi
cannot_run
if [ "$limit" -gt 0 ] && [ $SECONDS -ge "$limit" ]; then
	what="did not end within $limit s" code=124
elif grep -q 'Kernel panic' "$console"; then
	what="panicked ($(grep -m 1 -o 'Kernel panic.*' "$console" | tr -d '\r'))" code=125
elif [ $status -ge 128 ]; then
	what="was killed (signal $((status - 128)))" code=125
elif [ $status -ne 0 ]; then
	what="could not be started ($(tail -n 1 "$run/start" 2>/dev/null))" code=125
else
	what="died" code=125
fi
say "vm: the guest $what; its last messages (all: build/log/${console##*/}):"
tail -n 25 "$console" | tr -d '\r' | sed 's/^/    /' >&2
exit $code
