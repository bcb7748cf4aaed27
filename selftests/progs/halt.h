/* SPDX-License-Identifier: GPL-2.0-only */
/* What halt.bpf.c and who loads it tell each other */
#ifndef HALT_H
#define HALT_H

#include <linux/types.h>

struct halt {
	__u32 thread;	/* the one to halt, 0: none */
	__u32 halted;	/* it is; written by the program */
	__u32 go;	/* it may go on */
};

#endif
