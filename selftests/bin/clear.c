// SPDX-License-Identifier: GPL-2.0-only
/*
 * clear: what happens to a prog array around the moment in which it is emptied
 *
 *   clear reopen ROUNDS	open the array by its id and close it, over and
 *				over, after its last file descriptor was closed
 *				and before the worker that empties it ran
 *   clear refill DEV|open	close the last file descriptor of an array so
 *				large that emptying it takes time; while that
 *				goes on, as what is still in it shows, attach to
 *				DEV with the hold, and be warned, or open the
 *				array by its id; fill the last slot, and print
 *				whether it still is full (1) when that time is
 *				over
 *   clear settle [CPUS]	empty an array on each CPU, or on the first CPUS
 *				of them, and return when that is done
 *   clear cost DEV ROUNDS	print what it takes to add and to drop the hold
 *				of an attachment to DEV, and what it takes to
 *				empty an array, in microseconds, as medians of
 *				ROUNDS: "take S L drop S L last L empty L" with
 *				S for an array of one slot and L for a large
 *				one, and "last" for its last user reference
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#define LARGE (4u << 20)
#define FILLED 16384
#define DEADLINE 60 /* seconds */

struct pair {
	int prog, map;
	__u32 map_id;
};

static int load(const struct bpf_insn *insns, size_t count)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts,
		    .expected_attach_type = BPF_XDP);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "entry", "GPL", insns, count,
			       &opts);

	if (fd < 0)
		err(1, "program");
	return fd;
}

/* A program that returns XDP_TX: what the slots are filled with */
static int load_target(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_TX },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return load(insns, 2);
}

/* An array, and a program that jumps through its last slot, or else returns
 * XDP_PASS
 */
static struct pair make_pair(__u32 slots)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	struct pair pair;

	pair.map = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "jmp", 4, 4, slots,
				  NULL);
	if (pair.map < 0 || bpf_map_get_info_by_fd(pair.map, &info, &len))
		err(1, "prog array");
	pair.map_id = info.id;

	const struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_2,
		  .src_reg = BPF_PSEUDO_MAP_FD, .imm = pair.map },
		{},
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3,
		  .imm = slots - 1 },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	pair.prog = load(insns, 6);
	return pair;
}

/* Asks the program, not the array: to open that takes a user reference. */
static bool hits(int prog)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
		    .data_size_in = sizeof(packet));

	if (bpf_prog_test_run_opts(prog, &opts))
		err(1, "bpf_prog_test_run_opts");
	return opts.retval == XDP_TX;
}

static int reopen(long rounds)
{
	struct pair pair = make_pair(1);
	int fd;

	close(pair.map);
	while (rounds--) {
		fd = bpf_map_get_fd_by_id(pair.map_id);
		if (fd < 0)
			err(1, "map %u", pair.map_id);
		close(fd);
	}
	return 0;
}

static void fill(__u32 map_id, __u32 slot, int prog)
{
	int fd = bpf_map_get_fd_by_id(map_id);

	if (fd < 0 || bpf_map_update_elem(fd, &slot, &prog, BPF_ANY))
		err(1, "fill slot %u", slot);
	close(fd);
}

/* Returns when a large array that was closed in here is empty. */
static void empty_another(int target)
{
	struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	struct pair pair = make_pair(LARGE);
	time_t end = time(NULL) + DEADLINE;

	fill(pair.map_id, LARGE - 1, target);
	close(pair.map);
	while (hits(pair.prog)) {
		if (time(NULL) > end)
			errx(1, "nothing is emptied within %d s", DEADLINE);
		nanosleep(&pause, NULL);
	}
	close(pair.prog);
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
	if (bpf_xdp_attach(if_nametoindex(dev), pair->prog, 0, &opts))
		err(1, "attach to %s", dev);
	snprintf(id, sizeof(id), "map id %u", pair->map_id);
	if (!strstr(warning, id))
		errx(1, "no warning of %s: '%s'", id, warning);
}

static bool is_filled(__u32 map_id, __u32 slot)
{
	int fd = bpf_map_get_fd_by_id(map_id);
	bool filled;
	__u32 id;

	if (fd < 0)
		err(1, "map %u", map_id);
	filled = !bpf_map_lookup_elem(fd, &slot, &id);
	close(fd);
	return filled;
}

static int refill(const char *dev)
{
	struct pair pair = make_pair(LARGE);
	int target = load_target();

	fill(pair.map_id, LARGE - 2, target);
	close(pair.map);
	if (!strcmp(dev, "open"))
		pair.map = bpf_map_get_fd_by_id(pair.map_id);
	else
		attach_too_late(dev, &pair);
	if (!is_filled(pair.map_id, LARGE - 2))
		errx(1, "it was emptied before");
	fill(pair.map_id, LARGE - 1, target);

	/* The worker has begun, and goes on beside the first one of these. */
	empty_another(target);
	empty_another(target);
	printf("%d\n", hits(pair.prog));
	return 0;
}

static int settle(int count)
{
	int target = load_target(), cpu;
	time_t end = time(NULL) + DEADLINE;
	struct pair pair;
	cpu_set_t set;

	for (cpu = 0; cpu < count; cpu++) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			err(1, "CPU %d", cpu);
		pair = make_pair(1);
		fill(pair.map_id, 0, target);
		close(pair.map);
		while (hits(pair.prog)) {
			if (time(NULL) > end)
				errx(1, "nothing is emptied within %d s",
				     DEADLINE);
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		}
		close(pair.prog);
	}
	return 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

/* The program is attached already: nothing but its hold changes. */
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

static double median(double *values, int count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static int cost(const char *dev, int rounds)
{
	double take[2][rounds], drop[2][rounds], last, empty;
	struct pair pairs[2] = { make_pair(1), make_pair(LARGE) };
	int index = if_nametoindex(dev), target = load_target(), i, large;
	__u32 slot;

	for (slot = 0; slot < LARGE; slot += LARGE / FILLED)
		fill(pairs[1].map_id, slot, target);
	fill(pairs[1].map_id, LARGE - 1, target);
	for (i = 0; i < rounds; i++) {
		for (large = 0; large < 2; large++) {
			change_hold(index, pairs[large].prog, false);
			take[large][i] = change_hold(index, pairs[large].prog,
						     true);
			drop[large][i] = change_hold(index, pairs[large].prog,
						     false);
		}
	}

	change_hold(index, pairs[1].prog, true);
	close(pairs[1].map);
	last = change_hold(index, pairs[1].prog, false);
	empty = now();
	while (hits(pairs[1].prog))
		if (now() - empty > DEADLINE * 1e6)
			errx(1, "not emptied within %d s", DEADLINE);
	printf("take %.0f %.0f drop %.0f %.0f last %.0f empty %.0f\n",
	       median(take[0], rounds), median(take[1], rounds),
	       median(drop[0], rounds), median(drop[1], rounds),
	       last, now() - empty);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "reopen"))
		return reopen(strtol(argv[2], NULL, 0));
	if (argc == 3 && !strcmp(argv[1], "refill"))
		return refill(argv[2]);
	if (argc >= 2 && !strcmp(argv[1], "settle"))
		return settle(argc > 2 ? atoi(argv[2]) : get_nprocs());
	if (argc == 4 && !strcmp(argv[1], "cost"))
		return cost(argv[2], strtol(argv[3], NULL, 0));
	errx(2, "usage: clear {reopen ROUNDS | refill DEV|open | settle [CPUS] | cost DEV ROUNDS}");
}
