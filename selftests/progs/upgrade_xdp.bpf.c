// SPDX-License-Identifier: GPL-2.0-only
/* xdp.bpf.c, whose counters are found again by each loader: they outlive it */
#define COUNTS_PINNING LIBBPF_PIN_BY_NAME
#include "jump.h"
