// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel has, but for what was there before the first worker was */
#include <bpf/bpf.h>
#include <stdlib.h>
#include <unistd.h>

#include "stress.h"

#define ALL_LINKS (MAX_PROCS * LINKS + 64)

/* links are known by their ids alone */
static struct state maps[OBJS], progs[OBJS];
static __u32 links[ALL_LINKS];
static int nmaps, nprogs, nlinks;

/* ids that are there before the first worker is, and maps that leaked */
static __u32 ignored[3][1024];
static int nignored[3];
int state_leaked;

enum { LINK = PROG + 1 };

static bool is_ignored(int what, __u32 id)
{
	int i;

	for (i = 0; i < nignored[what]; i++)
		if (ignored[what][i] == id)
			return true;
	return false;
}

static void ignore(int what, __u32 id)
{
	if (nignored[what] == ARRAY_SIZE(ignored[what]))
		errx(1, "too many BPF objects are not ours");
	ignored[what][nignored[what]++] = id;
}

void state_ignore_map(__u32 id)
{
	ignore(MAP, id);
	state_leaked++;
}

static void read_maps(void)
{
	static struct kernel_map k[OBJS];
	int n = kernel_maps(k, OBJS), i;

	for (i = nmaps = 0; i < n; i++) {
		if (is_ignored(MAP, k[i].id))
			continue;
		maps[nmaps].id = k[i].id;
		maps[nmaps].refs = k[i].refs;
		maps[nmaps].urefs = k[i].urefs;
		memcpy(maps[nmaps].slot, k[i].slot, sizeof(maps->slot));
		maps[nmaps++].known = false;
	}
}

static void read_progs(void)
{
	static struct kernel_prog k[OBJS];
	int n = kernel_progs(k, OBJS), i;

	for (i = nprogs = 0; i < n; i++) {
		if (is_ignored(PROG, k[i].id))
			continue;
		progs[nprogs++] = (struct state){
			.id = k[i].id, .refs = k[i].refs, .urefs = k[i].holds,
		};
	}
}

void state_read(void)
{
	__u32 id = 0;

	read_maps();
	read_progs();
	nlinks = 0;
	while (!bpf_link_get_next_id(id, &id) && nlinks < ALL_LINKS)
		if (!is_ignored(LINK, id))
			links[nlinks++] = id;
}

static int cmp_id(const void *a, const void *b)
{
	const struct state *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

struct state *state_find(enum what what, __u32 id)
{
	struct state key = { .id = id };

	if (what == MAP)
		return bsearch(&key, maps, nmaps, sizeof(key), cmp_id);
	return bsearch(&key, progs, nprogs, sizeof(key), cmp_id);
}

bool state_has_link(__u32 id)
{
	int i;

	for (i = 0; i < nlinks; i++)
		if (links[i] == id)
			return true;
	return false;
}

int state_links(void)
{
	return nlinks;
}

/* Whether there is something that the model does not know */
bool state_unknown(FILE *out)
{
	bool found = false;
	int i;

	for (i = 0; i < nmaps + nprogs; i++) {
		struct state *s = i < nmaps ? &maps[i] : &progs[i - nmaps];

		if (s->known)
			continue;
		found = true;
		if (out)
			fprintf(out, "%s id %u: unknown to the model\n",
				i < nmaps ? "map" : "prog", s->id);
	}
	return found;
}

void state_open(void)
{
	int i;

	kernel_open();
	state_read();
	sh->patched = nprogs && progs[0].urefs >= 0;
	for (i = 0; i < nmaps; i++)
		ignore(MAP, maps[i].id);
	for (i = 0; i < nprogs; i++)
		ignore(PROG, progs[i].id);
	for (i = 0; i < nlinks; i++)
		ignore(LINK, links[i]);
}
