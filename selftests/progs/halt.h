/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by halt.bpf.c and its loader */
#ifndef HALT_H
#define HALT_H

#include <linux/types.h>

struct halt {
	__u32 thread;	/* to halt, or 0 */
	__u32 halted;	/* written by the program */
	__u32 go;	/* the thread may continue */
};

#endif
