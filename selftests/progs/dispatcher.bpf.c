// SPDX-License-Identifier: GPL-2.0-only
/* A dispatcher like that of libxdp: freplace programs replace first() and
 * second().
 */
#include "hook.h"

/* For the verifier, a tail call may change the packet, and a program that may do
 * so can only replace a function that may do so, too.
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
