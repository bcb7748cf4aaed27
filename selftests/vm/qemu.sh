# shellcheck shell=bash disable=SC2154,SC2034
# SPDX-License-Identifier: GPL-2.0-only
# Sourced by vm.sh: a guest in QEMU. Its root is the host's, through 9p; out, err and status are virtio ports.

# /dev/kvm can exist on a processor without virtualization; the guest would hang silently.
if [ "${VM_ICOUNT:-}" ]; then
	# The clocks count instructions, so CPU times in the guest are reproducible. This requires a single CPU.
	accel=(-accel 'tcg,thread=single' -cpu max -icount 'shift=0,sleep=off')
	cpus=1
elif [ -w /dev/kvm ] && grep -qwE 'vmx|svm' /proc/cpuinfo; then
	accel=(-accel kvm -cpu host)
else
	# The CPUs take turns in one thread. With one thread per CPU, guests die of an int3 that another CPU had written over an
	# instruction while patching it (the dispatcher of XDP programs); this includes the base kernel. The emulation is the
	# likely cause: it drops the translation of a page before the write, and not after it.
	accel=(-accel "tcg,thread=${VM_THREADS:-single}" -cpu max)
	# All CPUs read the time stamp counter of the host. A guest that does not trust it reads the time from an emulated
	# device, which is slow.
	append+=' tsc=reliable'
fi

# The first virtio device has the ports.
ports=(/dev/vport0p1 /dev/vport0p2 /dev/vport0p3)
[ "$mode" = run ] || ports[2]=''

# Without ioeventfd, each write by the guest reaches the file before the guest continues: nothing is lost when it exits.
qemu=(qemu-system-x86_64 -no-user-config -nodefaults -display none -no-reboot
	-machine pc "${accel[@]}" -smp "$cpus,sockets=$cpus" -m "$memory"
	-kernel "$image"
	-append "root=root rootfstype=9p rootflags=trans=virtio,version=9p2000.L,cache=loose,msize=512000 ro
		init=$build/vm/init HOLD_MAPS_SPEC=$run/spec console=ttyS0 no_timer_check panic=-1 reboot=t $append"
	-device 'virtio-serial-pci,ioeventfd=off'
	-fsdev 'local,id=root,path=/,security_model=none,readonly=on,multidevs=remap'
	-device 'virtio-9p-pci,fsdev=root,mount_tag=root'
	-device virtio-rng-pci
	-chardev "file,id=console,path=$console" -serial chardev:console
	-chardev "file,id=status,path=$run/status" -device 'virtserialport,chardev=status,nr=1')

run_shell() {
	timeout --foreground "$limit" "${qemu[@]}" \
		-chardev 'stdio,id=out,signal=off' -device 'virtserialport,chardev=out,nr=2'
}

shell_reads() { :; }

# QEMU writes into files.
relay_output() { touch "$run/out" "$run/err"; }

follow_output() {
	tail -q -n +1 -s 0.1 -f --pid="$guest_pid" "$run/out" &
	helpers+=($!)
	tail -q -n +1 -s 0.1 -f --pid="$guest_pid" "$run/err" >&2 &
	helpers+=($!)
}

run_command() {
	exec setpriv --pdeathsig TERM timeout -k 5 "$limit" "${qemu[@]}" \
		-chardev "file,id=out,path=$run/out" -device 'virtserialport,chardev=out,nr=2' \
		-chardev "file,id=err,path=$run/err" -device 'virtserialport,chardev=err,nr=3' </dev/null >"$run/start" 2>&1
}

another_way() { false; }
cannot_run() { :; }
