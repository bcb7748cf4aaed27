// SPDX-License-Identifier: GPL-2.0-only
/* For "tc filter add ... bpf da obj tc.bpf.o": entry in the default section */
#define TC
#include "jump.h"
