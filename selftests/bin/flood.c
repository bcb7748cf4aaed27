// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood DEV: send frames that the test programs count from DEV, on all CPUs at
 * once, until SIGTERM; then print the number of frames of each CPU, one per
 * line. Prints "flooding" at the start.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "../common/common.h"

int main(int argc, char **argv)
{
	__u64 sent[MAX_SENDERS];
	int targets[2], cpus, i, sig;
	sigset_t set;

	if (argc != 2)
		errx(2, "usage: flood DEV");
	/* two frames each millisecond */
	targets[0] = device_index(argv[1]);
	targets[1] = targets[0];
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	senders_start(targets, ARRAY_SIZE(targets), 0);
	puts("flooding");
	fflush(stdout);
	sigwait(&set, &sig);
	cpus = senders_stop(sent);
	for (i = 0; i < cpus; i++)
		printf("%llu\n", sent[i]);
	return 0;
}
