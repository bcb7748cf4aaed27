/* SPDX-License-Identifier: GPL-2.0-only */
/* For objects whose programs return HIT if every tail call hit */
#ifndef ARRAYS_H
#define ARRAYS_H

#include "hook.h"

#define HIT	PASS
#define MISSED	DROP

/* A prog array with these programs in its slots */
#define PROG_ARRAY(NAME, ...)						\
	struct {							\
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY);			\
		__uint(max_entries, 4);					\
		__uint(key_size, sizeof(__u32));			\
		__array(values, int (CTX *));				\
	} NAME SEC(".maps") = { .values = { __VA_ARGS__ } }

#endif
