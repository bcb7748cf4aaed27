// SPDX-License-Identifier: GPL-2.0-only
/* Halts a thread where it allocates memory in the kernel until it is told to
 * continue: a test can then do what would race with it.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "halt.h"

/* A minute at most; one round is a fraction of a second. */
#define ROUNDS	256
#define LOOPS	(1 << 22)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct halt);
} shared SEC(".maps");

static int nothing(__u32 i, void *ctx)
{
	return 0;
}

static int one_round(__u32 i, void *ctx)
{
	__u32 key = 0;
	volatile struct halt *halt = bpf_map_lookup_elem(&shared, &key);

	if (!halt || halt->go)
		return 1;
	bpf_loop(LOOPS, nothing, ctx, 0);
	return 0;
}

SEC("fentry/__kmalloc_noprof")
int halt(void *ctx)
{
	__u32 key = 0, thread = bpf_get_current_pid_tgid();
	volatile struct halt *halt = bpf_map_lookup_elem(&shared, &key);

	if (!halt || halt->thread != thread)
		return 0;
	halt->halted = 1;
	bpf_loop(ROUNDS, one_round, NULL, 0);
	return 0;
}

char _license[] SEC("license") = "GPL";
