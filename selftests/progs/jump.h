/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The jump table that all test objects have:
 *
 *   entry --jmp[0]--> target --jmp_deep[0]--> deep
 *
 * The entry program uses jmp only; jmp_deep belongs to a program that is
 * itself only reached by a tail call. Each step is counted, and so is each
 * tail call that fell through. Frames that no test sent are not counted.
 */
#ifndef JUMP_H
#define JUMP_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../common/frame.h"
#include "counters.h"

/* For objects that come for XDP and, as NAME.tc.bpf.o with -DTC, for tc */
#ifdef TC
#include <linux/pkt_cls.h>
#define CTX	struct __sk_buff
#define ENTRY	"classifier"
#define TARGET	"tc"
#define PASS	TC_ACT_OK
#else
#define CTX	struct xdp_md
#define ENTRY	"prog"
#define TARGET	"xdp"
#define PASS	XDP_PASS
#endif

#define ETH_ALEN	6

/* Whether loaders share the counters, or find the arrays of another one */
#ifndef COUNTS_PINNING
#define COUNTS_PINNING	LIBBPF_PIN_NONE
#endif
#ifndef JUMP_PINNING
#define JUMP_PINNING	LIBBPF_PIN_NONE
#endif

/* What the entry program does before it jumps */
#ifndef BEFORE_JUMP
#define BEFORE_JUMP()
#endif

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, COUNTS_PINNING);
} counts SEC(".maps");

static __always_inline void count(enum counter which)
{
	__u32 key = which;
	__u64 *value = bpf_map_lookup_elem(&counts, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

static __always_inline int is_test_frame(long data, long data_end)
{
	__be16 *proto = (void *)data + 2 * ETH_ALEN;

	return (void *)(proto + 1) <= (void *)data_end &&
	       *proto == bpf_htons(ETH_P_TEST);
}

/* A program ends with the verdict "pass". */
#define JUMP_TABLE(ctx_type, entry_section, target_section, pass)	\
	int target(ctx_type *ctx);					\
	int deep(ctx_type *ctx);					\
									\
	struct {							\
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);			\
		__uint(max_entries, 2);					\
		__uint(key_size, sizeof(__u32));			\
		__uint(pinning, JUMP_PINNING);				\
		__array(values, int (ctx_type *));			\
	} jmp SEC(".maps") = { .values = { [0] = &target } };		\
									\
	struct {							\
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);			\
		__uint(max_entries, 2);					\
		__uint(key_size, sizeof(__u32));			\
		__uint(pinning, JUMP_PINNING);				\
		__array(values, int (ctx_type *));			\
	} jmp_deep SEC(".maps") = { .values = { [0] = &deep } };	\
									\
	SEC(entry_section) int entry(ctx_type *ctx)			\
	{								\
		if (!is_test_frame(ctx->data, ctx->data_end))		\
			return pass;					\
		count(ENTERED);						\
		BEFORE_JUMP();						\
		bpf_tail_call(ctx, &jmp, 0);				\
		count(MISSED);						\
		return pass;						\
	}								\
									\
	SEC(target_section) int target(ctx_type *ctx)			\
	{								\
		count(HIT);						\
		bpf_tail_call(ctx, &jmp_deep, 0);			\
		count(DEEP_MISSED);					\
		return pass;						\
	}								\
									\
	SEC(target_section) int deep(ctx_type *ctx)			\
	{								\
		count(DEEP_HIT);					\
		return pass;						\
	}								\
									\
	char _license[] SEC("license") = "GPL"

#endif
