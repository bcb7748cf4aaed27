// SPDX-License-Identifier: GPL-2.0-only
/* A legacy array, and constants, which only libbpf can load */
#include "legacy.h"

LEGACY_ARRAY(first, 1);

static const volatile int verdicts[2] = { MISSED, HIT };

SEC("1/0") int one(CTX *ctx)
{
	return verdicts[1];
}

SEC(ENTRY) int entry(CTX *ctx)
{
	bpf_tail_call(ctx, &first, 0);
	return verdicts[0];
}

char _license[] SEC("license") = "GPL";
