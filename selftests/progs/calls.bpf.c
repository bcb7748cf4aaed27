// SPDX-License-Identifier: GPL-2.0-only
/* An object that the base tools load, too: an entry program that calls two
 * subprograms in another section. The compiler stores in the call how far the
 * second is from the beginning of that section. Added to the position of the call
 * in its own section, that leads into a program which does not verify.
 */
#include "arrays.h"

#define EIGHT(x)	x x x x x x x x
#define ADD(value)	asm volatile("%0 += 1" : "+r"(value));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} values SEC(".maps");

static __noinline int first(CTX *ctx)
{
	__u64 sum = ctx->ingress_ifindex;

	EIGHT(EIGHT(ADD(sum)))
	return sum;
}

static __noinline int second(CTX *ctx)
{
	__u32 key = 0, *value = bpf_map_lookup_elem(&values, &key);

	return value ? *value : first(ctx);
}

SEC(ENTRY) int entry(CTX *ctx)
{
	return first(ctx) | second(ctx) ? HIT : MISSED;
}

/* reads a packet that may be shorter */
SEC(ENTRY) int unverifiable(CTX *ctx)
{
	__u64 sum = 0;

	EIGHT(EIGHT(ADD(sum)))
	EIGHT(EIGHT(ADD(sum)))
	return *(int *)(long)ctx->data + sum;
}

char _license[] SEC("license") = "GPL";
