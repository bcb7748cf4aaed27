// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state that the kernel must have at a quiet point, computed from the
 * tables:
 *
 *  - the user references of an array are its file descriptors, its pins, and
 *    one for each hold of a program that uses it;
 *  - an array without user references is empty, one that always had some has
 *    what was stored in it, and one that had none for a while may have lost any
 *    of its slots;
 *  - the references of a program are its file descriptors, pins, attachments,
 *    links, and the slots that it is stored in: without any it is freed;
 *  - those of an array are its file descriptors, its pins, and the programs that
 *    use it: without any it is freed.
 */
#include <bpf/bpf.h>
#include <linux/if_ether.h>
#include <unistd.h>

#include "stress.h"

#define LEAK_AFTER 2.0	/* seconds, on the base kernel, see leaked() */

/* Of each object; the user references of a program are its holds. */
static int refs[OBJS], urefs[OBJS];
static int content[OBJS][MAX_SLOTS];
static bool leak_is_fine;

#define for_each_obj(i) \
	for (i = 1; i < OBJS; i++) \
		if (sh->obj[i].used)

#define for_each_map(i) \
	for_each_obj(i) \
		if (sh->obj[i].what == MAP)

static void add_hold(int prog, int *urefs)
{
	const struct obj *p = &sh->obj[prog];
	int i;

	urefs[prog]++;
	for (i = 0; i < p->n; i++)
		if (__atomic_load_n(&p->maps[i].on, __ATOMIC_SEQ_CST))
			urefs[p->maps[i].map]++;
}

int handle_refs(const struct handle *h)
{
	int i, n = 0;

	for (i = 0; i < FDS; i++)
		n += h->fd[i] >= 0;
	for (i = 0; i < PINS; i++)
		n += h->pin[i];
	return n;
}

static void count_listed_holds(const struct list *list, int *urefs)
{
	int i;

	for (i = 0; i < list->n; i++)
		if (list->entry[i].hold)
			add_hold(list->entry[i].prog, urefs);
}

/* The user references of this worker. The hold of a link is counted for its
 * device, if it has one.
 */
void model_count_urefs(const struct worker *w, int *urefs)
{
	const struct filter *f = &w->filter[0][0][0][0];
	int i;

	for (i = 0; i < ALL_MAPS; i++)
		urefs[w->handle[i].obj] += handle_refs(&w->handle[i]);
	for (i = 0; i < DEVS; i++) {
		if (w->dev[i].prog && w->dev[i].hold)
			add_hold(w->dev[i].prog, urefs);
		count_listed_holds(&w->dev[i].list[0], urefs);
		count_listed_holds(&w->dev[i].list[1], urefs);
	}
	for (i = 0; i < ALL_FILTERS; i++)
		if (f[i].prog && f[i].hold)
			add_hold(f[i].prog, urefs);
	for (i = HANDLES - LINKS; i < HANDLES; i++)
		if (obj_of(&w->handle[i])->hold)
			add_hold(obj_of(&w->handle[i])->prog, urefs);
}

static void mark_maybe(struct obj *map, int first, int n)
{
	int i;

	for (i = first; i < first + n; i++)
		if (map->slot[i].prog)
			map->slot[i].maybe = true;
}

static void mark_slots_of(int map, int worker)
{
	if (is_shared(map))
		mark_maybe(&sh->obj[map], worker * OWN_SLOTS, OWN_SLOTS);
	else
		mark_maybe(&sh->obj[map], 0, PRIVATE_SLOTS);
}

/* After each operation: an array to which this worker has no user reference may
 * be cleared from now on, even if the worker takes one again. Whether another
 * worker had one all the time is only known at the quiet point.
 */
void model_floors(void)
{
	int pools[] = { me->index, PARENT }, i, m;
	static int now[OBJS];

	for (i = 0; i < 2; i++)
		memset(now + pools[i] * POOL, 0, POOL * sizeof(*now));
	model_count_urefs(me, now);
	for (i = 0; i < 2; i++) {
		for (m = pools[i] * POOL; m < pools[i] * POOL + MAP_POOL; m++) {
			struct obj *map = &sh->obj[m];

			if (!map->used)
				continue;
			if (now[m] < map->floor[me->index])
				map->floor[me->index] = now[m];
			if (!now[m])
				mark_slots_of(m, me->index);
		}
	}
}

static bool may_be_empty(int map, int slot)
{
	const struct obj *m = &sh->obj[map];
	int w, floor = 0;

	for (w = 0; w < sh->procs; w++)
		if (is_shared(map) || w == map / POOL)
			floor += m->floor[w];
	if (floor)
		return false;
	/* The base kernel also clears what was stored after the clear was queued. */
	return m->slot[slot].maybe || !sh->patched;
}

static void settle_contents(void)
{
	const struct state *k;
	int m, i, p;

	for_each_map(m) {
		const struct obj *map = &sh->obj[m];

		k = state_find(MAP, map->id);
		for (i = 0; i < map->n; i++) {
			p = urefs[m] ? map->slot[i].prog : 0;
			if (p && k && !k->slot[i] && may_be_empty(m, i))
				p = 0;
			content[m][i] = p;
			refs[p]++;
		}
	}
}

/* Kernels with a JIT have a dispatcher for XDP, with a reference to each program
 * that it calls.
 */
static void count_dispatched(void)
{
	static bool seen[OBJS];
	int w, i, p;

	memset(seen, 0, sizeof(seen));
	for (w = 0; w < sh->procs; w++) {
		for (i = 0; i < DEVS; i++) {
			p = sh->worker[w].dev[i].prog;
			if (p && !seen[p])
				refs[p]++;
			seen[p] = true;
		}
	}
}

/* A program that a link has attached is counted for the link. */
static void count_listed(const struct list *list, int *refs)
{
	int i;

	for (i = 0; i < list->n; i++)
		refs[list->entry[i].prog] += !list->entry[i].link;
}

static void count_refs(const struct worker *w, int *refs)
{
	const struct filter *f = &w->filter[0][0][0][0];
	const struct handle *h;
	int i;

	for (h = w->handle; h < w->handle + HANDLES; h++) {
		refs[h->obj] += handle_refs(h);
		if (h->what != LINK)
			continue;
		refs[obj_of(h)->prog]++;
		refs[obj_of(h)->target]++;
	}
	/* one for the driver, one for the device or its link */
	for (i = 0; i < DEVS; i++) {
		refs[w->dev[i].prog] += 1 + !w->dev[i].link;
		count_listed(&w->dev[i].list[0], refs);
		count_listed(&w->dev[i].list[1], refs);
	}
	for (i = 0; i < ALL_FILTERS; i++)
		refs[f[i].prog]++;
}

/* The references that programs of this pool, which can only be attached by
 * freplace, have to their targets until they are attached
 */
static void count_targets(int pool, int *refs)
{
	int i;

	for (i = pool * POOL; i < (pool + 1) * POOL; i++) {
		const struct obj *obj = &sh->obj[i];

		if (obj->used && obj->what == PROG && refs[i])
			refs[obj->target]++;
	}
}

/* The references that programs of this pool have to arrays */
static void count_used(int pool, int *refs)
{
	int i, k;

	for (i = pool * POOL; i < (pool + 1) * POOL; i++) {
		const struct obj *obj = &sh->obj[i];

		if (obj->used && obj->what == PROG && refs[i])
			for (k = 0; k < obj->n; k++)
				refs[obj->maps[k].map] += obj->maps[k].on;
	}
}

/* Whether this worker has references that keep the object. The slots of arrays
 * do not count: they may depend on the order in which workers ran, and the
 * operations must depend on the seed alone.
 */
bool model_keeps(int obj)
{
	static int own[OBJS];

	memset(own, 0, sizeof(own));
	count_refs(me, own);
	count_targets(me->index, own);
	count_used(me->index, own);
	count_used(PARENT, own);
	return own[obj];
}

static void count_all(void)
{
	int w;

	memset(urefs, 0, sizeof(urefs));
	memset(refs, 0, sizeof(refs));
	for (w = 0; w < POOLS; w++) {
		model_count_urefs(&sh->worker[w], urefs);
		count_refs(&sh->worker[w], refs);
		count_targets(w, refs);
	}
	if (sh->jit)
		count_dispatched();
	settle_contents();
	for (w = 0; w < POOLS; w++)
		count_used(w, refs);
}

/* The base kernel leaks a reference when a second clear is queued (fixed by the
 * first patch). Only waiting distinguishes it from a reference that the pending
 * clear still has.
 */
static int leaked(int i, const struct state *k)
{
	const struct obj *obj = &sh->obj[i];

	if (obj->what != MAP)
		return 0;
	if (leak_is_fine && k && k->refs > refs[i])
		return k->refs - refs[i];
	return obj->leaked;
}

static void print_obj(FILE *out, int i, const struct state *k)
{
	const struct obj *obj = &sh->obj[i];
	int n;

	fprintf(out, "%s id %u of %d, %s: model %d references, %d %s; kernel",
		what_name[obj->what], obj->id, i / POOL,
		kind_name[obj->kind], refs[i], urefs[i],
		obj->what == MAP ? "urefs" : "holds");
	if (k)
		fprintf(out, " %ld, %ld;", k->refs, k->urefs);
	else
		fprintf(out, ": gone;");
	for (n = 0; obj->what == MAP && n < obj->n; n++)
		fprintf(out, " %u%s:%u", sh->obj[obj->slot[n].prog].id,
			obj->slot[n].prog && may_be_empty(i, n) ? "?" : "",
			k ? k->slot[n] : 0);
	for (n = 0; obj->what == PROG && n < obj->n; n++)
		fprintf(out, " %u%s", sh->obj[obj->maps[n].map].id,
			obj->maps[n].on ? "" : "(not bound)");
	fputc('\n', out);
}

/* Everything that exists in the model or in the kernel */
static void dump(void)
{
	const struct state *k;
	int i;

	for_each_obj(i) {
		k = state_find(sh->obj[i].what, sh->obj[i].id);
		if (k || refs[i])
			print_obj(stdout, i, k);
	}
}

static bool obj_differs(int i, struct state *k)
{
	struct obj *obj = &sh->obj[i];
	int leak = leaked(i, k), n;

	if (!k)
		return refs[i] + leak;
	k->known = true;
	if (obj->what == LINK)
		return !refs[i];
	/* a kernel without holds reports none */
	if (k->refs != refs[i] + leak ||
	    (k->urefs != urefs[i] && (obj->what == MAP || sh->patched)))
		return true;
	for (n = 0; obj->what == MAP && n < obj->n; n++)
		if (k->slot[n] != sh->obj[content[i][n]].id)
			return true;
	if (obj->what == MAP)
		obj->leaked = leak;
	return false;
}

/* Prints the differences to OUT, unless that is NULL. */
static bool differs(FILE *out)
{
	struct state *s;
	bool differs = false;
	int i;

	state_read();
	count_all();
	for_each_obj(i) {
		s = state_find(sh->obj[i].what, sh->obj[i].id);
		if (!obj_differs(i, s))
			continue;
		differs = true;
		if (out)
			print_obj(out, i, s);
	}
	return state_unknown(out) || differs;
}

static void find_named(bool *named)
{
	int w, i, k;

	for (w = 0; w < POOLS; w++)
		for (i = 0; i < HANDLES; i++)
			named[sh->worker[w].handle[i].obj] = true;
	for_each_obj(i) {
		const struct obj *obj = &sh->obj[i];

		if (obj->what == PROG && (refs[i] || named[i]))
			for (k = 0; k < obj->n; k++)
				named[obj->maps[k].map] = true;
	}
}

/* Updates the model with what it could not know before, and removes objects that
 * are gone and that no handle refers to.
 */
static void commit_objects(void)
{
	static bool named[OBJS];
	int i, k;

	memset(named, 0, sizeof(named));
	find_named(named);
	for_each_obj(i) {
		struct obj *obj = &sh->obj[i];

		obj->used = refs[i] || named[i];
		obj->busy = false;
		if (obj->what != MAP)
			continue;
		for (k = 0; k < obj->n; k++)
			obj->slot[k] = (struct slot){ .prog = content[i][k] };
		if (!obj->used && obj->leaked)
			state_ignore_map(obj->id);
	}
}

static void commit(void)
{
	static int own[OBJS];
	int w, i;

	commit_objects();
	for (w = 0; w < sh->procs; w++) {
		memset(own, 0, sizeof(own));
		model_count_urefs(&sh->worker[w], own);
		for_each_map(i) {
			sh->obj[i].floor[w] = own[i];
			if (is_shared(i) && !own[i])
				mark_slots_of(i, w);
		}
		for (i = 0; i < DEVS; i++) {
			sh->worker[w].dev[i].busy = false;
			sh->worker[w].dev[i].list[0].busy = false;
			sh->worker[w].dev[i].list[1].busy = false;
		}
	}
}

/* The tag that a probe of the program must return: that of the program that its
 * tail call leads to, or of itself if it makes none
 */
static int expected_tag(int p)
{
	const struct obj *prog = &sh->obj[p];
	int to;

	if (prog->replaced_by)
		return expected_tag(prog->replaced_by);
	if (!prog->entry)
		return TAG_PROG + p;
	to = content[prog->maps[0].map][prog->key];
	return to ? TAG_PROG + to : TAG_MISSED;
}

static int probe(int fd)
{
	unsigned char packet[ETH_ZLEN] = {
		[12] = ETH_P_PROBE >> 8, [13] = ETH_P_PROBE & 0xff,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
		    .data_size_in = sizeof(packet));

	if (bpf_prog_test_run_opts(fd, &opts))
		fail("test run: %m");
	return opts.retval;
}

/* The JIT turns slots into direct jumps of programs: these must agree, too. */
static void probe_all(void)
{
	int p, seen, fd;

	for_each_obj(p) {
		const struct obj *prog = &sh->obj[p];

		/* freplace programs cannot be run without their targets */
		if (prog->what != PROG || !refs[p] || prog->kind == EXT ||
		    (!prog->entry && prog->kind != TARGET))
			continue;
		fd = open_by_id(PROG, prog->id);
		if (fd < 0)
			fail("prog id %u: %m", prog->id);
		seen = probe(fd);
		close(fd);
		if (seen == expected_tag(p))
			continue;
		dump();
		fail("a probe of prog id %u returns a wrong tag: model %#x, kernel %#x",
		     prog->id, expected_tag(p), seen);
	}
}

/* Called while all workers wait. Returns when the kernel matches the model, or
 * fails. Takes no user references.
 */
double model_quiet(void)
{
	double start = now();
	/* a short deadline is only for the planted error */
	double end = start + (sh->lie && !sh->lied ? DEADLINE : sh->deadline);

	leak_is_fine = false;
	while (differs(NULL)) {
		if (!nap(end, 1)) {
			dump();
			differs(stdout);
			fail("the kernel differs from the model%s",
			     sh->lied ? ", which lied" : "");
		}
		leak_is_fine = !sh->patched && now() > start + LEAK_AFTER;
	}
	commit();
	probe_all();
	return now() - start;
}
