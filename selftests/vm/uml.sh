# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0-only
# Sourced by vm.sh: a guest in user-mode Linux. Its root is the host's, through hostfs; out, err, status and the console
# are serial lines.
#
# Root in the guest could mount hostfs writable, and its kernel has the permissions of the invoking user. Therefore it runs
# in a sandbox without a network in which only the guest's run directory is writable.

# With seccomp, system calls reach the guest's kernel by a signal, and several CPUs are possible.
seccomp=on

preload=()
[ "$kernel" != um-debug ] || preload=(--setenv LD_PRELOAD "$build/vm/no-guard.so")

# shellcheck disable=SC2034 # used by vm.sh
ports=(/dev/ttyS2 /dev/ttyS0 /dev/ttyS1)

# uml IN,OUT OPTION...: start it with this serial line 0 and these options of timeout
uml() {
	# shellcheck disable=SC2086 # words
	TMPDIR=/dev/shm exec setpriv --pdeathsig TERM timeout "${@:2}" "$limit" \
		bwrap --ro-bind / / --dev /dev --proc /proc --tmpfs /dev/shm --bind "$run" "$run" --unshare-all --die-with-parent \
		"${preload[@]}" "$image" mem="$memory" ncpus="$cpus" seccomp=$seccomp rootfstype=hostfs rootflags=/ ro init="$build/vm/init" \
		HOLD_MAPS_SPEC="$run/spec" uml_dir="$run" con=null console=ttyS3 ssl0="$1" ssl1=null,fd:4 ssl2=null,fd:5 \
		ssl3=null,fd:8 panic=-1 $append 4>"$run/err" 5>"$run/to-status" 8>"$run/console"
}

run_shell() {
	relay_output
	[ ! -t 0 ] || { shell_reads & }
	(uml fd:0,fd:1 --foreground 2>"$run/start")
}

run_command() { uml null,fd:3 -k 5 </dev/null >"$run/start" 2>&1 3>"$run/out"; }

# Each line must end in a pipe: its driver uses epoll, which does not support regular files.
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

# Input that arrives before the guest has opened the line is lost. A shell does not use err, so init writes a byte there
# when the line is open.
shell_reads() { head -c 1 "$run/err" >/dev/null; }

follow_output() { :; }

# Without seccomp, user-mode Linux uses ptrace, which is slower and supports one CPU.
another_way() { [ $seccomp = on ] && grep -q SECCOMP "$run/start" && seccomp=off cpus=1; }

# A guest that ends before its kernel has opened the console failed because of the host.
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
