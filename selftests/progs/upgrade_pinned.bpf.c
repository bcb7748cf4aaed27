// SPDX-License-Identifier: GPL-2.0-only
/* upgrade_xdp.bpf.c with pinned arrays, which keeps them filled without the flag */
#define COUNTS_PINNING LIBBPF_PIN_BY_NAME
#define JUMP_PINNING LIBBPF_PIN_BY_NAME
#include "jump.h"
