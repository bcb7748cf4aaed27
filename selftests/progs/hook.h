/* SPDX-License-Identifier: GPL-2.0-only */
/* The differences between XDP and tc. An object that includes this or arrays.h is
 * built for XDP and, with -DTC as NAME.tc.bpf.o, for tc.
 */
#ifndef HOOK_H
#define HOOK_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#ifdef TC
#define CTX	struct __sk_buff
#define ENTRY	"classifier"
#define TARGET	"tc"
#define PASS	TC_ACT_OK
#define DROP	TC_ACT_SHOT
#else
#define CTX	struct xdp_md
#define ENTRY	"prog"
#define TARGET	"xdp"
#define PASS	XDP_PASS
#define DROP	XDP_DROP
#endif

#endif
