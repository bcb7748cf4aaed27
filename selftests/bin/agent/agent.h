/* SPDX-License-Identifier: GPL-2.0-only */
/* The requests of the agent: the arguments after the name, up to a NULL. A
 * request prints its answer and returns 0, or fails as err(3) does. Descriptors
 * that it leaves open are closed.
 */
#ifndef AGENT_H
#define AGENT_H

#include <linux/types.h>

#include "../../common/common.h"
#include "../../progs/counters.h"

/* Seconds to wait for anything, $DEADLINE */
extern double deadline;

/* Calls kernel_open() once. Its file descriptors stay open, so a request that
 * opens others and needs this must call it first.
 */
void open_memory(void);

/* agent.c: any request, with its name */
int answer(char **argv);

/* look.c */
int ids(char **argv);
int refs(char **argv);
/* Of a program: valid until the next call */
const __u64 *read_counters(__u32 prog);
int print_counters(const __u64 *counters);

/* act.c: flags by name, separated by commas, of a table that ends in {} */
struct flag {
	const char *name;
	__u32 value;
};

__u32 parse_flags(const struct flag *flags, const char *text);
void print_flags(const struct flag *flags, __u32 value);
/* Called right before the system call under test. */
void begin_fault(void);
/* "ok" or the name of the error in errno, for a system call that returned RET */
int print_result(int ret);
int number(char **argv);
int fail(char **argv);
int xdp(char **argv);
int tc(char **argv);
int toggle(char **argv);
int xdp_link(char **argv);
int bind_map(char **argv);
int bind_new(char **argv);
int relink(char **argv);
int pair(char **argv);
int remove_device(char **argv);
int send_frames(char **argv);
int traffic(char **argv);

/* hook.c: tcx, netkit, freplace */
int hook(char **argv);
/* The attach type of the hook of that name, or -1 */
int find_hook(const char *name);
/* The programs attached there, in order, at most MAX. Returns their number. */
int query_hook(int ifindex, enum bpf_attach_type type, struct attachment *to,
	       int max);

/* clear.c */
int settle(char **argv);
int reopen(char **argv);
int refill(char **argv);
int clear(char **argv);

#endif
