// SPDX-License-Identifier: GPL-2.0-only
/* entry --first[0]--> one --second[1]--> two, with N/M sections */
#include "legacy.h"

LEGACY_ARRAY(first, 1);
LEGACY_ARRAY(second, 2);

SEC("2/1") int two(CTX *ctx)
{
	return HIT;
}

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
