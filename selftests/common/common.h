/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs share. The flags to hold, XDP_FLAGS_HOLD_PROG_ARRAYS
 * and TCA_BPF_FLAG_HOLD_MAPS, come from the UAPI headers of the series, which
 * the Makefile puts first on the include path.
 *
 * Unless described otherwise, a function that fails prints the reason and
 * exits with status 1, as err(3) does. File descriptors that a function returns
 * belong to the caller. Names of the form nl_* are netlink, kernel_* read the
 * kernel's own counters.
 */
#ifndef COMMON_H
#define COMMON_H

#include <err.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "frame.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* ---- system.c: time, CPUs, files, devices, packets ----------------------- */

/* Monotonic time in seconds */
double now(void);

/*
 * Sleeps for MS milliseconds. Returns false, without sleeping, once now() has
 * passed END. A loop that waits for a condition reads
 *
 *	for (end = now() + 10; !condition();)
 *		if (!nap(end, 1))
 *			errx(1, "no condition within 10 s");
 */
bool nap(double end, unsigned int ms);

/* Runs the calling thread on this CPU only. */
void run_on_cpu(int cpu);

/* Writes to a file that must exist */
void write_file(const char *path, const char *text);

/*
 * Pseudo-random numbers of this process, the same everywhere. SEED and NUMBER
 * select the sequence. draw() returns a number below BELOW, one_in() is true once
 * in N times, and PICK() is one of its arguments, all of which are evaluated.
 */
void seed_random(__u64 seed, __u64 number);
__u32 draw(__u32 below);
#define one_in(n) (!draw(n))
#define PICK(...) ({							\
	const __u32 from[] = { __VA_ARGS__ };				\
	from[draw(ARRAY_SIZE(from))];					\
})

/* The index of a device that must exist */
int device_index(const char *name);

/* A packet socket, for send_frame() */
int frames_open(void);

/*
 * Sends a frame that the test programs count (ETH_P_TEST) out of the device.
 * SOURCE is the last byte of its source address, FLAGS are send(2)'s. Returns
 * whether it was sent: with MSG_DONTWAIT a queue may be full.
 */
bool send_frame(int socket, int ifindex, unsigned char source, int flags);

/* Sends one out of each of the devices, of which there are at most 128, in one
 * system call if none fails. Returns how many were sent.
 */
int send_burst(int socket, const int *ifindex, int count, unsigned char source,
	       int flags);

/*
 * From senders_start() to senders_stop(), one process on each CPU, of this
 * niceness and at most MAX_SENDERS of them, sends a frame out of each of these
 * devices every millisecond, or fewer where queues are full. An index of 0 is no
 * device. The array may be in shared memory, and change.
 *
 * senders_stop() stores how many frames each process sent, and returns how many
 * processes there were.
 */
#define MAX_SENDERS 8
void senders_start(const int *ifindex, int count, int niceness);
int senders_stop(__u64 sent[MAX_SENDERS]);

/* ---- bpf.c: maps and programs -------------------------------------------- */

/* bpf(2) itself: libbpf's functions may make more calls than one. Returns what
 * the system call does.
 */
int sys_bpf(int cmd, void *attr, size_t size);

/* Open a pin, a map or a program: one more reference to it, and for a prog array
 * one more user reference, until the file descriptor is closed.
 */
int open_pinned(const char *path);
int open_map(__u32 id);
int open_prog(__u32 id);

/* A prog array of SLOTS slots; *ID is set unless ID is NULL. The file descriptor
 * is the only user reference.
 */
int make_prog_array(const char *name, __u32 slots, __u32 *id);

/* Puts the program into the slot. Opening a map by its id for that takes a user
 * reference and drops it again.
 */
void fill_slot(int map, __u32 slot, int prog);
void fill_slot_by_id(__u32 map_id, __u32 slot, int prog);

/* A program of these instructions; *ID is set unless ID is NULL. XDP programs
 * get the expected attach type that libbpf gives them.
 */
int load_code(enum bpf_prog_type type, const char *name,
	      const struct bpf_insn *insns, size_t count, __u32 *id);
struct bpf_prog_load_opts;
int load_code_opts(enum bpf_prog_type type, const char *name,
		   const struct bpf_insn *insns, size_t count,
		   struct bpf_prog_load_opts *opts, __u32 *id);

/* A tail call: through this slot of this map */
struct jump {
	int map;
	__u32 slot;
};

/* A program that tries these jumps, in order, and returns VERDICT if all of them
 * miss. It uses the maps, which does not keep their slots filled.
 */
int load_jumper(enum bpf_prog_type type, const char *name,
		const struct jump *jumps, int count, int verdict, __u32 *id);

/* What the program returns for a frame of zeros. Unlike a lookup in a prog
 * array, this takes no user reference.
 */
__u32 run_prog(int prog);

/* ---- netlink.c ----------------------------------------------------------- */

/* A bound socket with extended acks */
struct mnl_socket *nl_open(void);

/* Starts a request in a buffer of zeros. The second one uses a buffer of its own,
 * which the next call overwrites. NLM_F_REQUEST is added to FLAGS.
 */
struct nlmsghdr *nl_begin(void *buf, int type, int flags);
struct nlmsghdr *nl_request(int type, int flags);

/* The headers of requests about a device, and about a filter, chain or qdisc of
 * it. PREF and HANDLE may be 0, for any.
 */
struct ifinfomsg *nl_put_link(struct nlmsghdr *nlh, int ifindex);
struct tcmsg *nl_put_tc(struct nlmsghdr *nlh, int ifindex, __u32 parent,
			__u32 pref, __u32 handle);

#define NL_INGRESS	TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define NL_EGRESS	TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)

/* IFLA_XDP, after nl_put_link(). FD -1 detaches; EXPECTED is the program that
 * XDP_FLAGS_REPLACE is about, or -1.
 */
void nl_put_xdp(struct nlmsghdr *nlh, int fd, __u32 flags, int expected);

/* A request to add clsact to the device, or to delete it */
struct nlmsghdr *nl_clsact_request(int ifindex, bool add);

/* The kind and the options of a bpf filter, after nl_put_tc(). The second one is
 * for a classic program, which accepts everything.
 */
void nl_put_bpf(struct nlmsghdr *nlh, int fd, __u32 flags, __u32 gen_flags);
void nl_put_classic(struct nlmsghdr *nlh, __u32 flags, __u32 gen_flags);

/* The kind ("veth" or "netkit") and the peer of a new pair, after nl_put_link()
 * and the name. Ends in the peer's attributes: nl_end_pair() closes them.
 */
struct nl_nests {
	struct nlattr *info, *data, *peer;
};

struct nl_nests nl_begin_pair(struct nlmsghdr *nlh, const char *kind,
			      int peer_ifindex);
void nl_end_pair(struct nlmsghdr *nlh, struct nl_nests nests);

/*
 * Sends the request, calls ANSWER (which may be NULL) for each message before the
 * final acknowledgment, and returns 0 or the negative error number that the
 * kernel answered or that sending failed with, or 1 if the answer is lost because
 * the kernel could not allocate it; -EINTR means that a dump is inconsistent.
 * nl_message() is the text of the extended ack, also that of a warning, or "" if
 * there was none; it is valid until the next request.
 */
typedef void (*nl_answer_fn)(const struct nlmsghdr *nlh, void *data);
int nl_talk(struct mnl_socket *nl, struct nlmsghdr *nlh, nl_answer_fn answer,
	    void *data);
const char *nl_message(void);

/* Fails with WHAT and the reason unless RET, which nl_talk() returned, is 0. */
void nl_must(int ret, const char *what);

/* Sends SIZE bytes as they are, which need not be valid messages. Returns the
 * first error in the answers, otherwise 0, or 1 if there was no answer.
 */
int nl_talk_raw(struct mnl_socket *nl, const void *data, size_t size);

/* The last attribute of this type, or NULL: of a message, after a header of this
 * size, or of those that an attribute contains
 */
const struct nlattr *nl_find(const struct nlmsghdr *nlh, size_t header,
			     int type);
const struct nlattr *nl_find_in(const struct nlattr *nest, int type);

/* Requests about devices, which return what nl_talk() does. The peer of a new
 * pair ("veth" or "netkit") is created in this network namespace, or in the same
 * one for -1.
 */
int nl_add_pair(struct mnl_socket *nl, const char *kind, const char *name,
		int ifindex, const char *peer, int peer_ifindex,
		int peer_netns);
int nl_delete_link(struct mnl_socket *nl, int ifindex);
int nl_set_up(struct mnl_socket *nl, int ifindex);

/* What the kernel reports about a program that is attached to a device */
struct attachment {
	__u32 id;	/* of the program, 0 if there is none */
	__u32 flags;	/* IFLA_XDP_FLAGS or TCA_BPF_FLAGS */
	__u32 handle;	/* of a filter */
	__u8 mode;	/* of XDP: XDP_ATTACHED_DRV and the like */
};

/* Parse an RTM_NEWLINK or RTM_NEWTFILTER message. */
struct attachment nl_attachment(const struct nlmsghdr *nlh);

/* What is reported in answer to this request; returns what nl_talk() does. */
int nl_query(struct mnl_socket *nl, struct nlmsghdr *nlh,
	     struct attachment *seen);

/* XDP on a device that exists */
struct attachment nl_query_xdp(struct mnl_socket *nl, int ifindex);

/* The bpf filters at PARENT, at most MAX of them. Returns how many there are. */
int nl_list_filters(struct mnl_socket *nl, int ifindex, __u32 parent,
		    struct attachment *to, int max);

/* ---- kernel.c: the kernel's own counters --------------------------------- */

/*
 * The counters are read from the kernel's memory. No system call reports them,
 * and opening a prog array would take a user reference. Nothing is locked: an
 * object that is freed meanwhile is reported as gone.
 *
 * kernel_open() keeps file descriptors open, and is needed once per process
 * before the other functions; a child after fork(2) can use what its parent
 * opened. It needs root, /proc/kcore, /proc/kallsyms and the kernel's BTF; on
 * user-mode Linux also /dev/mem.
 */
#define KERNEL_SLOTS 32

struct kernel_map {
	__u32 id, type;
	char name[BPF_OBJ_NAME_LEN];
	__s64 refs, urefs;	/* refcnt and usercnt */
	__u32 slots;		/* max_entries of a prog array, otherwise 0 */
	__u32 slot[KERNEL_SLOTS];	/* ids of programs, 0 for none */
};

struct kernel_prog {
	__u32 id, type;
	char name[BPF_OBJ_NAME_LEN];
	__s64 refs;
	__s64 holds;		/* hold_cnt, -1 on a kernel without it */
	__u32 maps;		/* used_map_cnt */
};

void kernel_open(void);

/* Whether this kernel has holds, which the base kernel lacks */
bool kernel_has_holds(void);

/* Returns false, with everything but the id 0, if there is no such object. */
bool kernel_map(__u32 id, struct kernel_map *map);
bool kernel_prog(__u32 id, struct kernel_prog *prog);

/* All of them, ordered by id. Returns how many; more than MAX is an error. */
int kernel_maps(struct kernel_map *maps, int max);
int kernel_progs(struct kernel_prog *progs, int max);

#endif
