// SPDX-License-Identifier: GPL-2.0-only
/* xdp.bpf.c with pinned counters, which all loaders share */
#define COUNTS_PINNING LIBBPF_PIN_BY_NAME
#include "jump.h"
