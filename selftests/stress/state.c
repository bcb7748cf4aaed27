// SPDX-License-Identifier: GPL-2.0-only
/* The objects in the kernel, except those that existed before the workers */
#include <bpf/bpf.h>
#include <stdlib.h>

#include "stress.h"

static struct {
	struct state state[OBJS];
	int n;
	/* existed before, or are maps that leaked */
	__u32 ignored[1024];
	int nignored;
} tables[WHATS];

int state_leaked;

static void ignore(enum what what, __u32 id)
{
	if (tables[what].nignored == ARRAY_SIZE(tables->ignored))
		errx(1, "too many BPF objects are not ours");
	tables[what].ignored[tables[what].nignored++] = id;
}

void state_ignore_map(__u32 id)
{
	ignore(MAP, id);
	state_leaked++;
}

/* In the order of their ids */
static struct state *add(enum what what, __u32 id, long refs, long urefs)
{
	struct state *s = &tables[what].state[tables[what].n];
	int i;

	*s = (struct state){ .id = id, .refs = refs, .urefs = urefs };
	for (i = 0; i < tables[what].nignored; i++)
		if (tables[what].ignored[i] == id)
			return s;
	if (++tables[what].n == OBJS)
		errx(1, "too many BPF objects");
	return s;
}

void state_read(void)
{
	static struct kernel_prog progs[OBJS];
	static struct kernel_map maps[OBJS];
	struct state *s;
	__u32 id = 0;
	int n, i;

	for (i = 0; i < WHATS; i++)
		tables[i].n = 0;
	n = kernel_maps(maps, OBJS);
	for (i = 0; i < n; i++) {
		s = add(MAP, maps[i].id, maps[i].refs, maps[i].urefs);
		memcpy(s->slot, maps[i].slot, sizeof(s->slot));
	}
	n = kernel_progs(progs, OBJS);
	for (i = 0; i < n; i++)
		add(PROG, progs[i].id, progs[i].refs, progs[i].holds);
	while (!bpf_link_get_next_id(id, &id))
		add(LINK, id, 0, 0);
}

static int cmp_id(const void *a, const void *b)
{
	const struct state *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

struct state *state_find(enum what what, __u32 id)
{
	struct state key = { .id = id };

	return bsearch(&key, tables[what].state, tables[what].n, sizeof(key),
		       cmp_id);
}

/* Whether there is an object that the model does not know */
bool state_unknown(FILE *out)
{
	bool found = false;
	int what, i;

	for (what = 0; what < WHATS; what++) {
		for (i = 0; i < tables[what].n; i++) {
			if (tables[what].state[i].known)
				continue;
			found = true;
			if (out)
				fprintf(out, "%s id %u: unknown to the model\n",
					what_name[what],
					tables[what].state[i].id);
		}
	}
	return found;
}

void state_open(void)
{
	int what, i;

	kernel_open();
	sh->patched = kernel_has_holds();
	state_read();
	for (what = 0; what < WHATS; what++)
		for (i = 0; i < tables[what].n; i++)
			ignore(what, tables[what].state[i].id);
}
