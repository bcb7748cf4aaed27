// SPDX-License-Identifier: GPL-2.0-only
/* Sections for which libbpf sets another attach type than for SEC("tc"), or which
 * it does not know. They share an array that another process has to fill.
 */
#ifndef TC
#define TC
#endif
#include "hook.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} later SEC(".maps");

SEC("ingress") int unknown(CTX *ctx)
{
	bpf_tail_call(ctx, &later, 1);
	return DROP;
}

SEC("tcx/ingress") int tcx(CTX *ctx)
{
	bpf_tail_call(ctx, &later, 1);
	return DROP;
}

char _license[] SEC("license") = "GPL";
