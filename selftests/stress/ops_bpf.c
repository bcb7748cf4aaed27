// SPDX-License-Identifier: GPL-2.0-only
/* Operations on maps and programs by themselves */
#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "stress.h"

static int free_fd(const struct handle *h)
{
	int i;

	for (i = 0; i < FDS; i++)
		if (h->fd[i] < 0)
			return i;
	return -1;
}

static bool prog_uses(int prog, int map)
{
	const struct prog *p = &sh->prog[prog];
	int i;

	for (i = 0; prog && i < p->nmaps; i++)
		if (p->maps[i].on && p->maps[i].map == map)
			return true;
	return false;
}

/* Something of this worker's own certainly keeps the program. What is in the
 * slots of an array does not count, it may depend on who came first, and what
 * is done must depend on the seed alone.
 */
static bool prog_is_kept(int prog)
{
	int i, c, p, f;

	for (i = 0; i < ALL_PROGS; i++)
		if (me->prog[i].obj == prog &&
		    (first_fd(&me->prog[i]) >= 0 || me->prog[i].pin[0] ||
		     me->prog[i].pin[1]))
			return true;
	for (i = 0; i < DEVS; i++)
		if (me->dev[i].alive && me->dev[i].prog == prog)
			return true;
	for (i = 0; i < LINKS; i++)
		if (me->link[i].used && me->link[i].prog == prog)
			return true;
	for (i = 0; i < SITES; i++)
		for (c = 0; c < CHAINS; c++)
			for (p = 0; p < PRIOS; p++)
				for (f = 0; f < FILTERS; f++)
					if (me->filter[i][c][p][f].prog == prog)
						return true;
	return false;
}

static bool map_is_kept(const struct handle *h)
{
	int i, first = me->index * PROG_POOL;

	if (first_fd(h) >= 0 || h->pin[0] || h->pin[1])
		return true;
	for (i = 0; i < PROG_POOL; i++)
		if (sh->prog[first + i].used &&
		    prog_uses(first + i, h->obj) && prog_is_kept(first + i))
			return true;
	for (i = 0; i < SHARED_PROGS; i++)
		if (prog_uses(me->prog[PROG_HANDLES + i].obj, h->obj))
			return true;
	return false;
}

static bool open_pin(struct handle *h, const char *what, int index)
{
	int pin = draw(PINS), fd = free_fd(h);

	if (fd < 0 || !h->pin[pin])
		return false;
	h->fd[fd] = bpf_obj_get(pin_path(what, index, pin));
	if (h->fd[fd] < 0)
		fail("open pin: %m");
	note("open pin %d of %s %d", pin, what, index);
	return true;
}

static bool close_one(struct handle *h, const char *what, int index)
{
	int fd = draw(FDS);

	if (h->fd[fd] < 0)
		return false;
	note("close %s %d", what, index);
	if (close(h->fd[fd]))
		fail("close: %m");
	h->fd[fd] = -1;
	return true;
}

static bool pin(struct handle *h, const char *what, int index)
{
	int pin = draw(PINS), fd = first_fd(h);

	if (fd < 0 || h->pin[pin])
		return false;
	note("pin %s %d as %d", what, index, pin);
	if (bpf_obj_pin(fd, pin_path(what, index, pin)))
		fail("pin: %m");
	h->pin[pin] = true;
	return true;
}

static bool unpin(struct handle *h, const char *what, int index)
{
	int pin = draw(PINS);

	if (!h->pin[pin])
		return false;
	note("unpin %s %d from %d", what, index, pin);
	if (unlink(pin_path(what, index, pin)))
		fail("unpin: %m");
	h->pin[pin] = false;
	return true;
}

bool op_map_new(void)
{
	int i = draw(MAP_HANDLES);
	struct handle *h = &me->map[i];

	handle_drop(h, true, i);
	map_handle_new(h, draw(2), PRIVATE_SLOTS);
	note("new map %d: id %u", i, sh->map[h->obj].id);
	return true;
}

bool op_map_open(void)
{
	int i = draw(ALL_MAPS), fd;
	struct handle *h = &me->map[i];

	if (!draw(4))
		return open_pin(h, "map", i);
	fd = free_fd(h);
	if (fd < 0 || !h->obj || !map_is_kept(h))
		return false;
	note("open map %d: id %u", i, sh->map[h->obj].id);
	h->fd[fd] = bpf_map_get_fd_by_id(sh->map[h->obj].id);
	if (h->fd[fd] < 0)
		fail("open by id: %m");
	if (lying("uref"))
		h->fd[fd] = -1;
	return true;
}

bool op_map_close(void)
{
	int i = draw(ALL_MAPS);

	return close_one(&me->map[i], "map", i);
}

bool op_map_pin(void)
{
	int i = draw(ALL_MAPS);

	return pin(&me->map[i], "map", i);
}

bool op_map_unpin(void)
{
	int i = draw(ALL_MAPS);

	return unpin(&me->map[i], "map", i);
}

/* The slots of a shared array that are this worker's, any of its own ones */
static int draw_slot(int map)
{
	if (map >= PARENT * MAP_POOL)
		return me->index * OWN_SLOTS + draw(OWN_SLOTS);
	return draw(PRIVATE_SLOTS);
}

bool op_slot_set(void)
{
	int m = pick_map(-1), p, key, fd, err;
	struct handle *h;
	struct map *map;

	if (m < 0)
		return false;
	h = &me->map[m];
	map = &sh->map[h->obj];
	p = pick_prog(map->owned && !draw(16) ? !map->kind : map->kind);
	if (p < 0)
		return false;
	key = draw_slot(h->obj);
	fd = first_fd(&me->prog[p]);
	note("map %d id %u slot %d = prog %d id %u", m, map->id, key, p,
	     sh->prog[me->prog[p].obj].id);
	err = bpf_map_update_elem(first_fd(h), &key, &fd, BPF_ANY);
	if (sh->prog[me->prog[p].obj].kind != map->kind) {
		expect("to fill with the wrong kind", -EINVAL, err);
		return true;
	}
	expect("to fill", 0, err);
	map->owned = true;
	map->slot[key].prog = me->prog[p].obj;
	map->slot[key].maybe = false;
	return true;
}

bool op_slot_delete(void)
{
	int m = pick_map(-1), key, err;
	struct slot *slot;
	struct map *map;

	if (m < 0)
		return false;
	map = &sh->map[me->map[m].obj];
	key = draw_slot(me->map[m].obj);
	slot = &map->slot[key];
	note("map %d id %u slot %d empty", m, map->id, key);
	err = bpf_map_delete_elem(first_fd(&me->map[m]), &key);
	if (!slot->maybe || (err && err != -ENOENT))
		expect("to delete", slot->prog ? 0 : -ENOENT, err);
	slot->prog = 0;
	slot->maybe = false;
	return true;
}

bool op_slot_lookup(void)
{
	int m = pick_map(-1), key, err;
	struct slot *slot;
	struct map *map;
	__u32 id = 0;

	if (m < 0)
		return false;
	map = &sh->map[me->map[m].obj];
	key = draw_slot(me->map[m].obj);
	slot = &map->slot[key];
	note("map %d id %u slot %d?", m, map->id, key);
	err = bpf_map_lookup_elem(first_fd(&me->map[m]), &key, &id);
	if (!slot->maybe || (err && err != -ENOENT))
		expect("to look up", slot->prog ? 0 : -ENOENT, err);
	if (!err)
		expect("the program found", sh->prog[slot->prog].id, id);
	return true;
}

bool op_prog_new(void)
{
	int i = draw(PROG_HANDLES), kind = draw(2), n = 0, m, second;
	struct handle *h = &me->prog[i];
	int maps[2], fds[2], key = 0;

	handle_drop(h, false, i);
	m = draw(4) ? pick_map(kind) : -1;
	if (m >= 0) {
		maps[n] = me->map[m].obj;
		fds[n++] = first_fd(&me->map[m]);
		key = draw(sh->map[maps[0]].slots);
		second = pick_map(kind);
		if (draw(2) && me->map[second].obj != maps[0]) {
			maps[n] = me->map[second].obj;
			fds[n++] = first_fd(&me->map[second]);
		}
	}
	prog_handle_new(h, kind, key, n, maps, fds);
	note("new prog %d: %s %s id %u uses %u %u", i, kind ? "tc" : "xdp",
	     n ? "entry" : "leaf", sh->prog[h->obj].id,
	     n ? sh->map[maps[0]].id : 0, n > 1 ? sh->map[maps[1]].id : 0);
	return true;
}

bool op_prog_open(void)
{
	int i = draw(ALL_PROGS), fd;
	struct handle *h = &me->prog[i];

	if (draw(2))
		return open_pin(h, "prog", i);
	fd = free_fd(h);
	if (fd < 0 || !h->obj || !prog_is_kept(h->obj))
		return false;
	note("open prog %d: id %u", i, sh->prog[h->obj].id);
	h->fd[fd] = bpf_prog_get_fd_by_id(sh->prog[h->obj].id);
	if (h->fd[fd] < 0)
		fail("open by id: %m");
	if (lying("prog"))
		h->fd[fd] = -1;
	return true;
}

/* The first descriptor of a shared program stays, it makes sure that there is
 * one.
 */
bool op_prog_close(void)
{
	int i = draw(PROG_HANDLES);

	return close_one(&me->prog[i], "prog", i);
}

bool op_prog_pin(void)
{
	int i = draw(ALL_PROGS);

	return pin(&me->prog[i], "prog", i);
}

bool op_prog_unpin(void)
{
	int i = draw(ALL_PROGS);

	return unpin(&me->prog[i], "prog", i);
}

/* A private program takes any array, a shared one those that were made with
 * it: the parent has listed these in advance, and several may be first.
 */
bool op_bind(void)
{
	int p = pick_prog(-1), m = pick_map(-1), i;
	struct prog *prog;
	int map;

	if (p < 0 || m < 0)
		return false;
	prog = &sh->prog[me->prog[p].obj];
	map = me->map[m].obj;
	for (i = 0; i < prog->nmaps; i++)
		if (prog->maps[i].map == map)
			break;
	if (i == prog->nmaps && (p >= PROG_HANDLES || i == MAX_USED))
		return false;
	note("bind map %d id %u to prog %d id %u", m, sh->map[map].id, p,
	     prog->id);
	expect("to bind", 0,
	       bpf_prog_bind_map(first_fd(&me->prog[p]),
				 first_fd(&me->map[m]), NULL));
	if (p < PROG_HANDLES && i == prog->nmaps) {
		prog->maps[i].map = map;
		prog->nmaps++;
	}
	__atomic_store_n(&prog->maps[i].on, true, __ATOMIC_SEQ_CST);
	return true;
}

/* Open any map or program by its id, whoever's it is and whether it still is
 * there or on its way out, and close it.
 */
bool op_poke(void)
{
	const struct worker *whose = &sh->worker[draw(sh->procs)];
	bool map = draw(2);
	int i = map ? draw(ALL_MAPS) : draw(ALL_PROGS), fd;
	__u32 id;

	if (map) {
		id = sh->map[whose->map[i].obj].id;
		fd = bpf_map_get_fd_by_id(id);
	} else {
		id = sh->prog[whose->prog[i].obj].id;
		fd = bpf_prog_get_fd_by_id(id);
	}
	note("poke %s id %u of %d", map ? "map" : "prog", id, whose->index);
	if (fd >= 0)
		close(fd);
	return true;
}
