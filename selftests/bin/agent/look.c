// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel has of BPF */
#include <bpf/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../common/common.h"
#include "agent.h"

static void map_info(int fd, struct bpf_map_info *info)
{
	__u32 len = sizeof(*info);

	memset(info, 0, len);
	if (bpf_map_get_info_by_fd(fd, info, &len))
		err(1, "map info");
}

/* Calls FN for each map. Opening one takes a user reference, until FN is over.
 * What is freed meanwhile is left out.
 */
static void each_map(void (*fn)(const struct bpf_map_info *info, void *data),
		     void *data)
{
	struct bpf_map_info info;
	__u32 id = 0;
	int fd;

	while (!bpf_map_get_next_id(id, &id)) {
		fd = bpf_map_get_fd_by_id(id);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			err(1, "map %u", id);
		map_info(fd, &info);
		close(fd);
		fn(&info, data);
	}
}

static void each_prog(void (*fn)(const struct bpf_prog_info *info, void *data),
		      void *data)
{
	struct bpf_prog_info info;
	__u32 id = 0, len;
	int fd;

	while (!bpf_prog_get_next_id(id, &id)) {
		fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0 && errno == ENOENT)
			continue;
		memset(&info, 0, len = sizeof(info));
		if (fd < 0 || bpf_prog_get_info_by_fd(fd, &info, &len))
			err(1, "prog %u", id);
		close(fd);
		fn(&info, data);
	}
}

static int print_number(__u32 number)
{
	printf("%u\n", number);
	return 0;
}

static void print_map(const struct bpf_map_info *info, void *data)
{
	(void)data;
	printf("map %u type %u %s\n", info->id, info->type, info->name);
}

static void print_prog(const struct bpf_prog_info *info, void *data)
{
	(void)data;
	printf("prog %u type %u %s\n", info->id, info->type, info->name);
}

static int list(void)
{
	__u32 id = 0;

	each_map(print_map, NULL);
	each_prog(print_prog, NULL);
	while (!bpf_link_get_next_id(id, &id))
		printf("link %u\n", id);
	return 0;
}

/* Maps and programs are freed by workers after grace periods. Only their ids
 * are read while waiting: opening a map would take a user reference.
 */
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
	list();
	return 1;
}

struct newest {
	const char *name;
	__u32 id;
};

static void match_map(const struct bpf_map_info *info, void *data)
{
	struct newest *newest = data;

	if (!strcmp(info->name, newest->name))
		newest->id = info->id;
}

static void match_prog(const struct bpf_prog_info *info, void *data)
{
	struct newest *newest = data;

	if (!strcmp(info->name, newest->name))
		newest->id = info->id;
}

static int print_newest(const char *what, const char *name)
{
	struct newest newest = { .name = name };

	if (!strcmp(what, "map"))
		each_map(match_map, &newest);
	else
		each_prog(match_prog, &newest);
	return newest.id ? print_number(newest.id) : 0;
}

/* Calls FN for each map of the program and adds up what it returns. */
static int each_map_of(__u32 prog, int (*fn)(int fd, struct bpf_map_info *info))
{
	struct bpf_prog_info info = {};
	__u32 ids[64], len = sizeof(info), i;
	struct bpf_map_info map;
	int fd, sum = 0;

	fd = open_prog(prog);
	info.nr_map_ids = ARRAY_SIZE(ids);
	info.map_ids = (unsigned long)ids;
	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		err(1, "prog %u", prog);
	close(fd);
	for (i = 0; i < info.nr_map_ids && i < ARRAY_SIZE(ids); i++) {
		fd = open_map(ids[i]);
		map_info(fd, &map);
		sum += fn(fd, &map);
		close(fd);
	}
	return sum;
}

static __u64 counters[COUNTERS];

static int look_up_counters(int fd, struct bpf_map_info *info)
{
	__u32 key;

	if (strcmp(info->name, "counts"))
		return 0;
	for (key = 0; key < COUNTERS; key++)
		if (bpf_map_lookup_elem(fd, &key, &counters[key]))
			err(1, "map %u", info->id);
	return 1;
}

const __u64 *read_counters(__u32 prog)
{
	if (!each_map_of(prog, look_up_counters))
		errx(1, "program %u has no counters", prog);
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

static int filled_slots(int fd, struct bpf_map_info *info)
{
	__u32 key, value;
	int n = 0;

	if (info->type != BPF_MAP_TYPE_PROG_ARRAY)
		return 0;
	for (key = 0; key < info->max_entries; key++)
		n += !bpf_map_lookup_elem(fd, &key, &value);
	return n;
}

static int slots_of_map(__u32 id)
{
	struct bpf_map_info info;
	int fd = open_map(id);

	map_info(fd, &info);
	return filled_slots(fd, &info);
}

static int print_attached(const char *dev, const char *where)
{
	struct mnl_socket *nl = nl_open();
	struct attachment seen = {};
	int ifindex = device_index(dev);

	if (!strncmp(where, "xdp", 3))
		seen = nl_query_xdp(nl, ifindex);
	else
		nl_list_filters(nl, ifindex, strcmp(where, "egress") ?
				NL_INGRESS : NL_EGRESS, &seen, 1);
	return seen.id ? print_number(seen.id) : 0;
}

int ids(char **argv)
{
	const char *what = argv[0], *first, *second;

	if (!what)
		return list();
	first = argv[1];
	second = first ? argv[2] : NULL;
	if (!strcmp(what, "none"))
		return none();
	if (!strcmp(what, "newest") && second)
		return print_newest(first, second);
	if (!strcmp(what, "on") && second)
		return print_attached(first, second);
	if (!strcmp(what, "counts") && first)
		return print_counters(read_counters(strtoul(first, NULL, 0)));
	if (!strcmp(what, "filled") && first)
		return print_number(each_map_of(strtoul(first, NULL, 0),
						filled_slots));
	if (!strcmp(what, "slots") && first)
		return print_number(slots_of_map(strtoul(first, NULL, 0)));
	if (!strcmp(what, "verdict") && first)
		return print_number(run_prog(open_prog(strtoul(first, NULL, 0))));
	errx(2, "no such request: ids %s", what);
}

/* What is gone has no references. */
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
			printf("prog %u refs %lld holds %lld%c", id, prog.refs,
			       prog.holds, end);
		}
	}
	return 0;
}
