// SPDX-License-Identifier: GPL-2.0-only
/* A pinned array that the program to attach does not use, and another program,
 * which does not verify: the program to attach can be loaded alone.
 */
#include "arrays.h"

SEC(TARGET) int me(CTX *ctx)
{
	return HIT;
}

/* reads a packet that may be shorter */
SEC(TARGET) int unverifiable(CTX *ctx)
{
	return *(int *)(long)ctx->data;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, int (CTX *));
} jmp SEC(".maps") = { .values = { [0] = &me } };

SEC(TARGET) int front(CTX *ctx)
{
	return HIT;
}

char _license[] SEC("license") = "GPL";
