/* SPDX-License-Identifier: GPL-2.0-only */
/* The frames that the test programs count. Also included by BPF programs. */
#ifndef FRAME_H
#define FRAME_H

#define ETH_P_TEST	0x88b5	/* IEEE 802 local experimental */

#endif
