// SPDX-License-Identifier: GPL-2.0-only
/* Several entry programs, with arrays of their own and one that they share, a
 * program that does not verify, and one for another hook
 */
#include "arrays.h"

SEC(TARGET) int leaf(CTX *ctx)
{
	return HIT;
}

/* reads a packet that may be shorter */
SEC(TARGET) int unverifiable(CTX *ctx)
{
	return *(int *)(long)ctx->data;
}

SEC("cgroup/dev") int other_hook(struct bpf_cgroup_dev_ctx *ctx)
{
	return 1;
}

PROG_ARRAY(own, [0] = &leaf);
PROG_ARRAY(shared, [2] = &leaf);
PROG_ARRAY(broken, [0] = &unverifiable);

/* The compiler must not know the return value: a tail call that hits returns
 * another one.
 */
static __noinline int through_subprogram(CTX *ctx, int slot)
{
	int answer = MISSED;

	bpf_tail_call(ctx, &own, slot);
	asm volatile("" : "+r"(answer));
	return answer;
}

SEC(TARGET) int uses_own(CTX *ctx)
{
	return through_subprogram(ctx, 0);
}

SEC(TARGET) int uses_shared(CTX *ctx)
{
	bpf_tail_call(ctx, &shared, 2);
	return MISSED;
}

SEC(TARGET) int uses_broken(CTX *ctx)
{
	bpf_tail_call(ctx, &broken, 0);
	return MISSED;
}

SEC(ENTRY) int uses_none(CTX *ctx)
{
	return HIT;
}

char _license[] SEC("license") = "GPL";
