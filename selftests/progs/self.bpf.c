// SPDX-License-Identifier: GPL-2.0-only
/* A program stored in the prog array that it jumps through: a reference cycle
 * that only clearing the array breaks.
 */
#include "count.h"
#include "hook.h"

int entry(CTX *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int (CTX *));
} jmp SEC(".maps") = { .values = { [0] = &entry } };

/* The first round marks the first byte after the Ethernet header, so that the
 * next one knows that it was reached by a jump.
 */
SEC(ENTRY)
int entry(CTX *ctx)
{
	unsigned char *mark = (void *)(long)ctx->data + 2 * ETH_ALEN + 2;

	if ((void *)(mark + 1) > (void *)(long)ctx->data_end ||
	    !is_test_frame(ctx))
		return PASS;
	if (*mark) {
		count(HIT);
		return PASS;
	}
	*mark = 1;
	count(ENTERED);
	bpf_tail_call(ctx, &jmp, 0);
	count(MISSED);
	return PASS;
}

char _license[] SEC("license") = "GPL";
