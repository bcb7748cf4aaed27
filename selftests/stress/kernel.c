// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's state, as progs/state.bpf.c reads it */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stress.h"

static int maps_link, progs_link;
/* ids that are there before the first worker is, and maps that leaked */
static __u32 mine[4096];
static int mine_n;
int kernel_ignored;

static int iterator(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);
	struct bpf_link *link;

	if (!prog)
		errx(1, "no program %s", name);
	link = bpf_program__attach_iter(prog, NULL);
	if (!link)
		err(1, "iterator %s", name);
	return bpf_link__fd(link);
}

static int read_all(int link, void *buf, size_t size, size_t record)
{
	int fd = bpf_iter_create(link);
	size_t n = 0;
	ssize_t len;

	if (fd < 0)
		err(1, "bpf_iter_create");
	while ((len = read(fd, buf + n, size - n)) > 0)
		n += len;
	if (len < 0)
		err(1, "iterator");
	if (n == size || n % record)
		errx(1, "iterator: %zu bytes", n);
	close(fd);
	return n / record;
}

static bool is_mine(__u32 id)
{
	int i;

	for (i = 0; i < mine_n; i++)
		if (mine[i] == id)
			return true;
	return false;
}

/* One table serves for ids of maps, programs and links: they are marked. */
#define MAP_ID(id)	(id)
#define PROG_ID(id)	((id) | 1u << 30)
#define LINK_ID(id)	((id) | 1u << 31)

void kernel_read(struct kernel *k)
{
	__u32 id = 0;
	int i, n;

	n = read_all(maps_link, k->map, sizeof(k->map), sizeof(k->map[0]));
	for (i = k->maps = 0; i < n; i++)
		if (!is_mine(MAP_ID(k->map[i].id)))
			k->map[k->maps++] = k->map[i];
	n = read_all(progs_link, k->prog, sizeof(k->prog), sizeof(k->prog[0]));
	for (i = k->progs = 0; i < n; i++)
		if (!is_mine(PROG_ID(k->prog[i].id)))
			k->prog[k->progs++] = k->prog[i];
	k->links = 0;
	while (!bpf_link_get_next_id(id, &id) && k->links < 256)
		if (!is_mine(LINK_ID(id)))
			k->link[k->links++] = id;
}

static void remember(__u32 id)
{
	if (mine_n == sizeof(mine) / sizeof(mine[0]))
		errx(1, "too many BPF maps and programs are not ours");
	mine[mine_n++] = id;
}

void kernel_ignore_map(__u32 id)
{
	remember(MAP_ID(id));
	kernel_ignored++;
}

void kernel_open(const char *folder)
{
	struct kernel *k = calloc(1, sizeof(*k));
	struct bpf_object *obj;
	char path[256];
	int i;

	snprintf(path, sizeof(path), "%s/state.bpf.o", folder);
	obj = bpf_object__open(path);
	if (!k || !obj || bpf_object__load(obj))
		err(1, "%s", path);
	maps_link = iterator(obj, "maps");
	progs_link = iterator(obj, "progs");

	kernel_read(k);
	for (i = 0; i < k->maps; i++)
		remember(MAP_ID(k->map[i].id));
	for (i = 0; i < k->progs; i++)
		remember(PROG_ID(k->prog[i].id));
	for (i = 0; i < k->links; i++)
		remember(LINK_ID(k->link[i]));
	sh->patched = k->progs && k->prog[0].holds >= 0;
	free(k);
}
