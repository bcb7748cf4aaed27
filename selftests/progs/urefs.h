/* SPDX-License-Identifier: GPL-2.0-only */
/* What urefs.bpf.c writes for each map and for each program */
#ifndef UREFS_H
#define UREFS_H

#include <linux/types.h>

struct urefs {
	__u32 is_prog;
	__u32 id;
	__s64 refs;	/* of the object; the iterator that reads has one */
	__s64 urefs;	/* of a map; of a program the number of its holds */
	__u32 maps;	/* that a program uses */
	__u32 pad;
};

#endif
