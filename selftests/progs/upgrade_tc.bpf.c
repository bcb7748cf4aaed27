// SPDX-License-Identifier: GPL-2.0-only
/* tc.bpf.c, whose counters are found again by each loader: they outlive it */
#include <linux/pkt_cls.h>

#define COUNTS_PINNING LIBBPF_PIN_BY_NAME
#include "jump.h"

JUMP_TABLE(struct __sk_buff, "classifier", "tc", TC_ACT_OK);
