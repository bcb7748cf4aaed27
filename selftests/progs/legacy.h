/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps that iproute2's built-in loader knows, as in its include/bpf_elf.h */
#ifndef LEGACY_H
#define LEGACY_H

#include "arrays.h"

struct bpf_elf_map {
	__u32 type;
	__u32 size_key;
	__u32 size_value;
	__u32 max_elem;
	__u32 flags;
	__u32 id;
	__u32 pinning;
	__u32 inner_id;
	__u32 inner_idx;
};

/* The array that sections ID/SLOT are put into */
#define LEGACY_ARRAY(NAME, ID)						\
	struct bpf_elf_map SEC("maps") NAME = {				\
		.type = BPF_MAP_TYPE_PROG_ARRAY,			\
		.size_key = sizeof(__u32),				\
		.size_value = sizeof(__u32),				\
		.max_elem = 4,						\
		.id = ID,						\
	}

#endif
