// SPDX-License-Identifier: GPL-2.0-only
/* An object that the base tools load, too: several entry programs, one of which
 * does not verify, and an array that another process has to fill.
 */
#include "arrays.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} later SEC(".maps");

SEC(ENTRY) int entry(CTX *ctx)
{
	bpf_tail_call(ctx, &later, 0);
	return HIT;
}

SEC(TARGET) int another(CTX *ctx)
{
	return HIT;
}

/* reads a packet that may be shorter */
SEC(TARGET) int unverifiable(CTX *ctx)
{
	return *(int *)(long)ctx->data;
}

char _license[] SEC("license") = "GPL";
