// SPDX-License-Identifier: GPL-2.0-only
/* A program that others are attached behind, by freplace of first() and second(),
 * as libxdp's dispatcher
 */
#include "hook.h"

/* For the verifier a tail call may change the packet, and it takes an freplace
 * program that may only for a function that may.
 */
#ifdef TC
#define CHANGE_PACKET(ctx)	bpf_skb_pull_data(ctx, 0)
#else
#define CHANGE_PACKET(ctx)	bpf_xdp_adjust_tail(ctx, 0)
#endif

__attribute__((noinline)) int first(CTX *ctx)
{
	volatile int ret = PASS;

	return ret == PASS ? ret : CHANGE_PACKET(ctx);
}

__attribute__((noinline)) int second(CTX *ctx)
{
	volatile int ret = PASS;

	return ret == PASS ? ret : CHANGE_PACKET(ctx);
}

SEC(ENTRY) int dispatcher(CTX *ctx)
{
	int ret = first(ctx);

	return ret == PASS ? second(ctx) : ret;
}

char _license[] SEC("license") = "GPL";
