// SPDX-License-Identifier: GPL-2.0-only
/* The reference counts of all maps and programs. Iterators see them without
 * taking a user reference, which would be one more.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

typedef struct {
	__s64 counter;
} atomic64_t;

struct bpf_map {
	__u32 id;
	atomic64_t refcnt, usercnt;
};

struct bpf_prog_aux {
	__u32 id;
	atomic64_t refcnt;
	__u32 hold_cnt;
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
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

/* The iterator itself owns a reference to what it shows. */
SEC("iter/bpf_map")
int refs_maps(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;

	if (map)
		BPF_SEQ_PRINTF(ctx->meta->seq, "map %u refs %lld urefs %lld\n",
			       map->id, map->refcnt.counter - 1,
			       map->usercnt.counter);
	return 0;
}

SEC("iter/bpf_prog")
int refs_progs(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog;

	if (prog)
		BPF_SEQ_PRINTF(ctx->meta->seq, "prog %u refs %lld holds %u\n",
			       prog->aux->id, prog->aux->refcnt.counter - 1,
			       prog->aux->hold_cnt);
	return 0;
}

char _license[] SEC("license") = "GPL";
