// SPDX-License-Identifier: GPL-2.0-only
/* As xdp.bpf.c, but all loads of it count into one map, which is pinned */
#define COUNTS_PINNING LIBBPF_PIN_BY_NAME
#include "jump.h"

JUMP_TABLE(struct xdp_md, "prog", "xdp", XDP_PASS);
