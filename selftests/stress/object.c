// SPDX-License-Identifier: GPL-2.0-only
/* Maps and programs, and the file descriptors and pins that keep them */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <unistd.h>

#include "../common/code.h"
#include "stress.h"

static void emit_count(struct code *c, int which)
{
	emit_load64(c, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, sh->counts, 8 * which);
	emit(c, MOV64_IMM(BPF_REG_2, 1));
	emit(c, ATOMIC_ADD64(BPF_REG_1, BPF_REG_2));
}

static void land(struct code *c, int jump)
{
	c->insn[jump].off = c->n - jump - 1;
}

/* The answer to a probe: the first program of a chain makes its tail call, the
 * second one returns its tag. Other packets continue after this code.
 */
static void emit_probe(struct code *c, const struct obj *p, int tag,
		       const int *fds)
{
	bool xdp = p->kind != TC;
	int traffic[2], second;

	emit(c, LOAD(BPF_W, BPF_REG_2, BPF_REG_6,
		     xdp ? offsetof(struct xdp_md, data) :
			   offsetof(struct __sk_buff, data)));
	emit(c, LOAD(BPF_W, BPF_REG_3, BPF_REG_6,
		     xdp ? offsetof(struct xdp_md, data_end) :
			   offsetof(struct __sk_buff, data_end)));
	emit(c, MOV64_REG(BPF_REG_4, BPF_REG_2));
	emit(c, ADD64_IMM(BPF_REG_4, 16));
	traffic[0] = emit(c, JUMP_REG(BPF_JGT, BPF_REG_4, BPF_REG_3, 0));
	emit(c, LOAD(BPF_H, BPF_REG_5, BPF_REG_2, 12));
	traffic[1] = emit(c, JUMP_IMM(BPF_JNE, BPF_REG_5, htons(ETH_P_PROBE),
				      0));
	emit(c, LOAD(BPF_B, BPF_REG_5, BPF_REG_2, 14));
	second = emit(c, JUMP_IMM(BPF_JNE, BPF_REG_5, 0, 0));
	emit(c, MOV64_IMM(BPF_REG_5, 1));
	emit(c, STORE(BPF_B, BPF_REG_2, BPF_REG_5, 14));
	if (p->entry) {
		emit(c, MOV64_IMM(BPF_REG_3, p->key));
		emit_tail_call(c, fds[0]);
		emit_return(c, TAG_MISSED);
	}
	land(c, second);
	emit_return(c, tag);
	land(c, traffic[0]);
	land(c, traffic[1]);
}

/* A program of kind TARGET starts with a call of the function that can be
 * replaced, which must be one that may change the packet.
 */
static void emit_target(struct code *c)
{
	emit(c, CALL_LOCAL(1));
	emit(c, EXIT());
	emit(c, MOV64_REG(BPF_REG_6, BPF_REG_1));
	emit(c, MOV64_IMM(BPF_REG_2, 0));
	emit(c, CALL(BPF_FUNC_xdp_adjust_head));
}

static int load(struct obj *p, int tag, const int *fds)
{
	static const enum bpf_prog_type types[] = {
		[XDP] = BPF_PROG_TYPE_XDP, [TC] = BPF_PROG_TYPE_SCHED_CLS,
		[EXT] = BPF_PROG_TYPE_EXT, [TARGET] = BPF_PROG_TYPE_XDP,
	};
	/* for filters: the next one sees the packet, too */
	int pass = p->kind == TC ? TC_ACT_UNSPEC : XDP_PASS;
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	struct code c = {};

	if (p->kind == TARGET)
		emit_target(&c);
	else
		emit(&c, MOV64_REG(BPF_REG_6, BPF_REG_1));
	emit_probe(&c, p, tag, fds);
	emit_count(&c, p->entry ? ENTERED : HIT);
	if (p->entry) {
		/* once through a constant slot, for which a JIT emits a direct
		 * jump, and once through a variable one
		 */
		emit(&c, MOV64_IMM(BPF_REG_3, p->key));
		emit_tail_call(&c, fds[0]);
		emit(&c, CALL(BPF_FUNC_get_prandom_u32));
		emit(&c, AND64_IMM(BPF_REG_0, PRIVATE_SLOTS - 1));
		emit(&c, MOV64_REG(BPF_REG_3, BPF_REG_0));
		emit_tail_call(&c, fds[p->n - 1]);
		emit_count(&c, MISSED);
	}
	emit_return(&c, pass);
	/* XDP programs have no expected attach type here, because those of
	 * freplace have none, and only programs that agree can share an array
	 */
	freplace_opts(p, &opts);
	return load_code_opts(types[p->kind], p->entry ? "entry" : "leaf",
			      c.insn, c.n, &opts, &p->id);
}

const char *const what_name[] = { "map", "prog", "link" };
const char *const kind_name[] = { "xdp", "tc", "freplace", "target" };
/* In each pool and for each worker: maps, then programs, then links */
static const int first_obj[] = { 0, MAP_POOL, MAP_POOL + PROG_POOL, POOL };
static const int first_handle[] = { 0, ALL_MAPS, ALL_MAPS + ALL_PROGS, HANDLES };

int new_obj(enum what what)
{
	int i, pool = me->index * POOL;

	for (i = pool + first_obj[what]; i < pool + first_obj[what + 1]; i++) {
		/* 0 is none */
		if (i && !sh->obj[i].used) {
			sh->obj[i] = (struct obj){ .used = true, .what = what };
			return i;
		}
	}
	fail("the pool of %ss is too small", what_name[what]);
}

int handles_of(enum what what)
{
	return first_handle[what + 1] - first_handle[what];
}

struct handle *handle(enum what what, int index)
{
	return &me->handle[first_handle[what] + index];
}

const char *pin_path(const struct handle *h, int pin)
{
	static char path[64];

	snprintf(path, sizeof(path), "/sys/fs/bpf/%d%s%d_%d", me->index,
		 what_name[h->what], h->index, pin);
	return path;
}

/* For notes: valid until the fourth call after this one */
const char *name(const struct handle *h)
{
	static char names[4][32];
	static int n;
	char *to = names[n++ % 4];

	snprintf(to, sizeof(names[0]), "%s %d id %u", what_name[h->what],
		 h->index, obj_of(h)->id);
	return to;
}

int first_fd(const struct handle *h)
{
	int i;

	for (i = 0; i < FDS; i++)
		if (h->fd[i] >= 0)
			return h->fd[i];
	return -1;
}

int open_by_id(enum what what, __u32 id)
{
	if (what == MAP)
		return bpf_map_get_fd_by_id(id);
	return what == PROG ? bpf_prog_get_fd_by_id(id) :
			      bpf_link_get_fd_by_id(id);
}

/* Closes all file descriptors and removes all pins of the handle. */
void handle_drop(struct handle *h)
{
	int i;

	for (i = 0; i < FDS; i++) {
		if (h->fd[i] >= 0)
			close(h->fd[i]);
		h->fd[i] = -1;
	}
	for (i = 0; i < PINS; i++) {
		if (h->pin[i] && unlink(pin_path(h, i)))
			fail("unpin: %m");
		h->pin[i] = false;
	}
	h->obj = 0;
}

void map_new(struct handle *h, enum kind kind, int slots)
{
	struct obj *map;

	h->obj = new_obj(MAP);
	map = obj_of(h);
	map->kind = kind;
	map->n = slots;
	h->fd[0] = make_prog_array("jmp", slots, &map->id);
	if (me->index != PARENT)
		map->floor[me->index] = 1;
}

/* TARGET is for kind EXT alone. */
void prog_new(struct handle *h, enum kind kind, int key, int n,
	      struct handle *const *maps, int target)
{
	struct obj *prog;
	int i, fds[2];

	h->obj = new_obj(PROG);
	prog = obj_of(h);
	prog->kind = kind;
	prog->entry = n;
	prog->key = key;
	prog->target = target;
	prog->n = n;
	for (i = 0; i < n; i++) {
		prog->maps[i].map = maps[i]->obj;
		prog->maps[i].on = true;
		obj_of(maps[i])->owned = true;
		fds[i] = first_fd(maps[i]);
	}
	h->fd[0] = load(prog, TAG_PROG + h->obj, fds);
}

/* When the parent has made new shared objects: drop the old ones, and open the
 * new programs. Opening their arrays is left to the operations.
 */
void handles_renew(void)
{
	struct handle *h;
	int i;

	if (me->generation == sh->generation)
		return;
	me->generation = sh->generation;
	for (i = 0; i < SHARED_MAPS + SHARED_PROGS; i++) {
		h = i < SHARED_MAPS ? handle(MAP, MAP_HANDLES + i) :
			handle(PROG, PROG_HANDLES + i - SHARED_MAPS);
		handle_drop(h);
		h->obj = sh->current[i];
		if (h->what == MAP)
			continue;
		h->fd[0] = open_by_id(PROG, obj_of(h)->id);
		if (h->fd[0] < 0)
			fail("shared program: %m");
	}
}

/* A handle that is open, of an object of this kind or, with -1, of any */
struct handle *pick(enum what what, int kind)
{
	int n = handles_of(what), i = draw(n), tries;
	struct handle *h;

	for (tries = 0; tries < n; tries++, i = (i + 1) % n) {
		h = handle(what, i);
		if (first_fd(h) >= 0 && (kind < 0 || kind == (int)obj_of(h)->kind))
			return h;
	}
	return NULL;
}
