// SPDX-License-Identifier: GPL-2.0-only
/* entry --first[1]--> one --second[2]--> two --third[3]--> three */
#include "arrays.h"

SEC(TARGET) int three(CTX *ctx)
{
	return HIT;
}

PROG_ARRAY(third, [3] = &three);

SEC(TARGET) int two(CTX *ctx)
{
	bpf_tail_call(ctx, &third, 3);
	return MISSED;
}

PROG_ARRAY(second, [2] = &two);

SEC(TARGET) int one(CTX *ctx)
{
	bpf_tail_call(ctx, &second, 2);
	return MISSED;
}

PROG_ARRAY(first, [1] = &one);

SEC(TARGET) int entry(CTX *ctx)
{
	bpf_tail_call(ctx, &first, 1);
	return MISSED;
}

char _license[] SEC("license") = "GPL";
