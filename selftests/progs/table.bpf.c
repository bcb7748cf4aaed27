// SPDX-License-Identifier: GPL-2.0-only
/* The shape of https://github.com/xdp-project/xdp-tools/issues/377: a jump
 * table with two verdicts, all programs in the section "xdp", and the entry
 * program the last of them.
 */
#include "arrays.h"

SEC(TARGET) int verdict_hit(CTX *ctx)
{
	return HIT;
}

SEC(TARGET) int verdict_missed(CTX *ctx)
{
	return MISSED;
}

PROG_ARRAY(jmp_table, [0] = &verdict_hit, [1] = &verdict_missed);

SEC(TARGET) int jump(CTX *ctx)
{
	bpf_tail_call(ctx, &jmp_table, 0);
	return MISSED;
}

char _license[] SEC("license") = "GPL";
