# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0-only
# Sourced by vm.sh: a guest that is a process. Its root is the host's, through hostfs; out, err, status and the console
# are serial lines.
#
# Root in the guest could mount hostfs writable, and its kernel may do what the invoking user may: so all of it runs in a
# sandbox without a network, in which nothing but the guest's run directory can be written to.

# With seccomp the guest's processes enter their kernel by a signal, and there can be several CPUs.
seccomp=on

environment=()
[ "$kernel" != um-debug ] || environment=(--setenv LD_PRELOAD "$build/vm/no-guard.so")

# uml IN,OUT OPTION...: its line 0, and options of timeout
uml() {
	# shellcheck disable=SC2086 # words
	TMPDIR=/dev/shm exec setpriv --pdeathsig TERM timeout "${@:2}" "$limit" \
		bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /dev/shm --bind "$run" "$run" --unshare-all --die-with-parent \
		"${environment[@]}" "$image" mem="$memory" ncpus="$cpus" seccomp=$seccomp rootfstype=hostfs rootflags=/ ro init="$build/vm/init" \
		HOLD_MAPS_SPEC="$run/spec" uml_dir="$run" con=null console=ttyS3 ssl0="$1" ssl1=null,fd:4 ssl2=null,fd:5 \
		ssl3=null,fd:8 panic=-1 $append 4>"$run/err" 5>"$run/to-status" 8>"$run/console"
}

run_shell() {
	relay_output
	[ ! -t 0 ] || { shell_reads & }
	(uml fd:0,fd:1 --foreground 2>"$run/start")
}

run_command() { uml null,fd:3 -k 5 </dev/null >"$run/start" 2>&1 3>"$run/out"; }

# A line has to end in a pipe: its driver waits for it with epoll, which takes no files.
mkfifo "$run"/{out,err,to-status,console}

relay_output() {
	cat <"$run/to-status" >"$run/status" &
	helpers=($!)
	cat <"$run/console" >"$console" &
	helpers+=($!)
	[ "$mode" != shell ] || return 0
	cat <"$run/out" &
	helpers+=($!)
	cat <"$run/err" >&2 &
	helpers+=($!)
}

# What is written to a line before the guest has opened it is not noticed. A shell has no use for err: init says there that
# it reads.
shell_reads() { head -c 1 "$run/err" >/dev/null; }

follow_output() { :; }

# A host without it has ptrace, which is slower and allows one CPU.
another_way() { [ $seccomp = on ] && grep -q SECCOMP "$run/start" && seccomp=off cpus=1; }

# What ends before the kernel has its console ends because of the host.
cannot_run() {
	if [ -s "$console" ]; then return; fi
	if grep -q 'Kernel panic' "$run/start"; then
		cp "$run/start" "$console"
		return
	fi
	case $kernel in um) kernel=patched ;; *) kernel=${kernel#um-} ;; esac
	say "vm: this host cannot run user-mode Linux ($(tail -n 1 "$run/start")): use KERNEL=$kernel."
	exit 126
}
