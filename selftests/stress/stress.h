/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stress: several processes attach, hold and detach at random while packets
 * flow. What they did is written down in tables that all of them share, and
 * that are the model: at each quiet point the kernel has to agree with it.
 *
 * Each worker process writes only its own struct worker, the objects of its
 * own pools, and the slots of shared arrays that are its own. The objects of
 * the last pool belong to the parent and are used by everybody at once: what
 * they have to be is the sum over all workers.
 */
#ifndef STRESS_H
#define STRESS_H

#include <linux/types.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>

#define DEADLINE	60	/* seconds, unless told otherwise */
#define MAX_PROCS	8
#define POOLS		(MAX_PROCS + 1)	/* the last one is the parent's */
#define PARENT		MAX_PROCS
#define MAP_POOL	96
#define PROG_POOL	768
#define NMAPS		(POOLS * MAP_POOL)
#define NPROGS		(POOLS * PROG_POOL)

#define MAP_HANDLES	8		/* private ones, then the shared ones */
#define PROG_HANDLES	12
#define SHARED_MAPS	4
#define SHARED_PROGS	6
#define ALL_MAPS	(MAP_HANDLES + SHARED_MAPS)
#define ALL_PROGS	(PROG_HANDLES + SHARED_PROGS)
#define FDS		2
#define PINS		2

#define PRIVATE_SLOTS	4
#define OWN_SLOTS	2		/* of each worker in a shared array */
#define MAX_SLOTS	(MAX_PROCS * OWN_SLOTS)
#define MAX_USED	16

#define HOMES		2		/* veth pairs in the home namespace, */
#define INSIDE		2		/* one into a namespace of its own, */
#define NETDEVSIM	3		/* and a netdevsim */
#define DEVS		4
#define BLOCKS		2
#define SITES		(2 * NETDEVSIM + BLOCKS)
#define CHAINS		2
#define PRIOS		2
#define FILTERS		3		/* handles 1, 2, 3 */
#define LINKS		4

#define ETH_P_TRAFFIC	0x88b5
#define ETH_P_PROBE	0x88b6
#define MARK_PROBE	0x5eed
#define TAG_MISSED	0x0fff
#define TAG_PROG	0x1000		/* plus the index of the program */

#ifndef XDP_FLAGS_HOLD_PROG_ARRAYS
#define XDP_FLAGS_HOLD_PROG_ARRAYS (1U << 5)
#endif
#ifndef TCA_BPF_FLAG_HOLD_MAPS
#define TCA_BPF_FLAG_HOLD_MAPS	(1 << 1)
#endif

enum kind { XDP, TC };
enum { ENTERED, MISSED, HIT, COUNTERS };

/* Objects are named by their index, 0 is none. */
struct slot {
	int prog;
	bool maybe;	/* or empty: the array may have been without a user */
};

struct map {
	bool used;
	enum kind kind;
	bool owned;	/* the kernel knows its kind */
	__u32 id;
	int slots;
	struct slot slot[MAX_SLOTS];
	int floor[MAX_PROCS];	/* fewest urefs of a worker since the last quiet
				 * point
				 */
	int leaked;	/* references, by the base kernel's second clear */
};

struct prog {
	bool used;
	enum kind kind;
	bool entry;
	__u32 id;
	int key;	/* where the entry jumps in its first array */
	int nmaps;
	struct {
		int map;
		bool on;	/* or not bound yet */
	} maps[MAX_USED];
};

struct handle {
	int obj;	/* in maps or progs */
	int fd[FDS];
	bool pin[PINS];
};

struct filter {
	int prog;
	bool hold;
};

struct dev {
	bool alive;
	bool busy;	/* what XDP state it has is known at the next quiet point */
	int ifindex, peer;
	int netns;	/* or -1: the home namespace */
	struct mnl_socket *nl;
	int prog;
	bool native, hold;
	int link;	/* plus 1 */
	bool clsact;
	int block[2];	/* of ingress and egress, plus 1 */
};

struct link {
	bool used;
	bool busy;
	int fd;
	bool pin;
	__u32 id;
	int prog;
	int dev;	/* plus 1 */
	bool hold;
};

struct worker {
	int index;
	int pid;
	__u64 random;
	long op;
	int generation, devices;
	struct handle map[ALL_MAPS], prog[ALL_PROGS];
	struct dev dev[DEVS];
	struct link link[LINKS];
	struct filter filter[SITES][CHAINS][PRIOS][FILTERS];
	bool chain[SITES][CHAINS];	/* created, or else by its filters */
};

#define LOG_LINES	2048
#define LOG_LINE	120

struct shared {
	__u64 seed;
	long ops, every;
	int procs, deadline;
	bool no_flag, verbose, patched;
	const char *lie;
	bool lied;
	int failed;
	char failure[512];
	char settled[64];
	sem_t done, go[MAX_PROCS];
	int stop;
	int generation;
	int current_map[SHARED_MAPS], current_prog[SHARED_PROGS];
	int target[MAX_PROCS][DEVS][2];	/* ifindex, for those who send */
	__u64 sent[2];
	int counts;
	struct worker worker[POOLS];
	struct map map[NMAPS];
	struct prog prog[NPROGS];
	int lines[MAX_PROCS];
	char log[MAX_PROCS][LOG_LINES][LOG_LINE];
};

extern struct shared *sh;
extern struct worker *me;
extern int home_netns;

/* main.c */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void expect(const char *what, long wanted, long seen);
__u32 draw(__u32 below);
bool lying(const char *how);
static inline bool flag(void)
{
	return draw(2) && !sh->no_flag;
}

/* object.c: maps and programs, and what has them open */
void map_handle_new(struct handle *h, enum kind kind, int slots);
void prog_handle_new(struct handle *h, enum kind kind, int key, int nmaps,
		     const int *maps, const int *fds);
void handle_drop(struct handle *h, bool is_map, int index);
void handles_renew(void);
const char *pin_path(const char *what, int index, int pin);
int first_fd(const struct handle *h);
int pick_prog(int kind);
int pick_map(int kind);

/* model.c */
void model_count_urefs(const struct worker *w, int *urefs);
void model_floors(void);
double model_quiet(void);

/* kernel.c */
struct kernel_map {
	__u32 id, type;
	__s64 usercnt, refcnt;
	__u32 slots, slot[32];
};

struct kernel_prog {
	__u32 id, type;
	__s64 refcnt;
	__s64 holds;	/* -1 on a kernel that has none */
};

struct kernel {
	int maps, progs, links;
	struct kernel_map map[NMAPS];
	struct kernel_prog prog[NPROGS];
	__u32 link[256];
};

void kernel_open(const char *folder);
void kernel_read(struct kernel *k);
void kernel_ignore_map(__u32 id);
extern int kernel_ignored;

/* What one operation does. False: there is nothing to do it with. */
typedef bool (*op_fn)(void);
bool op_map_new(void);
bool op_map_open(void);
bool op_map_close(void);
bool op_map_pin(void);
bool op_map_unpin(void);
bool op_slot_set(void);
bool op_slot_delete(void);
bool op_slot_lookup(void);
bool op_prog_new(void);
bool op_prog_open(void);
bool op_prog_close(void);
bool op_prog_pin(void);
bool op_prog_unpin(void);
bool op_bind(void);
bool op_poke(void);
bool op_xdp_attach(void);
bool op_xdp_detach(void);
bool op_xdp_query(void);
bool op_link_create(void);
bool op_link_update(void);
bool op_link_detach(void);
bool op_link_close(void);
bool op_link_pin(void);
bool op_link_unpin(void);
bool op_link_info(void);
bool op_filter_set(void);
bool op_filter_delete(void);
bool op_filter_query(void);
bool op_chain(void);
bool op_qdisc(void);
bool op_dev_new(void);
bool op_dev_delete(void);
void tc_off(int dev);
void op_random(void);
void everything_off(void);

/* netlink.c */
struct nlmsghdr;
struct mnl_socket *nl_open(void);
struct nlmsghdr *nl_request(int type, int flags);
int nl_talk(struct mnl_socket *nl, struct nlmsghdr *nlh,
	    int (*answer)(const struct nlmsghdr *nlh, void *data), void *data);
struct mnl_socket *nl_of(const struct dev *dev);
void enter_netns(const struct dev *dev);
void leave_netns(const struct dev *dev);
int dev_create(int index);
int dev_destroy(int index);

/* traffic.c */
int traffic_start(int cpu);

#endif
