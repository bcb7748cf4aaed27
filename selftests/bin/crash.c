// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash list COMMAND...: run COMMAND and print the number of each system call
 *	that it makes, in order; COMMAND's own output goes to stderr
 * crash N COMMAND...: kill COMMAND where it enters the Nth of them
 *
 * Exit status of the second: 0 if it was killed, 1 if it ended before.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* Stops are told apart by their kind: exec alone ends with no entry. */
static bool enters(pid_t pid, unsigned long long *nr)
{
	struct __ptrace_syscall_info info = {};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
		err(2, "PTRACE_GET_SYSCALL_INFO");
	*nr = info.entry.nr;
	return info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

int main(int argc, char **argv)
{
	unsigned long long nr;
	long n = 0, when;
	bool list;
	int status;
	pid_t pid;

	if (argc < 3)
		errx(2, "usage: crash {list|N} COMMAND...");
	list = !strcmp(argv[1], "list");
	when = atol(argv[1]);

	pid = fork();
	if (!pid) {
		dup2(2, 1);
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP))
			err(127, "PTRACE_TRACEME");
		execvp(argv[2], argv + 2);
		err(127, "%s", argv[2]);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid ||
	    ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD |
		   PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL))
		err(2, "ptrace");

	while (ptrace(n ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, 0) == 0) {
		if (waitpid(pid, &status, 0) != pid)
			err(2, "waitpid");
		if (!WIFSTOPPED(status))
			break;
		/* what comes before the exec is not the command's */
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
			n = 1;
			continue;
		}
		if (WSTOPSIG(status) != (SIGTRAP | 0x80) || !enters(pid, &nr))
			continue;
		if (list)
			printf("%llu\n", nr);
		else if (n == when)
			break;
		n++;
	}
	if (list)
		return !WIFEXITED(status) || WEXITSTATUS(status);
	if (WIFSTOPPED(status) && (kill(pid, SIGKILL) ||
				   waitpid(pid, &status, 0) != pid))
		err(2, "kill");
	return !(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}
