// SPDX-License-Identifier: GPL-2.0-only
/* pinned_new.bpf.c, but its programs support fragments */
#define VERDICT NEW
#include "arrays.h"
#undef TARGET
#define TARGET "xdp.frags"
#include "pinned.h"
