// SPDX-License-Identifier: GPL-2.0-only
/* For "ip link set dev eth0 xdp obj xdp.bpf.o": entry in the default section */
#include "jump.h"
