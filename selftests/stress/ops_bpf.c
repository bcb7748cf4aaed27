// SPDX-License-Identifier: GPL-2.0-only
/* Operations on maps and programs, and on the file descriptors and pins of
 * these and of links
 */
#include <bpf/bpf.h>
#include <unistd.h>

#include "stress.h"

struct handle *draw_handle(enum what what)
{
	return handle(what, draw(handles_of(what)));
}

static bool op_new_map(int what)
{
	struct handle *h = handle(what, draw(MAP_HANDLES));

	handle_drop(h);
	map_new(h, draw(2), PRIVATE_SLOTS);
	note("new %s", name(h));
	return true;
}

/* Opens it by its id, if this worker has a reference that keeps it, or by a pin. */
static bool op_open(int what)
{
	static const char *const lies[] = { "uref", "prog", "" };
	struct handle *h = draw_handle(what);
	int fd = draw(FDS), pin = draw(PINS);
	bool by_id = draw(2);

	if (h->fd[fd] >= 0 || !h->obj ||
	    !(by_id ? model_keeps(h->obj) : h->pin[pin]))
		return false;
	note("open %s%s", name(h), by_id ? "" : " from its pin");
	h->fd[fd] = by_id ? open_by_id(what, obj_of(h)->id) :
			    bpf_obj_get(pin_path(h, pin));
	if (h->fd[fd] < 0)
		fail("open: %m");
	if (by_id && lying(lies[what]))
		h->fd[fd] = -1;
	return true;
}

/* A link is released with its last file descriptor or pin. After a pin, a kernel
 * worker does that.
 */
static void link_left(struct handle *h, bool late)
{
	if (handle_refs(h))
		return;
	link_off(obj_of(h), late);
	h->obj = 0;
}

/* Shared programs stay open: there must be one that can be picked. */
static bool op_close(int what)
{
	struct handle *h = what == PROG ? handle(PROG, draw(PROG_HANDLES)) :
					  draw_handle(what);
	int fd = draw(FDS);

	if (h->fd[fd] < 0)
		return false;
	note("close %s", name(h));
	if (close(h->fd[fd]))
		fail("close: %m");
	h->fd[fd] = -1;
	if (what == LINK)
		link_left(h, false);
	return true;
}

/* Removes a pin that exists already. */
static bool op_pin(int what)
{
	struct handle *h = draw_handle(what);
	int pin = draw(PINS), fd = first_fd(h);

	if (!h->pin[pin] && fd < 0)
		return false;
	note("%s %s at %d", h->pin[pin] ? "unpin" : "pin", name(h), pin);
	if (h->pin[pin] ? unlink(pin_path(h, pin)) :
			  bpf_obj_pin(fd, pin_path(h, pin)))
		fail("pin: %m");
	h->pin[pin] = !h->pin[pin];
	if (what == LINK)
		link_left(h, true);
	return true;
}

/* Any slot of a private array, or one that this worker has in a shared one */
static int draw_slot(const struct handle *h)
{
	if (is_shared(h->obj))
		return me->index * OWN_SLOTS + draw(OWN_SLOTS);
	return draw(PRIVATE_SLOTS);
}

static bool op_slot_set(int what)
{
	struct handle *h = pick(what, -1), *p;
	struct obj *map;
	int kind, key, fd, err;

	if (!h)
		return false;
	map = obj_of(h);
	kind = map->kind;
	if (map->owned && one_in(16))
		kind = sh->jit && draw(2) ? EXT : !kind;
	p = pick(PROG, kind);
	if (!p)
		return false;
	key = draw_slot(h);
	fd = first_fd(p);
	note("%s slot %d = %s", name(h), key, name(p));
	err = bpf_map_update_elem(first_fd(h), &key, &fd, BPF_ANY);
	if (obj_of(p)->kind != map->kind) {
		expect("to fill with the wrong kind", -EINVAL, err);
		return true;
	}
	expect("to fill", 0, err);
	map->owned = true;
	/* the base kernel may still clear it, if it has queued a clear */
	map->slot[key] = (struct slot){
		.prog = p->obj,
		.maybe = !sh->patched && !map->floor[me->index],
	};
	return true;
}

/* Looks a slot up, or deletes it. If the array may have been cleared, the slot
 * may be empty.
 */
static bool op_slot_get(int what)
{
	struct handle *h = pick(what, -1);
	bool delete = draw(5) < 2;
	struct slot *slot;
	int key, err;
	__u32 id = 0;

	if (!h)
		return false;
	key = draw_slot(h);
	slot = &obj_of(h)->slot[key];
	note("%s slot %d%s", name(h), key, delete ? " empty" : "?");
	err = delete ? bpf_map_delete_elem(first_fd(h), &key) :
		       bpf_map_lookup_elem(first_fd(h), &key, &id);
	if (!slot->maybe || (err && err != -ENOENT))
		expect("to read a slot", slot->prog ? 0 : -ENOENT, err);
	if (delete)
		*slot = (struct slot){};
	else if (!err)
		expect("the program found", sh->obj[slot->prog].id, id);
	return true;
}

static enum kind draw_prog_kind(void)
{
	return sh->jit ? PICK(XDP, XDP, TC, TC, EXT, EXT, TARGET) : draw(2);
}

static bool op_new_prog(int what)
{
	struct handle *h = handle(what, draw(PROG_HANDLES)), *maps[2], *target;
	int kind = draw_prog_kind(), n = 0, key = 0;

	handle_drop(h);
	target = kind == EXT ? pick(PROG, TARGET) : NULL;
	if (kind == EXT && !target)
		kind = TARGET;
	maps[0] = draw(4) && kind != TARGET ? pick(MAP, kind == TC) : NULL;
	if (maps[0]) {
		n++;
		key = draw(obj_of(maps[0])->n);
		maps[1] = pick(MAP, kind == TC);
		if (draw(2) && maps[1]->obj != maps[0]->obj)
			n++;
	}
	prog_new(h, kind, key, n, maps, target ? target->obj : 0);
	note("new %s: %s %s uses %s %s", name(h), kind_name[kind],
	     n ? "entry" : "leaf", n ? name(maps[0]) : "nothing",
	     n > 1 ? name(maps[1]) : "");
	return true;
}

/* Any array is bound to a private program. For shared programs, the parent has
 * listed the arrays that workers may bind, possibly several at the same time.
 */
static bool op_bind(int what)
{
	struct handle *p = pick(what, -1), *m = pick(MAP, -1);
	struct obj *prog;
	int i;

	if (!p || !m)
		return false;
	prog = obj_of(p);
	for (i = 0; i < prog->n; i++)
		if (prog->maps[i].map == m->obj)
			break;
	if (i == prog->n && (is_shared(p->obj) || i == MAX_USED))
		return false;
	note("bind %s to %s", name(m), name(p));
	expect("to bind", 0,
	       bpf_prog_bind_map(first_fd(p), first_fd(m), NULL));
	if (i == prog->n) {
		prog->maps[i].map = m->obj;
		prog->n++;
	}
	__atomic_store_n(&prog->maps[i].on, true, __ATOMIC_SEQ_CST);
	return true;
}

/* Opens and closes a map or program of any worker by its id, which may be about
 * to be freed.
 */
static bool op_poke(int what)
{
	const struct worker *whose = &sh->worker[draw(sh->procs)];
	const struct handle *h;
	int fd;

	what = draw(2) ? MAP : PROG;
	h = &whose->handle[draw_handle(what) - me->handle];
	fd = open_by_id(what, obj_of(h)->id);
	note("poke %s of %d", name(h), whose->index);
	if (fd >= 0)
		close(fd);
	return true;
}

const struct op bpf_ops[] = {
	{ op_new_map, 3, MAP },
	{ op_open, 10, MAP },
	{ op_close, 10, MAP },
	{ op_pin, 7, MAP },
	{ op_slot_set, 14, MAP },
	{ op_slot_get, 10, MAP },
	{ op_new_prog, 5, PROG },
	{ op_open, 5, PROG },
	{ op_close, 4, PROG },
	{ op_pin, 5, PROG },
	{ op_bind, 5, PROG },
	{ op_poke, 6, PROG },
	{ op_open, 2, LINK },
	{ op_close, 3, LINK },
	{ op_pin, 4, LINK },
	{}
};
