// SPDX-License-Identifier: GPL-2.0-only
/* The verifier rejects the entry program: code after its exit is unreachable. */
#include "legacy.h"

LEGACY_ARRAY(first, 1);

SEC("1/0") int one(CTX *ctx)
{
	return HIT;
}

SEC(ENTRY) int entry(CTX *ctx)
{
	bpf_tail_call(ctx, &first, 0);
	asm volatile("exit" ::: "memory");
	return MISSED;
}

char _license[] SEC("license") = "GPL";
