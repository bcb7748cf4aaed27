/* SPDX-License-Identifier: GPL-2.0-only */
/* BPF instructions, for programs that are generated at run time */
#ifndef CODE_H
#define CODE_H

#include <linux/bpf.h>

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
#define CALL_LOCAL(i) \
	((struct bpf_insn){ BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, i })
#define EXIT()		((struct bpf_insn){ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 })

struct code {
	struct bpf_insn insn[256];
	int n;
};

/* Appends an instruction and returns its index. */
static inline int emit(struct code *c, struct bpf_insn insn)
{
	c->insn[c->n] = insn;
	return c->n++;
}

/* PSEUDO is BPF_PSEUDO_MAP_FD, or BPF_PSEUDO_MAP_VALUE with an offset. */
static inline void emit_load64(struct code *c, int reg, int pseudo, int fd,
			       int offset)
{
	struct bpf_insn load = { BPF_LD | BPF_DW | BPF_IMM, reg, pseudo, 0, fd };
	struct bpf_insn upper = { .imm = offset };

	emit(c, load);
	emit(c, upper);
}

/* The context is in r6, the slot in r3. */
static inline void emit_tail_call(struct code *c, int map)
{
	emit(c, MOV64_REG(BPF_REG_1, BPF_REG_6));
	emit_load64(c, BPF_REG_2, BPF_PSEUDO_MAP_FD, map, 0);
	emit(c, CALL(BPF_FUNC_tail_call));
}

static inline void emit_return(struct code *c, int value)
{
	emit(c, MOV64_IMM(BPF_REG_0, value));
	emit(c, EXIT());
}

#endif
