// SPDX-License-Identifier: GPL-2.0-only
/* The BPF objects in the kernel */
#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../common/common.h"
#include "agent.h"

static int print_number(__u32 number)
{
	printf("%u\n", number);
	return 0;
}

static struct kernel_map maps[4096];
static struct kernel_prog progs[4096];

/* This must not open prog arrays: when one that was cleared loses its last user
 * reference again, it is cleared again, and a base kernel leaks an array if
 * that happens twice in a row.
 */
static int list(void)
{
	int count = kernel_maps(maps, ARRAY_SIZE(maps)), i;
	__u32 id = 0;

	for (i = 0; i < count; i++)
		printf("map %u type %u %s\n", maps[i].id, maps[i].type,
		       maps[i].name);
	count = kernel_progs(progs, ARRAY_SIZE(progs));
	for (i = 0; i < count; i++)
		printf("prog %u type %u %s\n", progs[i].id, progs[i].type,
		       progs[i].name);
	while (!bpf_link_get_next_id(id, &id))
		printf("link %u\n", id);
	return 0;
}

/* Maps and programs are freed by workers after grace periods. */
static int none(void)
{
	double end = now() + deadline;
	__u32 id;

	do {
		if (bpf_map_get_next_id(0, &id) && errno == ENOENT &&
		    bpf_prog_get_next_id(0, &id) && errno == ENOENT &&
		    bpf_link_get_next_id(0, &id) && errno == ENOENT)
			return 0;
	} while (nap(end, 5));
	printf("left over after %g s:\n", deadline);
	open_memory();
	list();
	return 1;
}

static int print_newest(const char *what, const char *name)
{
	bool map = !strcmp(what, "map");
	int i;

	i = map ? kernel_maps(maps, ARRAY_SIZE(maps)) :
		  kernel_progs(progs, ARRAY_SIZE(progs));
	while (--i >= 0)
		if (!strcmp(map ? maps[i].name : progs[i].name, name))
			return print_number(map ? maps[i].id : progs[i].id);
	return 0;
}

/* Reads the maps that the program uses into maps[]. */
static int read_maps_of(__u32 prog)
{
	__u32 ids[64], len = sizeof(struct bpf_prog_info), i;
	struct bpf_prog_info info = {
		.nr_map_ids = ARRAY_SIZE(ids), .map_ids = (unsigned long)ids,
	};
	int fd;

	open_memory();
	fd = open_prog(prog);
	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		err(1, "prog %u", prog);
	close(fd);
	for (i = 0; i < info.nr_map_ids && i < ARRAY_SIZE(ids); i++)
		kernel_map(ids[i], &maps[i]);
	return i;
}

const __u64 *read_counters(__u32 prog)
{
	static __u64 counters[COUNTERS];
	int i = read_maps_of(prog), fd;
	__u32 key;

	while (--i >= 0 && strcmp(maps[i].name, "counts"))
		;
	if (i < 0)
		errx(1, "program %u has no counters", prog);
	fd = open_map(maps[i].id);
	for (key = 0; key < COUNTERS; key++)
		if (bpf_map_lookup_elem(fd, &key, &counters[key]))
			err(1, "map %u", maps[i].id);
	close(fd);
	return counters;
}

int print_counters(const __u64 *counters)
{
	int i;

	for (i = 0; i < COUNTERS; i++)
		printf("%s%llu", i ? " " : "", counters[i]);
	putchar('\n');
	return 0;
}

static __u32 filled_slots(const struct kernel_map *map)
{
	__u32 i, filled = 0;

	if (map->slots > KERNEL_SLOTS)
		errx(1, "map %u is too large to count in", map->id);
	for (i = 0; i < map->slots; i++)
		filled += !!map->slot[i];
	return filled;
}

static int slots_of_prog(__u32 prog)
{
	int i = read_maps_of(prog);
	__u32 filled = 0;

	while (--i >= 0)
		filled += filled_slots(&maps[i]);
	return print_number(filled);
}

static int slots_of_map(__u32 id)
{
	struct kernel_map map;

	if (!kernel_map(id, &map))
		errx(1, "map %u does not exist", id);
	return print_number(filled_slots(&map));
}

static int print_attached(const char *dev, const char *where, bool state)
{
	bool is_xdp = !strncmp(where, "xdp", 3);
	int hook = find_hook(where);
	__u32 hold = is_xdp ? XDP_FLAGS_HOLD_PROG_ARRAYS :
		     hook >= 0 ? BPF_F_HOLD_MAPS : TCA_BPF_FLAG_HOLD_MAPS;
	struct kernel_prog prog = { .name = "none" };
	struct mnl_socket *nl = nl_open();
	struct attachment seen = {};
	int ifindex = device_index(dev);

	if (is_xdp)
		seen = nl_query_xdp(nl, ifindex);
	else if (hook >= 0)
		query_hook(ifindex, hook, &seen, 1);
	else
		nl_list_filters(nl, ifindex, strcmp(where, "egress") ?
				NL_INGRESS : NL_EGRESS, &seen, 1);
	if (!state)
		return seen.id ? print_number(seen.id) : 0;
	if (seen.id)
		kernel_prog(seen.id, &prog);
	printf("%s%s\n", prog.name, seen.flags & hold ? ",hold" : "");
	return 0;
}

int ids(char **argv)
{
	const char *what = argv[0], *first = what ? argv[1] : NULL;
	__u32 id = first ? strtoul(first, NULL, 0) : 0;

	if (what && !strcmp(what, "none"))
		return none();
	open_memory();
	if (!what)
		return list();
	if (!first)
		errx(2, "unknown request: ids %s", what);
	if (!strcmp(what, "newest") && argv[2])
		return print_newest(first, argv[2]);
	if (!strcmp(what, "on") && argv[2])
		return print_attached(first, argv[2], false);
	if (!strcmp(what, "state") && argv[2])
		return print_attached(first, argv[2], true);
	if (!strcmp(what, "counts"))
		return print_counters(read_counters(id));
	if (!strcmp(what, "filled"))
		return slots_of_prog(id);
	if (!strcmp(what, "slots"))
		return slots_of_map(id);
	if (!strcmp(what, "verdict"))
		return print_number(run_prog(open_prog(id)));
	errx(2, "unknown request: ids %s", what);
}

/* A freed object has no references. */
int refs(char **argv)
{
	struct kernel_prog prog;
	struct kernel_map map;

	open_memory();
	for (; argv[0] && argv[1]; argv += 2) {
		__u32 id = strtoul(argv[1], NULL, 0);
		char end = argv[2] ? ' ' : '\n';

		if (!strcmp(argv[0], "map")) {
			kernel_map(id, &map);
			printf("map %u refs %lld urefs %lld%c", id, map.refs,
			       map.urefs, end);
		} else {
			kernel_prog(id, &prog);
			printf("prog %u refs %lld holds %lld maps %u%c", id,
			       prog.refs, prog.holds, prog.maps, end);
		}
	}
	return 0;
}
