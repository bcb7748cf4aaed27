// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to a prog array around the moment in which it is cleared
 *
 *   settle [CPUS]	clear an array on each CPU, or on the first CPUS of them,
 *			and return when that is done
 *   reopen ROUNDS	open the array by its id and close it, again and again,
 *			after its last file descriptor was closed and before the
 *			worker that clears it has run
 *   refill DEV|open	close the last file descriptor of an array so large that
 *			clearing it takes time; meanwhile, which what is still in
 *			it shows, attach to DEV with the hold, and be warned, or
 *			open the array by its id; fill the last slot, and print
 *			whether it still is filled (1) when that time is over
 *   cost DEV ROUNDS	print what it takes to add and to drop the hold of an
 *			attachment to DEV, and to clear an array, in microseconds,
 *			as medians of ROUNDS: "take S L drop S L last L empty L"
 *			with S for an array of one slot and L for a large one, and
 *			"last" for its last user reference
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../common/common.h"
#include "agent.h"

#define LARGE	(4u << 20)
#define FILLED	16384
#define PATIENCE 60	/* seconds: clearing a large array takes some */

struct pair {
	int prog, map;
	__u32 map_id;
};

/* An array, and a program that jumps through its last slot, or otherwise returns
 * XDP_PASS
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

/* What the slots are filled with */
static int load_target(void)
{
	return load_jumper(BPF_PROG_TYPE_XDP, "target", NULL, 0, XDP_TX, NULL);
}

/* Asks the program, not the array: opening that takes a user reference. */
static bool hits(int prog)
{
	return run_prog(prog) == XDP_TX;
}

/* Returns when an array of that size that loses its last user reference in here
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
			errx(1, "nothing is cleared within %d s", PATIENCE);
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
	struct pair pair = make_pair(LARGE);
	int target = load_target();

	fill_slot(pair.map, LARGE - 2, target);
	close(pair.map);
	if (!strcmp(argv[0], "open"))
		pair.map = open_map(pair.map_id);
	else
		attach_too_late(argv[0], &pair);
	if (!is_filled(pair.map_id, LARGE - 2))
		errx(1, "it was cleared before");
	fill_slot_by_id(pair.map_id, LARGE - 1, target);

	/* The worker has begun, and goes on beside the first one of these. */
	clear_another(LARGE, target, 50);
	clear_another(LARGE, target, 50);
	printf("%d\n", hits(pair.prog));
	return 0;
}

/* Seconds. The program is attached already: nothing but its hold changes. */
static double change_hold(int ifindex, int prog, bool hold)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .hold_maps = hold);
	double start = now();

	if (bpf_xdp_attach(ifindex, prog, XDP_FLAGS_SKB_MODE, &opts))
		err(1, "attach");
	return now() - start;
}

static int compare(const void *a, const void *b)
{
	double d = *(const double *)a - *(const double *)b;

	return (d > 0) - (d < 0);
}

static void print_median(const char *name, double values[][2], int rounds)
{
	double sorted[rounds];
	int large, i;

	printf("%s ", name);
	for (large = 0; large < 2; large++) {
		for (i = 0; i < rounds; i++)
			sorted[i] = values[i][large];
		qsort(sorted, rounds, sizeof(*sorted), compare);
		printf("%.0f ", sorted[rounds / 2] * 1e6);
	}
}

static void print_last(int ifindex, struct pair *pair)
{
	double last, start;

	change_hold(ifindex, pair->prog, true);
	close(pair->map);
	last = change_hold(ifindex, pair->prog, false);
	start = now();
	while (hits(pair->prog))
		if (now() - start > PATIENCE)
			errx(1, "not cleared within %d s", PATIENCE);
	printf("last %.0f empty %.0f\n", last * 1e6, (now() - start) * 1e6);
}

int cost(char **argv)
{
	int index = device_index(argv[0]), rounds = atoi(argv[1]), i, large;
	struct pair pairs[2] = { make_pair(1), make_pair(LARGE) };
	double take[rounds][2], drop[rounds][2];
	int target = load_target();
	__u32 slot;

	for (slot = 0; slot < LARGE; slot += LARGE / FILLED)
		fill_slot(pairs[1].map, slot, target);
	fill_slot(pairs[1].map, LARGE - 1, target);
	for (i = 0; i < rounds; i++) {
		for (large = 0; large < 2; large++) {
			int prog = pairs[large].prog;

			change_hold(index, prog, false);
			take[i][large] = change_hold(index, prog, true);
			drop[i][large] = change_hold(index, prog, false);
		}
	}
	print_median("take", take, rounds);
	print_median("drop", drop, rounds);
	print_last(index, &pairs[1]);
	return 0;
}
