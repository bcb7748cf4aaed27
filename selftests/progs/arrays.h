/* SPDX-License-Identifier: GPL-2.0-only */
/* For objects whose answer tells whether every tail call hit: such a program
 * returns HIT. Built once for XDP, and as NAME.tc.bpf.o with -DTC.
 */
#ifndef ARRAYS_H
#define ARRAYS_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#ifdef TC
#define CTX	struct __sk_buff
#define ENTRY	"classifier"
#define TARGET	"tc"
#define HIT	TC_ACT_OK
#define MISSED	TC_ACT_SHOT
#else
#define CTX	struct xdp_md
#define ENTRY	"prog"
#define TARGET	"xdp"
#define HIT	XDP_PASS
#define MISSED	XDP_DROP
#endif

/* A prog array with these programs in its slots */
#define PROG_ARRAY(NAME, ...)						\
	struct {							\
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);			\
		__uint(max_entries, 4);					\
		__uint(key_size, sizeof(__u32));			\
		__array(values, int (CTX *));				\
	} NAME SEC(".maps") = { .values = { __VA_ARGS__ } }

#endif
