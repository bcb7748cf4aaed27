// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood DEV: send frames that the test programs count out of DEV, on all CPUs
 * at once, until SIGTERM; then print how many were sent, one CPU a line.
 * Prints "flooding" when it begins.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/common.h"

#define MAX_CPUS 8
#define BURST 4

static void flood(int cpu, int ifindex, unsigned long *sent)
{
	int fd = frames_open(), i;

	run_on_cpu(cpu);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		err(1, "CPU %d", cpu);
	for (;;) {
		for (i = 0; i < BURST; i++)
			*sent += send_frame(fd, ifindex, 1, MSG_DONTWAIT);
		usleep(2000);
	}
}

int main(int argc, char **argv)
{
	int cpu, cpus = sysconf(_SC_NPROCESSORS_ONLN), ifindex, pid[MAX_CPUS];
	unsigned long *sent;
	sigset_t set;
	int sig;

	if (argc != 2)
		errx(2, "usage: flood DEV");
	ifindex = device_index(argv[1]);
	if (cpus > MAX_CPUS)
		cpus = MAX_CPUS;
	/* a cache line for each CPU */
	sent = mmap(NULL, MAX_CPUS * 64, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sent == MAP_FAILED)
		err(1, "mmap");
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	for (cpu = 0; cpu < cpus; cpu++) {
		pid[cpu] = fork();
		if (pid[cpu] < 0)
			err(1, "fork");
		if (!pid[cpu])
			flood(cpu, ifindex, &sent[cpu * 8]);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("flooding");
	fflush(stdout);
	sigwait(&set, &sig);
	for (cpu = 0; cpu < cpus; cpu++) {
		kill(pid[cpu], SIGKILL);
		waitpid(pid[cpu], NULL, 0);
		printf("%lu\n", sent[cpu * 8]);
	}
	return 0;
}
