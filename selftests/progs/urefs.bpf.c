// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's own counts, which no system call tells. To read them disturbs
 * nothing: opening a map would take a user reference.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "urefs.h"

#define KERNEL __attribute__((preserve_access_index))

typedef struct {
	__s64 counter;
} atomic64_t;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
} KERNEL;

struct bpf_map {
	__u32 id;
	atomic64_t refcnt;
	atomic64_t usercnt;
} KERNEL;

struct bpf_prog_aux {
	atomic64_t refcnt;
	__u32 id;
	__u32 used_map_cnt;
	__u32 hold_cnt;
} KERNEL;

struct bpf_prog {
	struct bpf_prog_aux *aux;
} KERNEL;

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
} KERNEL;

struct bpf_iter__bpf_prog {
	struct bpf_iter_meta *meta;
	struct bpf_prog *prog;
} KERNEL;

SEC("iter/bpf_map")
int maps(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct urefs line = {};

	if (!map)
		return 0;
	line.id = map->id;
	line.refs = map->refcnt.counter;
	line.urefs = map->usercnt.counter;
	bpf_seq_write(ctx->meta->seq, &line, sizeof(line));
	return 0;
}

SEC("iter/bpf_prog")
int progs(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog;
	struct urefs line = { .is_prog = 1 };

	if (!prog)
		return 0;
	line.id = prog->aux->id;
	line.refs = prog->aux->refcnt.counter;
	line.urefs = prog->aux->hold_cnt;
	line.maps = prog->aux->used_map_cnt;
	bpf_seq_write(ctx->meta->seq, &line, sizeof(line));
	return 0;
}

char _license[] SEC("license") = "GPL";
