/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stress: several processes attach, hold and detach at random while packets
 * flow. Each of them records what it did in shared tables, which are the
 * model: at each quiet point the state of the kernel must match it.
 *
 * A worker process writes only its own struct worker, the objects of its own
 * pool, and its own slots of shared arrays. The objects of the last pool belong
 * to the parent and are used by all workers at once: their expected state is
 * the sum over all workers.
 */
#ifndef STRESS_H
#define STRESS_H

#include <bpf/bpf.h>
#include <semaphore.h>
#include <stdio.h>

#include "../common/common.h"

#define DEADLINE	60	/* seconds, unless told otherwise */
#define MAX_PROCS	8
#define POOLS		(MAX_PROCS + 1)	/* the last one is the parent's */
#define PARENT		MAX_PROCS
#define MAP_POOL	96
#define PROG_POOL	768
#define LINK_POOL	96
#define POOL		(MAP_POOL + PROG_POOL + LINK_POOL)
#define OBJS		(POOLS * POOL)

#define MAP_HANDLES	8		/* private ones, then the shared ones */
#define PROG_HANDLES	12
#define SHARED_MAPS	4
#define SHARED_PROGS	6
#define ALL_MAPS	(MAP_HANDLES + SHARED_MAPS)
#define ALL_PROGS	(PROG_HANDLES + SHARED_PROGS)
#define LINKS		8
#define HANDLES		(ALL_MAPS + ALL_PROGS + LINKS)
#define FDS		2
#define PINS		2

#define PRIVATE_SLOTS	4
#define OWN_SLOTS	2		/* of each worker in a shared array */
#define MAX_SLOTS	(MAX_PROCS * OWN_SLOTS)
#define MAX_USED	16

#define HOMES		2		/* veth pairs in the home namespace, */
#define INSIDE		2		/* one into a namespace of its own, */
#define NETDEVSIM	3		/* a netdevsim, */
#define NETKIT		4		/* and a netkit pair, for mprog alone */
#define DEVS		5
#define BLOCKS		2
#define SITES		(2 * NETDEVSIM + BLOCKS)
#define CHAINS		2
#define PRIOS		2
#define FILTERS		3		/* handles 1, 2, 3 */
#define ALL_FILTERS	(SITES * CHAINS * PRIOS * FILTERS)
#define LISTED		16		/* programs on a side by tcx or netkit */

#define ETH_P_PROBE	0x88b6
#define TAG_MISSED	0x0fff
#define TAG_PROG	0x1000		/* plus the index of the program */

/* An EXT is attached by freplace to a TARGET, which is an XDP program that no
 * array has.
 */
enum kind { XDP, TC, EXT, TARGET };
enum { ENTERED, MISSED, HIT, COUNTERS };

/* Objects are named by their index in sh->obj, 0 is none. */
struct slot {
	int prog;
	bool maybe;	/* the array may have been cleared meanwhile */
};

enum what { MAP, PROG, LINK, WHATS };

struct obj {
	bool used;
	enum what what;
	enum kind kind;
	__u32 id;
	int n;		/* slots of an array, or arrays of a program */
	/* the TARGET to which an freplace link, or an EXT that was not attached
	 * yet, has a reference
	 */
	int target;
	bool hold;	/* of an freplace link */
	bool busy;	/* a link or a TARGET, as in struct dev */
	union {
		struct {
			bool owned;	/* bound to its kind of programs */
			struct slot slot[MAX_SLOTS];
			/* fewest urefs of a worker since the last quiet point */
			int floor[MAX_PROCS];
			int leaked;	/* references, by the base kernel's
					 * second clear
					 */
		};
		struct {
			bool entry;
			int key;	/* where it jumps in its first array */
			int replaced_by;	/* an EXT, in a TARGET */
			struct {
				int map;
				bool on;	/* otherwise not bound yet */
			} maps[MAX_USED];
		};
		struct {
			int prog;
			struct dev *dev;
			int side, hook;	/* of tcx and netkit */
		};
	};
};

struct handle {
	enum what what;
	int index;	/* among those of its worker */
	int obj;
	int fd[FDS];
	bool pin[PINS];
};

struct filter {
	int prog;
	bool hold;
};

/* The programs of tcx or netkit on one side of a device, in order */
struct entry {
	int prog, link;		/* link 0: attached without one */
	bool hold;
};

struct list {
	bool busy;	/* as in struct dev */
	int n;
	struct entry entry[LISTED];
};

struct dev {
	bool alive;
	bool busy;	/* its XDP state is unknown until the next quiet point */
	int ifindex, peer;
	int netns;	/* or -1: the home namespace */
	struct mnl_socket *nl;
	int prog;
	bool native, hold;
	int link;
	bool clsact;
	int block[2];	/* of ingress and egress, plus 1 */
	struct list list[2];	/* tcx: ingress, egress; netkit: primary, peer */
};

struct worker {
	int index;
	int pid;
	long op;
	int generation, devices;
	struct handle handle[HANDLES];
	struct dev dev[DEVS];
	struct filter filter[SITES][CHAINS][PRIOS][FILTERS];
	bool chain[SITES][CHAINS];	/* created, or else by its filters */
};

#define LOG_LINES	2048
#define LOG_LINE	120

struct shared {
	long seed, ops, procs, every, deadline;
	bool no_flag, verbose, patched, jit;
	const char *lie;
	bool lied;
	int failed;
	char failure[512];
	sem_t done, go[MAX_PROCS];
	int generation;
	int current[SHARED_MAPS + SHARED_PROGS];	/* the shared objects */
	int target[MAX_PROCS][DEVS][2];	/* ifindex, for the senders */
	int counts;
	struct worker worker[POOLS];
	struct obj obj[OBJS];
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
bool lying(const char *how);
static inline bool flag(void)
{
	return draw(2) && !sh->no_flag;
}

/* object.c: maps and programs, and what has them open */
extern const char *const what_name[], *const kind_name[];
int new_obj(enum what what);
int handles_of(enum what what);
struct handle *handle(enum what what, int index);

static inline struct obj *obj_of(const struct handle *h)
{
	return &sh->obj[h->obj];
}

static inline bool is_shared(int obj)
{
	return obj >= PARENT * POOL;
}

void map_new(struct handle *h, enum kind kind, int slots);
void prog_new(struct handle *h, enum kind kind, int key, int n,
	      struct handle *const *maps, int target);
void handle_drop(struct handle *h);
void handles_renew(void);
const char *pin_path(const struct handle *h, int pin);
const char *name(const struct handle *h);
int first_fd(const struct handle *h);
int open_by_id(enum what what, __u32 id);
struct handle *pick(enum what what, int kind);

/* model.c */
int handle_refs(const struct handle *h);
void model_count_urefs(const struct worker *w, int *urefs);
void model_floors(void);
bool model_keeps(int obj);
double model_quiet(void);

/* state.c: what the kernel has */
struct state {
	__u32 id;
	long refs;	/* not of a link */
	long urefs;	/* of an array; the holds of a program */
	__u32 slot[MAX_SLOTS];
	bool known;	/* to the model */
};

extern int state_leaked;	/* maps, by the base kernel */
void state_open(void);
void state_read(void);
struct state *state_find(enum what what, __u32 id);
bool state_unknown(FILE *out);
void state_ignore_map(__u32 id);

/* An operation returns false if there is nothing that it can be done to. */
struct op {
	bool (*fn)(int what);
	int weight;
	enum what what;
};

extern const struct op bpf_ops[], xdp_ops[], tc_ops[], mprog_ops[],
	freplace_ops[], dev_ops[];
struct handle *draw_handle(enum what what);
struct handle *handle_of(int prog);
int draw_old(enum kind kind, int cur, int *old);
struct handle *draw_link(int kind);
struct bpf_link_info read_link(const struct handle *h);
struct obj *draw_link_info(int kind, struct bpf_link_info *info);
void link_off(struct obj *link, bool late);
void mprog_link_off(const struct obj *link, bool late);
void freplace_link_off(const struct obj *link, bool late);
void tc_off(int dev);
struct mnl_socket *nl_of(const struct dev *dev);
void talk(const char *what, int wanted, const struct dev *dev,
	  struct nlmsghdr *nlh);
bool netdevsim(int worker, bool create);
void enter_netns(int netns);
void dev_destroy(int index);

/* ops_freplace.c */
void freplace_open(void);
void freplace_opts(const struct obj *prog, struct bpf_prog_load_opts *opts);

/* ops.c */
void op_random(void);
void everything_off(void);

#endif
