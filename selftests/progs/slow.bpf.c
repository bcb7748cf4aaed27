// SPDX-License-Identifier: GPL-2.0-only
/* An entry program that does not jump until it is told to: its attachment can end
 * in the meantime.
 */
#include "hook.h"

/* A minute at most; one round is a fraction of a second. */
#define ROUNDS	256
#define LOOPS	(1 << 23) /* the most that bpf_loop() does */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} go SEC(".maps");

static int nothing(__u32 i, void *ctx)
{
	return 0;
}

static int one_round(__u32 i, void *ctx)
{
	__u32 key = 0, *told = bpf_map_lookup_elem(&go, &key);

	if (!told || *(volatile __u32 *)told)
		return 1;
	bpf_loop(LOOPS, nothing, ctx, 0);
	return 0;
}

#define BEFORE_JUMP() bpf_loop(ROUNDS, one_round, NULL, 0)

#include "jump.h"
