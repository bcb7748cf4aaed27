// SPDX-License-Identifier: GPL-2.0-only
/* tc.bpf.c, whose counters are found again by each loader: they outlive it */
#define TC
#define COUNTS_PINNING LIBBPF_PIN_BY_NAME
#include "jump.h"
