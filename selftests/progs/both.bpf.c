// SPDX-License-Identifier: GPL-2.0-only
/* An N/M section and .values in one object, which no loader understands */
#include "legacy.h"

LEGACY_ARRAY(first, 1);

SEC(TARGET) int two(CTX *ctx)
{
	return HIT;
}

PROG_ARRAY(second, [1] = &two);

SEC("1/0") int one(CTX *ctx)
{
	bpf_tail_call(ctx, &second, 1);
	return MISSED;
}

SEC(ENTRY) int entry(CTX *ctx)
{
	bpf_tail_call(ctx, &first, 0);
	return MISSED;
}

char _license[] SEC("license") = "GPL";
