// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races with the clear of a prog array
 *
 *   settle [CPUS]	clear an array on each CPU, or on the first CPUS CPUs,
 *			and return when that is done
 *   reopen ROUNDS	repeatedly open the array by its id and close it, after
 *			its last file descriptor was closed and before the
 *			worker that clears it has run
 *   refill DEV|open	close the last file descriptor of an array that is so
 *			large that clearing it takes time. Before it is cleared,
 *			which is checked, attach to DEV with the flag and expect
 *			a warning, or open the array by its id. Fill the last
 *			slot, and print whether it is still filled (1) after the
 *			time that a clear takes
 *   clear MS		print how many milliseconds it takes to clear a large
 *			array, the minimum of three, while another process opens
 *			it by its id every MS milliseconds, or does not (0)
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../common/common.h"
#include "agent.h"

#define PATIENCE 60	/* seconds, for the clear of a large array */

/* Slots of an array that takes about a second to clear */
static __u32 large(void)
{
	const char *kernel = getenv("KERNEL");

	return kernel && strstr(kernel, "debug") ? 1 << 17 : 4 << 20;
}

struct pair {
	int prog, map;
	__u32 map_id;
};

/* An array, and a program that jumps through its last slot, or returns XDP_PASS
 * if that is empty
 */
static struct pair make_pair(__u32 slots)
{
	struct pair pair;
	struct jump jump;

	pair.map = make_prog_array("jmp", slots, &pair.map_id);
	jump = (struct jump){ pair.map, slots - 1 };
	pair.prog = load_jumper(BPF_PROG_TYPE_XDP, "entry", &jump, 1, XDP_PASS,
				NULL);
	return pair;
}

/* The program in the slots */
static int load_target(void)
{
	return load_jumper(BPF_PROG_TYPE_XDP, "target", NULL, 0, XDP_TX, NULL);
}

/* Asks the program instead of the array: opening that takes a user
 * reference.
 */
static bool hits(int prog)
{
	return run_prog(prog) == XDP_TX;
}

/* Returns when an array of that size, which loses its last user reference here,
 * is cleared.
 */
static void clear_another(__u32 slots, int target, unsigned int ms)
{
	struct pair pair = make_pair(slots);
	double end = now() + PATIENCE;

	fill_slot(pair.map, slots - 1, target);
	close(pair.map);
	while (hits(pair.prog))
		if (!nap(end, ms))
			errx(1, "no array was cleared within %d s", PATIENCE);
	close(pair.prog);
}

int settle(char **argv)
{
	int count = argv[0] ? atoi(argv[0]) : sysconf(_SC_NPROCESSORS_ONLN);
	int target = load_target(), cpu;
	cpu_set_t before;

	if (sched_getaffinity(0, sizeof(before), &before))
		err(1, "sched_getaffinity");
	for (cpu = 0; cpu < count; cpu++) {
		run_on_cpu(cpu);
		clear_another(1, target, 1);
	}
	if (sched_setaffinity(0, sizeof(before), &before))
		err(1, "sched_setaffinity");
	return 0;
}

int reopen(char **argv)
{
	long rounds = strtol(argv[0], NULL, 0);
	struct pair pair = make_pair(1);

	close(pair.map);
	while (rounds--)
		close(open_map(pair.map_id));
	return 0;
}

static char warning[512];

static int catch_warning(enum libbpf_print_level level, const char *format,
			 va_list args)
{
	if (level == LIBBPF_WARN)
		vsnprintf(warning, sizeof(warning), format, args);
	return 0;
}

static void attach_too_late(const char *dev, const struct pair *pair)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .hold_maps = true);
	char id[32];

	libbpf_set_print(catch_warning);
	if (bpf_xdp_attach(device_index(dev), pair->prog, 0, &opts))
		err(1, "attach to %s", dev);
	snprintf(id, sizeof(id), "map id %u", pair->map_id);
	if (!strstr(warning, id))
		errx(1, "no warning of %s: '%s'", id, warning);
}

static bool is_filled(__u32 map_id, __u32 slot)
{
	int fd = open_map(map_id);
	__u32 id;
	bool filled = !bpf_map_lookup_elem(fd, &slot, &id);

	close(fd);
	return filled;
}

int refill(char **argv)
{
	__u32 slots = large();
	struct pair pair = make_pair(slots);
	int target = load_target();

	fill_slot(pair.map, slots - 2, target);
	close(pair.map);
	if (!strcmp(argv[0], "open"))
		pair.map = open_map(pair.map_id);
	else
		attach_too_late(argv[0], &pair);
	if (!is_filled(pair.map_id, slots - 2))
		errx(1, "the array was cleared too early");
	fill_slot_by_id(pair.map_id, slots - 1, target);

	/* The worker is running now, in parallel with the first of these. */
	clear_another(slots, target, 50);
	clear_another(slots, target, 50);
	printf("%d\n", hits(pair.prog));
	return 0;
}

/* A process that opens the array repeatedly, each time for a millisecond */
static pid_t start_reader(const struct pair *pair, unsigned int every_ms)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(pair->map);
	for (;;) {
		int fd = open_map(pair->map_id);

		usleep(1000);
		close(fd);
		usleep(every_ms * 1000);
	}
}

/* Milliseconds from the close of an array until its last slot is cleared */
static double time_to_clear(int target, unsigned int every_ms)
{
	struct pair pair = make_pair(large());
	pid_t reader = 0;
	double start;

	fill_slot(pair.map, large() - 1, target);
	if (every_ms)
		reader = start_reader(&pair, every_ms);
	start = now();
	close(pair.map);
	while (hits(pair.prog))
		if (!nap(start + PATIENCE, 1))
			errx(1, "not cleared within %d s", PATIENCE);
	start = now() - start;
	if (reader) {
		kill(reader, SIGKILL);
		waitpid(reader, NULL, 0);
	}
	close(pair.prog);
	return start * 1000;
}

int clear(char **argv)
{
	unsigned int every_ms = atoi(argv[0]);
	double least = 1e9, ms;
	int target = load_target(), i;

	for (i = 0; i < 3; i++) {
		ms = time_to_clear(target, every_ms);
		if (ms < least)
			least = ms;
	}
	printf("%.0f\n", least);
	return 0;
}
