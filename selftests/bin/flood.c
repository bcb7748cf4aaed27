// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood DEV: send frames that the test programs count out of DEV, on all CPUs
 * at once, until SIGTERM; then print how many were sent, one CPU a line.
 * Prints "flooding" when it begins.
 */
#include <err.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ETH_P_TEST 0x88b5 /* as in progs/jump.h */
#define MAX_CPUS 8
#define BURST 4

static void flood(int cpu, int ifindex, unsigned long *sent)
{
	struct timespec pause = { .tv_nsec = 2000 * 1000 };
	unsigned char frame[ETH_ZLEN] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* to everybody */
		0x02, 0, 0, 0, 0, 1,
		ETH_P_TEST >> 8, ETH_P_TEST & 0xff,
	};
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = ifindex,
	};
	cpu_set_t set;
	int fd, i;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || sched_setaffinity(0, sizeof(set), &set) ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL))
		err(1, "CPU %d", cpu);
	for (;;) {
		/* the queue may be full */
		for (i = 0; i < BURST; i++)
			if (sendto(fd, frame, sizeof(frame), MSG_DONTWAIT,
				   (void *)&to, sizeof(to)) == sizeof(frame))
				++*sent;
		nanosleep(&pause, NULL);
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
	ifindex = if_nametoindex(argv[1]);
	if (!ifindex)
		err(1, "%s", argv[1]);
	if (cpus > MAX_CPUS)
		cpus = MAX_CPUS;
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
