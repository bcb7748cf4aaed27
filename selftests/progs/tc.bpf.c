// SPDX-License-Identifier: GPL-2.0-only
/* For "tc filter add ... bpf da obj tc.bpf.o": entry in the default section */
#include <linux/pkt_cls.h>

#include "jump.h"

JUMP_TABLE(struct __sk_buff, "classifier", "tc", TC_ACT_OK);
