// SPDX-License-Identifier: GPL-2.0-only
/* A program that others are attached behind, by freplace of first() and second(),
 * as libxdp's dispatcher
 */
#include "hook.h"

__attribute__((noinline)) int first(CTX *ctx)
{
	volatile int ret = PASS;

	return ctx ? ret : DROP;
}

__attribute__((noinline)) int second(CTX *ctx)
{
	volatile int ret = PASS;

	return ctx ? ret : DROP;
}

SEC(ENTRY) int dispatcher(CTX *ctx)
{
	int ret = first(ctx);

	return ret == PASS ? second(ctx) : ret;
}

char _license[] SEC("license") = "GPL";
