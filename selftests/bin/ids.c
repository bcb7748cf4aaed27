// SPDX-License-Identifier: GPL-2.0-only
/*
 * ids: what the kernel has of BPF
 *
 *   ids			list all maps, programs and links, one a line
 *   ids none SECONDS	wait until there is none, else list what is left and
 *			fail
 *   ids counts PROG_ID	the counters of progs/jump.h that the program uses
 *   ids filled PROG_ID	how many slots of its prog arrays have a program
 */
#include <bpf/bpf.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void map_info(int fd, struct bpf_map_info *info)
{
	__u32 len = sizeof(*info);

	memset(info, 0, len);
	if (bpf_map_get_info_by_fd(fd, info, &len))
		err(1, "map info");
}

static int list_maps(FILE *out)
{
	struct bpf_map_info info;
	__u32 id = 0;
	int fd, n = 0;

	while (!bpf_map_get_next_id(id, &id)) {
		fd = bpf_map_get_fd_by_id(id);
		if (fd < 0 && errno == ENOENT)
			continue;
		n++;
		if (fd < 0)
			err(1, "map %u", id);
		map_info(fd, &info);
		close(fd);
		fprintf(out, "map %u type %u %s\n", id, info.type, info.name);
	}
	return n;
}

static int list_progs(FILE *out)
{
	struct bpf_prog_info info;
	__u32 id = 0, len;
	int fd, n = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0 && errno == ENOENT)
			continue;
		n++;
		memset(&info, 0, len = sizeof(info));
		if (fd < 0 || bpf_prog_get_info_by_fd(fd, &info, &len))
			err(1, "prog %u", id);
		close(fd);
		fprintf(out, "prog %u type %u %s\n", id, info.type, info.name);
	}
	return n;
}

static int list_links(FILE *out)
{
	__u32 id = 0;
	int n = 0;

	while (!bpf_link_get_next_id(id, &id)) {
		n++;
		fprintf(out, "link %u\n", id);
	}
	return n;
}

static int list(FILE *out)
{
	return list_maps(out) + list_progs(out) + list_links(out);
}

/* Maps and programs are freed by workers after grace periods. Only their ids
 * are looked at while waiting: opening a map would take a user reference.
 */
static int none(double seconds)
{
	struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	time_t end = time(NULL) + seconds + 1;
	__u32 id;

	do {
		if (bpf_map_get_next_id(0, &id) && errno == ENOENT &&
		    bpf_prog_get_next_id(0, &id) && errno == ENOENT &&
		    bpf_link_get_next_id(0, &id) && errno == ENOENT)
			return 0;
		nanosleep(&pause, NULL);
	} while (time(NULL) < end);

	fprintf(stderr, "left over after %g s:\n", seconds);
	list(stderr);
	return 1;
}

/* Calls fn for each map of the program, sums up what it returns. */
static int for_each_map(__u32 prog_id,
			int (*fn)(int fd, const struct bpf_map_info *info))
{
	struct bpf_prog_info info = {};
	__u32 ids[64], len = sizeof(info), i;
	struct bpf_map_info map;
	int fd, sum = 0;

	fd = bpf_prog_get_fd_by_id(prog_id);
	if (fd < 0)
		err(1, "prog %u", prog_id);
	info.nr_map_ids = 64;
	info.map_ids = (unsigned long)ids;
	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		err(1, "prog %u", prog_id);
	close(fd);

	for (i = 0; i < info.nr_map_ids && i < 64; i++) {
		fd = bpf_map_get_fd_by_id(ids[i]);
		if (fd < 0)
			err(1, "map %u", ids[i]);
		map_info(fd, &map);
		sum += fn(fd, &map);
		close(fd);
	}
	return sum;
}

static int print_counts(int fd, const struct bpf_map_info *info)
{
	static const char * const names[] = {
		"entered", "missed", "hit", "deep_missed", "deep_hit",
	};
	__u64 value;
	__u32 key;

	if (strcmp(info->name, "counts"))
		return 0;
	for (key = 0; key < 5; key++) {
		if (bpf_map_lookup_elem(fd, &key, &value))
			err(1, "map %u", info->id);
		printf("%s=%llu ", names[key], value);
	}
	putchar('\n');
	return 1;
}

static int filled_slots(int fd, const struct bpf_map_info *info)
{
	__u32 key, value;
	int n = 0;

	if (info->type != BPF_MAP_TYPE_PROG_ARRAY)
		return 0;
	for (key = 0; key < info->max_entries; key++)
		if (!bpf_map_lookup_elem(fd, &key, &value))
			n++;
	return n;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return list(stdout) < 0;
	if (argc == 3 && !strcmp(argv[1], "none"))
		return none(atof(argv[2]));
	if (argc == 3 && !strcmp(argv[1], "counts"))
		return !for_each_map(strtoul(argv[2], NULL, 0), print_counts);
	if (argc == 3 && !strcmp(argv[1], "filled")) {
		printf("%d\n", for_each_map(strtoul(argv[2], NULL, 0),
					    filled_slots));
		return 0;
	}
	errx(2, "usage: ids [none SECONDS | counts PROG_ID | filled PROG_ID]");
}
