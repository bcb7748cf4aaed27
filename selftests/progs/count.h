/* SPDX-License-Identifier: GPL-2.0-only */
/* Counters in a map, for the frames that tests send */
#ifndef COUNT_H
#define COUNT_H

#include <bpf/bpf_endian.h>

#include "../common/frame.h"
#include "counters.h"
#include "hook.h"

#define ETH_ALEN	6

/* Whether loaders share the counters */
#ifndef COUNTS_PINNING
#define COUNTS_PINNING	LIBBPF_PIN_NONE
#endif

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, COUNTS_PINNING);
} counts SEC(".maps");

static __always_inline void count(enum counter which)
{
	__u32 key = which;
	__u64 *value = bpf_map_lookup_elem(&counts, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
}

static __always_inline int is_test_frame(CTX *ctx)
{
	__be16 *proto = (void *)(long)ctx->data + 2 * ETH_ALEN;

	return (void *)(proto + 1) <= (void *)(long)ctx->data_end &&
	       *proto == bpf_htons(ETH_P_TEST);
}

#endif
