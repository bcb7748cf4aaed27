// SPDX-License-Identifier: GPL-2.0-only
/* Packets, out of whatever devices the workers have at the moment */
#include <err.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

#define BURST 2

static void burst(int cpu, int fd, int ifindex)
{
	unsigned char frame[ETH_ZLEN] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* to everybody */
		0x02, 0, 0, 0, 0, cpu,
		ETH_P_TRAFFIC >> 8, ETH_P_TRAFFIC & 0xff,
	};
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = ifindex,
	};
	int i;

	/* a device may go at any moment */
	for (i = 0; i < BURST; i++)
		if (sendto(fd, frame, sizeof(frame), MSG_DONTWAIT, (void *)&to,
			   sizeof(to)) == sizeof(frame))
			sh->sent[cpu]++;
}

static void traffic(int cpu)
{
	struct timespec pause = { .tv_nsec = 200 * 1000 };
	int fd, w, d, i;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* most of the processors' time is the workers' */
	if (nice(10) < 0)
		err(1, "nice");
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "CPU %d", cpu);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0)
		err(1, "packet socket");
	for (;;) {
		for (w = 0; w < sh->procs; w++) {
			for (d = 0; d < DEVS; d++) {
				for (i = 0; i < 2; i++) {
					int ifindex = __atomic_load_n(
						&sh->target[w][d][i],
						__ATOMIC_RELAXED);

					if (ifindex)
						burst(cpu, fd, ifindex);
				}
			}
			nanosleep(&pause, NULL);
		}
	}
}

int traffic_start(int cpu)
{
	int pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		traffic(cpu);
		_exit(1);
	}
	return pid;
}
