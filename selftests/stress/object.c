// SPDX-License-Identifier: GPL-2.0-only
/* Maps and programs: how they are made, and what has them open. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stress.h"

#define MOV64_REG(d, s)	\
	((struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0 })
#define MOV64_IMM(d, i)	\
	((struct bpf_insn){ BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i })
#define ADD64_IMM(d, i)	\
	((struct bpf_insn){ BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i })
#define AND64_IMM(d, i)	\
	((struct bpf_insn){ BPF_ALU64 | BPF_AND | BPF_K, d, 0, 0, i })
#define LOAD(size, d, s, o) \
	((struct bpf_insn){ BPF_LDX | BPF_MEM | (size), d, s, o, 0 })
#define STORE(size, d, s, o) \
	((struct bpf_insn){ BPF_STX | BPF_MEM | (size), d, s, o, 0 })
#define ATOMIC_ADD64(d, s) \
	((struct bpf_insn){ BPF_STX | BPF_ATOMIC | BPF_DW, d, s, 0, BPF_ADD })
#define JUMP_IMM(op, d, i, o) \
	((struct bpf_insn){ BPF_JMP | (op) | BPF_K, d, 0, o, i })
#define JUMP_REG(op, d, s, o) \
	((struct bpf_insn){ BPF_JMP | (op) | BPF_X, d, s, o, 0 })
#define CALL(f)		((struct bpf_insn){ BPF_JMP | BPF_CALL, 0, 0, 0, f })
#define EXIT()		((struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 })

struct code {
	struct bpf_insn insn[96];
	int n;
};

static int emit(struct code *c, struct bpf_insn insn)
{
	c->insn[c->n] = insn;
	return c->n++;
}

static void emit_load64(struct code *c, int reg, int pseudo, int fd, int off)
{
	emit(c, (struct bpf_insn){ BPF_LD | BPF_DW | BPF_IMM, reg, pseudo, 0,
				   fd });
	emit(c, (struct bpf_insn){ .imm = off });
}

static void emit_count(struct code *c, int which)
{
	emit_load64(c, BPF_REG_1, BPF_PSEUDO_MAP_VALUE, sh->counts, 8 * which);
	emit(c, MOV64_IMM(BPF_REG_2, 1));
	emit(c, ATOMIC_ADD64(BPF_REG_1, BPF_REG_2));
}

static void emit_return(struct code *c, int value)
{
	emit(c, MOV64_IMM(BPF_REG_0, value));
	emit(c, EXIT());
}

/* The context is in r6, the key in r3. */
static void emit_tail_call(struct code *c, int map_fd)
{
	emit(c, MOV64_REG(BPF_REG_1, BPF_REG_6));
	emit_load64(c, BPF_REG_2, BPF_PSEUDO_MAP_FD, map_fd, 0);
	emit(c, CALL(BPF_FUNC_tail_call));
}

static void land(struct code *c, int jump)
{
	c->insn[jump].off = c->n - jump - 1;
}

/* A probe asks whether the jump of this program works: the first program of a
 * chain jumps, the second one tells which one it is. Traffic goes on behind it.
 */
static void emit_probe(struct code *c, const struct prog *p, int tag,
		       const int *fds)
{
	int traffic[3], second, n = 0, i;

	if (p->kind == XDP) {
		emit(c, LOAD(BPF_W, BPF_REG_2, BPF_REG_6,
			     offsetof(struct xdp_md, data)));
		emit(c, LOAD(BPF_W, BPF_REG_3, BPF_REG_6,
			     offsetof(struct xdp_md, data_end)));
		emit(c, MOV64_REG(BPF_REG_4, BPF_REG_2));
		emit(c, ADD64_IMM(BPF_REG_4, 16));
		traffic[n++] = emit(c, JUMP_REG(BPF_JGT, BPF_REG_4, BPF_REG_3,
						0));
		emit(c, LOAD(BPF_H, BPF_REG_5, BPF_REG_2, 12));
		traffic[n++] = emit(c, JUMP_IMM(BPF_JNE, BPF_REG_5,
						__builtin_bswap16(ETH_P_PROBE),
						0));
		emit(c, LOAD(BPF_B, BPF_REG_5, BPF_REG_2, 14));
		second = emit(c, JUMP_IMM(BPF_JNE, BPF_REG_5, 0, 0));
		emit(c, MOV64_IMM(BPF_REG_5, 1));
		emit(c, STORE(BPF_B, BPF_REG_2, BPF_REG_5, 14));
	} else {
		emit(c, LOAD(BPF_W, BPF_REG_5, BPF_REG_6,
			     offsetof(struct __sk_buff, mark)));
		second = emit(c, JUMP_IMM(BPF_JEQ, BPF_REG_5, MARK_PROBE + 1,
					  0));
		traffic[n++] = emit(c, JUMP_IMM(BPF_JNE, BPF_REG_5, MARK_PROBE,
						0));
		emit(c, MOV64_IMM(BPF_REG_5, MARK_PROBE + 1));
		emit(c, STORE(BPF_W, BPF_REG_6, BPF_REG_5,
			      offsetof(struct __sk_buff, mark)));
	}
	if (p->entry) {
		emit(c, MOV64_IMM(BPF_REG_3, p->key));
		emit_tail_call(c, fds[0]);
		emit_return(c, TAG_MISSED);
	}
	land(c, second);
	emit_return(c, tag);
	for (i = 0; i < n; i++)
		land(c, traffic[i]);
}

static int load(const struct prog *p, int tag, const int *fds)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	/* a filter's verdict: let the next one see the packet, too */
	int pass = p->kind == XDP ? XDP_PASS : TC_ACT_UNSPEC;
	struct code c = {};
	int fd;

	emit(&c, MOV64_REG(BPF_REG_6, BPF_REG_1));
	emit_probe(&c, p, tag, fds);
	emit_count(&c, p->entry ? ENTERED : HIT);
	if (p->entry) {
		/* once to a place that the JIT knows, which becomes a direct
		 * jump, and once to another one
		 */
		emit(&c, MOV64_IMM(BPF_REG_3, p->key));
		emit_tail_call(&c, fds[0]);
		emit(&c, CALL(BPF_FUNC_get_prandom_u32));
		emit(&c, AND64_IMM(BPF_REG_0, PRIVATE_SLOTS - 1));
		emit(&c, MOV64_REG(BPF_REG_3, BPF_REG_0));
		emit_tail_call(&c, fds[p->nmaps - 1]);
		emit_count(&c, MISSED);
	}
	emit_return(&c, pass);

	if (p->kind == XDP)
		opts.expected_attach_type = BPF_XDP;
	fd = bpf_prog_load(p->kind == XDP ? BPF_PROG_TYPE_XDP :
					    BPF_PROG_TYPE_SCHED_CLS,
			   p->entry ? "entry" : "leaf", "GPL", c.insn, c.n,
			   &opts);
	if (fd < 0)
		fail("program: %m");
	return fd;
}

static int new_map(void)
{
	int i, first = me->index * MAP_POOL;

	for (i = first ? first : 1; i < first + MAP_POOL; i++) {
		if (!sh->map[i].used) {
			memset(&sh->map[i], 0, sizeof(sh->map[i]));
			sh->map[i].used = true;
			return i;
		}
	}
	fail("the pool of maps is too small");
}

static int new_prog(void)
{
	int i, first = me->index * PROG_POOL;

	for (i = first ? first : 1; i < first + PROG_POOL; i++) {
		if (!sh->prog[i].used) {
			memset(&sh->prog[i], 0, sizeof(sh->prog[i]));
			sh->prog[i].used = true;
			return i;
		}
	}
	fail("the pool of programs is too small");
}

const char *pin_path(const char *what, int index, int pin)
{
	static char path[64];

	snprintf(path, sizeof(path), "/sys/fs/bpf/stress/%d%s%d_%d", me->index,
		 what, index, pin);
	return path;
}

int first_fd(const struct handle *h)
{
	int i;

	for (i = 0; i < FDS; i++)
		if (h->fd[i] >= 0)
			return h->fd[i];
	return -1;
}

/* Closes and unpins all: what becomes of the object is up to others. */
void handle_drop(struct handle *h, bool is_map, int index)
{
	int i;

	for (i = 0; i < FDS; i++) {
		if (h->fd[i] >= 0)
			close(h->fd[i]);
		h->fd[i] = -1;
	}
	for (i = 0; i < PINS; i++) {
		if (h->pin[i] &&
		    unlink(pin_path(is_map ? "map" : "prog", index, i)))
			fail("unpin: %m");
		h->pin[i] = false;
	}
	h->obj = 0;
}

void map_handle_new(struct handle *h, enum kind kind, int slots)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int map = new_map(), fd;

	fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "jmp", 4, 4, slots, NULL);
	if (fd < 0 || bpf_map_get_info_by_fd(fd, &info, &len))
		fail("prog array: %m");
	sh->map[map].kind = kind;
	sh->map[map].id = info.id;
	sh->map[map].slots = slots;
	if (me->index != PARENT)
		sh->map[map].floor[me->index] = 1;
	h->obj = map;
	h->fd[0] = fd;
}

void prog_handle_new(struct handle *h, enum kind kind, int key, int nmaps,
		     const int *maps, const int *fds)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int prog = new_prog(), i;
	struct prog *p = &sh->prog[prog];

	p->kind = kind;
	p->entry = nmaps;
	p->key = key;
	p->nmaps = nmaps;
	for (i = 0; i < nmaps; i++) {
		p->maps[i].map = maps[i];
		p->maps[i].on = true;
	}
	h->fd[0] = load(p, TAG_PROG + prog, fds);
	if (bpf_prog_get_info_by_fd(h->fd[0], &info, &len))
		fail("program: %m");
	p->id = info.id;
	h->obj = prog;
	for (i = 0; i < nmaps; i++)
		sh->map[maps[i]].owned = true;
}

/* The parent has made new shared objects: leave the old ones to whatever they
 * are attached to, and open the new programs. Their arrays are not opened,
 * that is up to the operations.
 */
void handles_renew(void)
{
	struct handle *h;
	int i;

	if (me->generation == sh->generation)
		return;
	me->generation = sh->generation;
	for (i = 0; i < SHARED_MAPS; i++) {
		h = &me->map[MAP_HANDLES + i];
		handle_drop(h, true, MAP_HANDLES + i);
		h->obj = sh->current_map[i];
	}
	for (i = 0; i < SHARED_PROGS; i++) {
		h = &me->prog[PROG_HANDLES + i];
		handle_drop(h, false, PROG_HANDLES + i);
		h->obj = sh->current_prog[i];
		h->fd[0] = bpf_prog_get_fd_by_id(sh->prog[h->obj].id);
		if (h->fd[0] < 0)
			fail("shared program: %m");
	}
}

static int pick(const struct handle *handles, int n, int kind, bool maps)
{
	int i = draw(n), tries, k;

	for (tries = 0; tries < n; tries++, i = (i + 1) % n) {
		if (first_fd(&handles[i]) < 0)
			continue;
		k = maps ? sh->map[handles[i].obj].kind :
			   sh->prog[handles[i].obj].kind;
		if (kind < 0 || k == kind)
			return i;
	}
	return -1;
}

/* A handle that is open, of an object of this kind or, with -1, of any */
int pick_map(int kind)
{
	return pick(me->map, ALL_MAPS, kind, true);
}

int pick_prog(int kind)
{
	return pick(me->prog, ALL_PROGS, kind, false);
}
