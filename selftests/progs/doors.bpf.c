// SPDX-License-Identifier: GPL-2.0-only
/* A pinned array that the program to attach does not use: other programs find it
 * by its pin and jump to the programs that this object stores in it.
 */
#include "arrays.h"

SEC(TARGET) int me(CTX *ctx)
{
	return HIT;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 8);
	__uint(key_size, sizeof(__u32));
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, int (CTX *));
} doors SEC(".maps") = { .values = { [5] = &me } };

SEC(TARGET) int front(CTX *ctx)
{
	return HIT;
}

char _license[] SEC("license") = "GPL";
