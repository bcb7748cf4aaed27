// SPDX-License-Identifier: GPL-2.0-only
/* Sends packets out of all devices of the workers, from each CPU. */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

static int senders[MAX_CPUS];

static void __attribute__((noreturn)) traffic(int cpu)
{
	struct timespec pause = { .tv_nsec = 1000 * 1000 };
	int n, i, target, fd = frames_open();
	int targets[MAX_PROCS * DEVS * 2];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* workers have priority */
	if (nice(10) < 0)
		err(1, "nice");
	run_on_cpu(cpu);
	for (;;) {
		for (i = n = 0; i < (int)ARRAY_SIZE(targets); i++) {
			target = __atomic_load_n(&sh->target[0][0][0] + i,
						 __ATOMIC_RELAXED);
			if (target)
				targets[n++] = target;
		}
		/* devices may be deleted at any time */
		sh->sent[cpu] += send_burst(fd, targets, n, cpu, MSG_DONTWAIT);
		nanosleep(&pause, NULL);
	}
}

void traffic_start(void)
{
	int cpu;

	for (cpu = 0; cpu < get_nprocs() && cpu < MAX_CPUS; cpu++) {
		senders[cpu] = fork();
		if (senders[cpu] < 0)
			err(1, "fork");
		if (!senders[cpu])
			traffic(cpu);
	}
}

/* Returns whether all of them have sent something. */
bool traffic_stop(void)
{
	bool sent = true;
	int cpu;

	printf("frames sent on each CPU:");
	for (cpu = 0; cpu < MAX_CPUS && senders[cpu]; cpu++) {
		kill(senders[cpu], SIGKILL);
		waitpid(senders[cpu], NULL, 0);
		printf(" %llu", sh->sent[cpu]);
		sent &= sh->sent[cpu] > 0;
	}
	printf("\n");
	return sent;
}
