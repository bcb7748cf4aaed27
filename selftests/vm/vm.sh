#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vm.sh COMMAND: run COMMAND in a guest, as root, in this directory of the host's files (read-only, with /tmp, /run and
# /mnt of the guest's own). Standard output, standard error and exit status are the command's and nothing else's.
# vm.sh --shell: an interactive one, on this terminal.
#
# KERNEL=patched|base|debug   which kernel, and with base the stock tools too
# TOOLS=patched|base          other tools than the kernel's own
# TIMEOUT=300                 seconds until the guest is stopped (a shell: none)
# VM_CPUS=2 VM_MEM=1G         how big; VM_APPEND=... adds to the kernel's command line
# VM_THREADS=single           multi, without KVM: a thread for each CPU
#
# Exit status where the guest, and not the command, is what failed: 124 for a time-out, 125 for a guest that died.
# The kernel's messages are in build/log/vm-*.log.
. "$(dirname "$0")/../scripts/lib.sh"

kernel=${KERNEL:-patched}
case $kernel in
base) tools=base append='' memory=1G ;;
patched) tools=patched append='' memory=1G ;;
# ACPI's interrupt routing takes this kernel more than a minute; the devices have MSI.
debug) tools=patched append='panic_on_warn=1 pci=noacpi' memory=2G ;;
*) die "KERNEL=$kernel is none of patched, base, debug." ;;
esac
tools=${TOOLS:-$tools}
image=$build/boot/$kernel
[ -f "$image" ] || die "there is no kernel $kernel yet: run 'make kernel KERNEL=$kernel'."
[ -x "$build/vm/init" ] || die "the guest's init is not built yet: run 'make vm' or 'make shell'."
if [ "${1:-}" = --shell ]; then
	mode=shell limit=${TIMEOUT:-0} command=''
else
	[ -n "${1:-}" ] || die "no command: make vm RUN='uname -a'"
	mode=run limit=${TIMEOUT:-300} command=$1
	# Where both go to one place, they go through one stream, or their order would be lost.
	if [ /dev/fd/1 -ef /dev/fd/2 ]; then mode=merge; fi
fi
[[ $limit =~ ^[0-9]+$ ]] || die "TIMEOUT=$limit is not a number of seconds."

# /dev/kvm can be there on a processor that cannot run a guest: then the guest hangs without a word.
if [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then
	accel=(-accel kvm -cpu host)
else
	# Its CPUs take turns in one thread. With a thread each, guests of the unpatched kernel, too, die of an int3 that another
	# CPU had put in the place of an instruction while it changed that (the dispatcher of XDP programs). The emulation is
	# the likely cause: it drops what it translated from a page just before the write, and not after it.
	accel=(-accel "tcg,thread=${VM_THREADS:-single}" -cpu max)
	# Both CPUs read the time stamp counter of the host. Guests that do not trust it ask an emulated device for the time,
	# again and again.
	append+=' tsc=reliable'
fi

mkdir -p "$build/run" "$build/log"
run=$(mktemp -d "$build/run/XXXXXX")
console=$build/log/vm-$kernel-$(date +%Y%m%d-%H%M%S)-${run##*/}.log
qemu_pid='' helpers=()
# shellcheck disable=SC2317 # called by the trap
cleanup() {
	[ -z "$qemu_pid" ] || kill "$qemu_pid" 2>/dev/null || true
	[ ${#helpers[@]} -eq 0 ] || kill "${helpers[@]}" 2>/dev/null || true
	rm -rf "$run"
	# Old logs go: the last 40 stay.
	find "$build/log" -maxdepth 1 -name 'vm-*.log' -printf '%T@ %p\n' | sort -n | head -n -40 | cut -d ' ' -f 2- |
		xargs -r -d '\n' rm -f || true # another guest may clean up at the same time
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

read -r rows columns < <(stty size 2>/dev/null || echo 0 0)
printf '%s\0' "$mode" "$rows" "$columns" "$PWD" "$top" "$command" \
	PATH="$build/tools/$tools:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
	HOME=/tmp USER=root SHELL=/bin/bash TERM="${TERM:-dumb}" LANG=C.UTF-8 PS1="[$kernel] \\w # " \
	KERNEL="$kernel" TOOLS="$tools" >"$run/spec"
ln "$build/vm/init" "$run/init" 2>/dev/null || cp "$build/vm/init" "$run/init"
(cd "$run" && printf 'init\nspec\n' | cpio -o -H newc -R 0:0 --quiet >initrd)
touch "$run/out" "$run/err" "$run/status"

cpus=${VM_CPUS:-2}
# Without ioeventfd a write by the guest is a write to the file before the guest goes on: nothing is lost at its end.
qemu=(qemu-system-x86_64 -no-user-config -nodefaults -display none -no-reboot
	-machine pc "${accel[@]}" -smp "$cpus,sockets=$cpus" -m "${VM_MEM:-$memory}"
	-kernel "$image" -initrd "$run/initrd"
	-append "console=ttyS0 no_timer_check panic=-1 reboot=t bonding.max_bonds=0 dummy.numdummies=0 $append ${VM_APPEND:-}"
	-fsdev 'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap'
	-device 'virtio-9p-pci,fsdev=root,mount_tag=root'
	-device virtio-rng-pci
	-chardev "file,id=console,path=$console" -serial chardev:console
	-device 'virtio-serial-pci,ioeventfd=off'
	-chardev "file,id=status,path=$run/status" -device 'virtserialport,chardev=status,name=status')

status=0
if [ $mode = shell ]; then
	qemu+=(-chardev 'stdio,id=out,signal=off' -device 'virtserialport,chardev=out,name=out')
	# A terminal is passed through. At the end of a pipe or a file the shell ends too; QEMU must not see that end, or it
	# takes the port for closed.
	if [ -t 0 ]; then
		timeout --foreground "$limit" "${qemu[@]}" || status=$?
	else
		mkfifo "$run/in"
		exec 6<&0 7<>"$run/in"
		{ cat; printf '\nexit\n'; } <&6 >&7 &
		helpers+=($!)
		timeout --foreground "$limit" "${qemu[@]}" <&7 || status=$?
	fi
else
	qemu+=(-chardev "file,id=out,path=$run/out" -device 'virtserialport,chardev=out,name=out')
	qemu+=(-chardev "file,id=err,path=$run/err" -device 'virtserialport,chardev=err,name=err')
	timeout -k 5 "$limit" "${qemu[@]}" </dev/null >"$run/qemu" 2>&1 &
	qemu_pid=$!
	tail -q -n +1 -s 0.1 -f --pid=$qemu_pid "$run/out" &
	helpers+=($!)
	tail -q -n +1 -s 0.1 -f --pid=$qemu_pid "$run/err" >&2 &
	helpers+=($!)
	wait $qemu_pid 2>/dev/null || status=$?
	qemu_pid=''
	wait "${helpers[@]}" || true
	helpers=()
fi

if read -r code taint <"$run/status"; then
	# Bits 5, 7, 9 and 14: bad page, oops, warning, soft lockup.
	[ $((taint & 17056)) -eq 0 ] || say "vm: the guest's kernel warned (see build/log/${console##*/})"
	exit "$code"
fi
if [ "$limit" -gt 0 ] && [ $SECONDS -ge "$limit" ]; then
	what="did not end within $limit s" code=124
elif [ $status -ge 128 ]; then
	what="was killed (signal $((status - 128)))" code=125
elif [ $status -ne 0 ]; then
	what="could not be started ($(tail -n 1 "$run/qemu" 2>/dev/null))" code=125
elif grep -q 'Kernel panic' "$console"; then
	what="panicked ($(grep -m 1 -o 'Kernel panic.*' "$console" | tr -d '\r'))" code=125
else
	what="died" code=125
fi
say "vm: the guest $what; its last messages (all: build/log/${console##*/}):"
tail -n 25 "$console" | tr -d '\r' | sed 's/^/    /' >&2
exit $code
