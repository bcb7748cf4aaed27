// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel counts in maps and programs, read without touching it: to
 * open a prog array takes a user reference. One record for each, see struct
 * kernel_map and struct kernel_prog in stress/stress.h.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define MAX_SLOTS 32

#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)
typedef struct {
	__s64 counter;
} atomic64_t;

struct bpf_map {
	__u32 id;
	enum bpf_map_type map_type;
	__u32 max_entries;
	atomic64_t refcnt;
	atomic64_t usercnt;
};

struct bpf_array {
	struct bpf_map map;
	void *ptrs[1];
};

struct bpf_prog_aux {
	__u32 id;
	atomic64_t refcnt;
	__u32 hold_cnt;
};

struct bpf_prog {
	enum bpf_prog_type type;
	struct bpf_prog_aux *aux;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
};
#pragma clang attribute pop

SEC("iter/bpf_map")
int maps(struct bpf_iter__bpf_map *ctx)
{
	struct {
		__u32 id, type;
		__s64 usercnt, refcnt;
		__u32 slots, slot[MAX_SLOTS];
		__u32 padding;
	} out = {};
	struct bpf_map *map = ctx->map;
	struct bpf_prog *prog;
	unsigned long ptrs;
	__u32 i;

	if (!map)
		return 0;
	out.id = map->id;
	out.type = map->map_type;
	out.usercnt = map->usercnt.counter;
	out.refcnt = map->refcnt.counter - 1; /* the iterator has one */
	if (out.type == BPF_MAP_TYPE_PROG_ARRAY) {
		out.slots = map->max_entries;
		ptrs = (unsigned long)map +
		       bpf_core_field_offset(struct bpf_array, ptrs);
		for (i = 0; i < MAX_SLOTS; i++) {
			if (i >= out.slots)
				break;
			if (bpf_probe_read_kernel(&prog, sizeof(prog),
						  (void *)(ptrs + 8 * i)) ||
			    !prog)
				continue;
			out.slot[i] = BPF_CORE_READ(prog, aux, id);
		}
	}
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

SEC("iter/bpf_prog")
int progs(struct bpf_iter__bpf_prog *ctx)
{
	struct {
		__u32 id, type;
		__s64 refcnt, holds;
	} out = { .holds = -1 };
	struct bpf_prog *prog = ctx->prog;

	if (!prog)
		return 0;
	out.id = prog->aux->id;
	out.type = prog->type;
	out.refcnt = prog->aux->refcnt.counter - 1; /* the iterator has one */
	if (bpf_core_field_exists(prog->aux->hold_cnt))
		out.holds = prog->aux->hold_cnt;
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

char _license[] SEC("license") = "GPL";
