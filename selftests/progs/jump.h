/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The prog arrays that most test objects have, and their programs:
 *
 *   entry --jmp[0]--> target --jmp_deep[0]--> deep
 *
 * The entry program uses jmp only; jmp_deep belongs to a program that is
 * itself only reached by a tail call. Each step is counted, and so is each
 * tail call that fell through.
 */
#ifndef JUMP_H
#define JUMP_H

#include "count.h"

/* Whether loaders share the arrays */
#ifndef JUMP_PINNING
#define JUMP_PINNING	LIBBPF_PIN_NONE
#endif

/* What the entry program does before it jumps */
#ifndef BEFORE_JUMP
#define BEFORE_JUMP()
#endif

int target(CTX *ctx);
int deep(CTX *ctx);

struct jump_array {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(__u32));
	__uint(pinning, JUMP_PINNING);
	__array(values, int (CTX *));
};

struct jump_array jmp SEC(".maps") = { .values = { [0] = &target } };
struct jump_array jmp_deep SEC(".maps") = { .values = { [0] = &deep } };

SEC(ENTRY) int entry(CTX *ctx)
{
	if (!is_test_frame(ctx))
		return PASS;
	count(ENTERED);
	BEFORE_JUMP();
	bpf_tail_call(ctx, &jmp, 0);
	count(MISSED);
	return PASS;
}

SEC(TARGET) int target(CTX *ctx)
{
	count(HIT);
	bpf_tail_call(ctx, &jmp_deep, 0);
	count(DEEP_MISSED);
	return PASS;
}

SEC(TARGET) int deep(CTX *ctx)
{
	count(DEEP_HIT);
	return PASS;
}

char _license[] SEC("license") = "GPL";

#endif
