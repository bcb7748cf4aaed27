/* SPDX-License-Identifier: GPL-2.0-only */
/* Two versions of an object that share a pinned array. The target of each
 * returns a VERDICT of its own.
 */
#ifndef PINNED_H
#define PINNED_H

#define OLD	HIT
#define NEW	3	/* XDP_TX, TC_ACT_PIPE */

#ifdef LEGACY
struct bpf_elf_map SEC("maps") jmp = {
	.type = BPF_MAP_TYPE_PROG_ARRAY,
	.size_key = sizeof(__u32),
	.size_value = sizeof(__u32),
	.max_elem = 4,
	.id = 1,
	.pinning = 2,	/* PIN_GLOBAL_NS */
};

SEC("1/0") int target(CTX *ctx)
{
	return VERDICT;
}
#else
SEC(TARGET) int target(CTX *ctx)
{
	return VERDICT;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, int (CTX *));
} jmp SEC(".maps") = { .values = { [0] = &target } };
#endif

SEC(ENTRY) int entry(CTX *ctx)
{
	bpf_tail_call(ctx, &jmp, 0);
	return MISSED;
}

char _license[] SEC("license") = "GPL";

#endif
