// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel has to be like, computed from the tables at a quiet point:
 *
 *  - the user references of each array are its descriptors, its pins, and one
 *    for each hold of a program that uses it;
 *  - an array without one is empty, one that always had one has what was put
 *    in, and one that had none in between may have lost it, slot by slot;
 *  - the references of each program are its descriptors, pins, attachments,
 *    links, holds, and the slots it sits in: with none it is gone;
 *  - those of an array are its descriptors, its pins, and the programs that
 *    use it, with none it is gone.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

#define LEAK_AFTER 2.0	/* seconds, on the base kernel, see map_differs() */

static struct kernel kernel;
static int urefs[NMAPS], map_refs[NMAPS], prog_refs[NPROGS], holds[NPROGS];
static int content[NMAPS][MAX_SLOTS];
static bool leak_is_fine;

static void add_hold(int prog, int *urefs)
{
	const struct prog *p = &sh->prog[prog];
	int i;

	for (i = 0; i < p->nmaps; i++)
		if (__atomic_load_n(&p->maps[i].on, __ATOMIC_SEQ_CST))
			urefs[p->maps[i].map]++;
}

/* Calls fn for each filter there is. */
static void for_each_filter(const struct worker *w,
			    void (*fn)(const struct filter *f, int *arg),
			    int *arg)
{
	const struct filter *f = &w->filter[0][0][0][0];
	int i;

	for (i = 0; i < SITES * CHAINS * PRIOS * FILTERS; i++)
		if (f[i].prog)
			fn(&f[i], arg);
}

static void filter_urefs(const struct filter *f, int *urefs)
{
	if (f->hold)
		add_hold(f->prog, urefs);
}

static int handle_refs(const struct handle *h)
{
	int i, n = 0;

	for (i = 0; i < FDS; i++)
		n += h->fd[i] >= 0;
	for (i = 0; i < PINS; i++)
		n += h->pin[i];
	return n;
}

/* What of the user references is this worker's. A link's hold is its device's.
 */
void model_count_urefs(const struct worker *w, int *urefs)
{
	int i;

	for (i = 0; i < ALL_MAPS; i++)
		urefs[w->map[i].obj] += handle_refs(&w->map[i]);
	for (i = 0; i < DEVS; i++)
		if (w->dev[i].prog && w->dev[i].hold)
			add_hold(w->dev[i].prog, urefs);
	for_each_filter(w, filter_urefs, urefs);
}

static bool shared_map(int map)
{
	return map >= PARENT * MAP_POOL;
}

static void mark_maybe(int map, int owner)
{
	int first = shared_map(map) ? owner * OWN_SLOTS : 0, i;
	int n = shared_map(map) ? OWN_SLOTS : PRIVATE_SLOTS;

	for (i = first; i < first + n; i++)
		if (sh->map[map].slot[i].prog)
			sh->map[map].slot[i].maybe = true;
}

/* After each operation: arrays that this worker leaves without a user
 * reference may be emptied from now on, even if it takes one again. Whether
 * those of others were enough, only the quiet point can tell.
 */
void model_floors(void)
{
	static int now[NMAPS];
	int pools[] = { me->index, PARENT }, i, m;

	for (i = 0; i < 2; i++)
		memset(now + pools[i] * MAP_POOL, 0, MAP_POOL * sizeof(*now));
	model_count_urefs(me, now);
	for (i = 0; i < 2; i++) {
		for (m = pools[i] * MAP_POOL; m < (pools[i] + 1) * MAP_POOL;
		     m++) {
			struct map *map = &sh->map[m];

			if (!map->used)
				continue;
			if (now[m] < map->floor[me->index])
				map->floor[me->index] = now[m];
			if (!now[m])
				mark_maybe(m, me->index);
		}
	}
}

static bool may_be_empty(int map, int slot)
{
	const struct map *m = &sh->map[map];
	int w, floor = 0;

	for (w = 0; w < sh->procs; w++)
		if (shared_map(map) || w == map / MAP_POOL)
			floor += m->floor[w];
	if (floor)
		return false;
	/* The base kernel's work wipes all, whenever it was put in. */
	return m->slot[slot].maybe || !sh->patched;
}

static int cmp_map(const void *a, const void *b)
{
	const struct kernel_map *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int cmp_prog(const void *a, const void *b)
{
	const struct kernel_prog *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct kernel_map *kernel_map(__u32 id)
{
	struct kernel_map key = { .id = id };

	return bsearch(&key, kernel.map, kernel.maps, sizeof(key), cmp_map);
}

static struct kernel_prog *kernel_prog(__u32 id)
{
	struct kernel_prog key = { .id = id };

	return bsearch(&key, kernel.prog, kernel.progs, sizeof(key), cmp_prog);
}

static void settle_contents(void)
{
	struct kernel_map *km;
	int m, i, p;

	for (m = 0; m < NMAPS; m++) {
		const struct map *map = &sh->map[m];

		if (!map->used)
			continue;
		km = kernel_map(map->id);
		for (i = 0; i < map->slots; i++) {
			p = urefs[m] ? map->slot[i].prog : 0;
			if (p && km && !km->slot[i] && may_be_empty(m, i))
				p = 0;
			content[m][i] = p;
			prog_refs[p]++;
		}
	}
}

static void filter_refs(const struct filter *f, int *refs)
{
	refs[f->prog] += 1 + f->hold;
	holds[f->prog] += f->hold;
}

/* The dispatcher for XDP, of which there is one, has a reference to each
 * program that it knows.
 */
static void count_dispatched(void)
{
	static bool seen[NPROGS];
	int w, i, p;

	memset(seen, 0, sizeof(seen));
	for (w = 0; w < sh->procs; w++) {
		for (i = 0; i < DEVS; i++) {
			p = sh->worker[w].dev[i].prog;
			if (p && !seen[p])
				prog_refs[p]++;
			seen[p] = true;
		}
	}
}

static void count_refs(const struct worker *w)
{
	int i;

	for (i = 0; i < ALL_PROGS; i++)
		prog_refs[w->prog[i].obj] += handle_refs(&w->prog[i]);
	for (i = 0; i < DEVS; i++) {
		const struct dev *dev = &w->dev[i];

		/* one for the driver, one for the device or its link */
		prog_refs[dev->prog] += 1 + !dev->link + dev->hold;
		holds[dev->prog] += dev->hold;
	}
	for (i = 0; i < LINKS; i++)
		if (w->link[i].used)
			prog_refs[w->link[i].prog]++;
	for_each_filter(w, filter_refs, prog_refs);
}

static void count_all(void)
{
	int w, i, m, p;

	memset(urefs, 0, sizeof(urefs));
	memset(map_refs, 0, sizeof(map_refs));
	memset(prog_refs, 0, sizeof(prog_refs));
	memset(holds, 0, sizeof(holds));
	for (w = 0; w < POOLS; w++) {
		model_count_urefs(&sh->worker[w], urefs);
		count_refs(&sh->worker[w]);
		for (i = 0; i < ALL_MAPS; i++)
			map_refs[sh->worker[w].map[i].obj] +=
				handle_refs(&sh->worker[w].map[i]);
	}
	count_dispatched();
	settle_contents();
	for (p = 1; p < NPROGS; p++) {
		if (!sh->prog[p].used || !prog_refs[p])
			continue;
		for (i = 0; i < sh->prog[p].nmaps; i++) {
			m = sh->prog[p].maps[i].map;
			map_refs[m] += sh->prog[p].maps[i].on;
		}
	}
}

/* The base kernel leaks a reference where an array is to be cleared twice
 * (fixed by the first patch). It is told from one that a work still owns by
 * waiting, and is counted.
 */
static bool map_differs(int m, FILE *out)
{
	struct kernel_map *km = kernel_map(sh->map[m].id);
	struct map *map = &sh->map[m];
	int leaked = map->leaked, i;
	bool differs = false;
	__u32 id;

	if (leak_is_fine && km && km->refcnt > map_refs[m])
		leaked = km->refcnt - map_refs[m];
	if (!km) {
		differs = map_refs[m] + leaked;
		if (differs)
			fprintf(out, "map id %u is gone: model %d urefs, %d references\n",
				map->id, urefs[m], map_refs[m]);
		return differs;
	}
	if (km->usercnt != urefs[m] || km->refcnt != map_refs[m] + leaked) {
		fprintf(out, "map id %u: model %d urefs, %d references; kernel %lld, %lld\n",
			map->id, urefs[m], map_refs[m], km->usercnt,
			km->refcnt);
		differs = true;
	}
	for (i = 0; i < map->slots; i++) {
		id = sh->prog[content[m][i]].id;
		if (id == km->slot[i])
			continue;
		fprintf(out, "map id %u slot %d: model %u%s, kernel %u\n",
			map->id, i, id, may_be_empty(m, i) ? " or 0" : "",
			km->slot[i]);
		differs = true;
	}
	km->type = 0;
	if (!differs)
		map->leaked = leaked;
	return differs;
}

static bool prog_differs(int p, FILE *out)
{
	struct kernel_prog *kp = kernel_prog(sh->prog[p].id);
	bool differs;

	if (!kp) {
		if (prog_refs[p])
			fprintf(out, "prog id %u is gone: model %d references\n",
				sh->prog[p].id, prog_refs[p]);
		return prog_refs[p];
	}
	differs = kp->refcnt != prog_refs[p] ||
		  (kp->holds >= 0 && kp->holds != holds[p]);
	if (differs)
		fprintf(out, "prog id %u: model %d references, %d holds; kernel %lld, %lld\n",
			sh->prog[p].id, prog_refs[p], holds[p], kp->refcnt,
			kp->holds);
	kp->type = 0;
	return differs;
}

static bool links_differ(FILE *out)
{
	bool differs = false;
	int w, i, n, k;

	for (w = 0, n = 0; w < sh->procs; w++) {
		for (i = 0; i < LINKS; i++) {
			const struct link *l = &sh->worker[w].link[i];

			if (!l->used)
				continue;
			n++;
			for (k = 0; k < kernel.links; k++)
				if (kernel.link[k] == l->id)
					break;
			if (k < kernel.links)
				continue;
			fprintf(out, "link id %u is gone\n", l->id);
			differs = true;
		}
	}
	if (n != kernel.links)
		fprintf(out, "links: model %d, kernel %d\n", n, kernel.links);
	return differs || n != kernel.links;
}

/* What the model knows of the kernel's gets type 0: see what is left. */
static bool differs(FILE *out)
{
	bool differs = false;
	int i;

	kernel_read(&kernel);
	count_all();
	for (i = 1; i < NPROGS; i++)
		if (sh->prog[i].used)
			differs |= prog_differs(i, out);
	for (i = 1; i < NMAPS; i++)
		if (sh->map[i].used)
			differs |= map_differs(i, out);
	for (i = 0; i < kernel.progs; i++) {
		if (!kernel.prog[i].type)
			continue;
		fprintf(out, "prog id %u: unknown to the model\n",
			kernel.prog[i].id);
		differs = true;
	}
	for (i = 0; i < kernel.maps; i++) {
		if (!kernel.map[i].type)
			continue;
		fprintf(out, "map id %u: unknown to the model\n",
			kernel.map[i].id);
		differs = true;
	}
	return links_differ(out) || differs;
}

static void dump(void)
{
	struct kernel_map *km;
	struct kernel_prog *kp;
	int i, k;

	for (i = 1; i < NMAPS; i++) {
		const struct map *map = &sh->map[i];

		if (!map->used || (!map_refs[i] && !kernel_map(map->id)))
			continue;
		km = kernel_map(map->id);
		printf("map id %u of %d, %s: model %d urefs, %d references;",
		       map->id, i / MAP_POOL, map->kind == XDP ? "xdp" : "tc",
		       urefs[i], map_refs[i]);
		if (km)
			printf(" kernel %lld, %lld; slots",
			       km->usercnt, km->refcnt);
		else
			printf(" kernel: gone;");
		for (k = 0; k < map->slots; k++)
			printf(" %u%s:%u", sh->prog[map->slot[k].prog].id,
			       map->slot[k].prog && may_be_empty(i, k) ? "?" :
			       "", km ? km->slot[k] : 0);
		putchar('\n');
	}
	for (i = 1; i < NPROGS; i++) {
		const struct prog *prog = &sh->prog[i];

		if (!prog->used || (!prog_refs[i] && !kernel_prog(prog->id)))
			continue;
		kp = kernel_prog(prog->id);
		printf("prog id %u of %d, %s: model %d references, %d holds;",
		       prog->id, i / PROG_POOL, prog->kind == XDP ? "xdp" :
		       "tc", prog_refs[i], holds[i]);
		if (kp)
			printf(" kernel %lld, %lld; maps", kp->refcnt,
			       kp->holds);
		else
			printf(" kernel: gone; maps");
		for (k = 0; k < prog->nmaps; k++)
			printf(" %u%s", sh->map[prog->maps[k].map].id,
			       prog->maps[k].on ? "" : "(not bound)");
		putchar('\n');
	}
}

static bool in_handles(int obj, bool map)
{
	int w, i;

	for (w = 0; w < POOLS; w++) {
		for (i = 0; map && i < ALL_MAPS; i++)
			if (sh->worker[w].map[i].obj == obj)
				return true;
		for (i = 0; !map && i < ALL_PROGS; i++)
			if (sh->worker[w].prog[i].obj == obj)
				return true;
	}
	return false;
}

/* The model takes over what turned out of what it did not know, and forgets
 * what is gone and nobody can name any more.
 */
static void commit(void)
{
	static int own[NMAPS];
	static bool named[NMAPS];
	int w, i, m, p;

	memset(named, 0, sizeof(named));
	for (p = 1; p < NPROGS; p++) {
		struct prog *prog = &sh->prog[p];

		if (prog->used && !prog_refs[p] && !in_handles(p, false))
			prog->used = false;
		for (i = 0; prog->used && i < prog->nmaps; i++)
			named[prog->maps[i].map] = true;
	}
	for (m = 1; m < NMAPS; m++) {
		struct map *map = &sh->map[m];

		if (!map->used)
			continue;
		for (i = 0; i < map->slots; i++) {
			map->slot[i].prog = content[m][i];
			map->slot[i].maybe = false;
		}
		if (map_refs[m] || named[m] || in_handles(m, true))
			continue;
		map->used = false;
		if (map->leaked)
			kernel_ignore_map(map->id);
	}
	for (w = 0; w < sh->procs; w++) {
		memset(own, 0, sizeof(own));
		model_count_urefs(&sh->worker[w], own);
		for (m = 1; m < NMAPS; m++) {
			sh->map[m].floor[w] = own[m];
			if (sh->map[m].used && shared_map(m) && !own[m])
				mark_maybe(m, w);
		}
		for (i = 0; i < DEVS; i++)
			sh->worker[w].dev[i].busy = false;
		for (i = 0; i < LINKS; i++)
			sh->worker[w].link[i].busy = false;
	}
}

/* Where the program's jump leads, as it says itself */
static int probe(const struct prog *prog, int fd)
{
	unsigned char packet[ETH_ZLEN] = {
		[12] = ETH_P_PROBE >> 8, [13] = ETH_P_PROBE & 0xff,
	};
	struct __sk_buff skb = { .mark = MARK_PROBE };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
		    .data_size_in = sizeof(packet));

	if (prog->kind == TC) {
		opts.ctx_in = &skb;
		opts.ctx_size_in = sizeof(skb);
	}
	if (bpf_prog_test_run_opts(fd, &opts))
		fail("test run: %m");
	return opts.retval;
}

/* Slots are pointers, and direct jumps in programs: see these agree as well. */
static void probe_all(void)
{
	int p, fd, wanted, seen;

	for (p = 1; p < NPROGS; p++) {
		const struct prog *prog = &sh->prog[p];

		if (!prog->used || !prog_refs[p] || !prog->entry)
			continue;
		wanted = content[prog->maps[0].map][prog->key];
		wanted = wanted ? TAG_PROG + wanted : TAG_MISSED;
		fd = bpf_prog_get_fd_by_id(prog->id);
		if (fd < 0)
			fail("prog id %u: %m", prog->id);
		seen = probe(prog, fd);
		close(fd);
		if (seen == wanted)
			continue;
		dump();
		fail("prog id %u jumps to slot %d of map id %u: model %#x, kernel %#x",
		     prog->id, prog->key, sh->map[prog->maps[0].map].id,
		     wanted, seen);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* All workers wait. Ends when model and kernel agree, or the program. Nothing
 * here touches a user reference.
 */
double model_quiet(void)
{
	struct timespec pause = { .tv_nsec = 1000 * 1000 };
	double start = now();
	FILE *nowhere = fopen("/dev/null", "w");
	/* a short one is for the lie that it is to find */
	int deadline = sh->lie && !sh->lied ? DEADLINE : sh->deadline;

	leak_is_fine = false;
	while (differs(nowhere)) {
		if (now() > start + deadline) {
			dump();
			differs(stdout);
			fail("the kernel differs from the model%s",
			     sh->lied ? ", which lied" : "");
		}
		leak_is_fine = !sh->patched && now() > start + LEAK_AFTER;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 50 * 1000 * 1000)
			pause.tv_nsec *= 2;
	}
	fclose(nowhere);
	commit();
	probe_all();
	return now() - start;
}
