// SPDX-License-Identifier: GPL-2.0-only
/*
 * failnth WHERE DEV: fail every allocation of an attachment, one after the other
 *
 * WHERE is xdpdrv, xdpgeneric, ingress, linkdrv or linkgeneric (a BPF link),
 * or bind (BPF_PROG_BIND_MAP). For each state of
 * an attachment and each request that leads to another one, the one system
 * call that makes the request is repeated with its first, second, ...
 * allocation failing, until no allocation is left to fail.
 *
 * Each time the kernel must have done all or nothing, and have said which. The
 * proof is in its own counts, see progs/urefs.bpf.c: references and user
 * references of the arrays, references and holds of the programs. Prints how
 * many faults were injected; none is a failure.
 *
 *	A jumps through "shared" and "a", B through "shared" and "b". Nobody
 *	has an fd of "shared" while A or B is held, so that one moment without
 *	a hold empties it.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "nl.h"
#include "urefs.h"

#define DEADLINE 20 /* seconds */
#define TOO_MANY 5000 /* allocations in one system call */

enum { A, B, NONE };
enum { SHARED, OWN_A, OWN_B, MAPS };

struct state {
	int prog;	/* A, B or NONE */
	bool held;
};

struct counts {
	struct urefs map[MAPS], prog[2];
};

static enum { XDP, TC, LINK, BIND } kind;
static __u32 mode;
static int ifindex, nl, fail_nth, link_fd = -1;
static int iter_maps, iter_progs;
static enum bpf_prog_type type;
static int prog_fd[2], map_fd[MAPS];
static __u32 prog_id[2], map_id[MAPS];
static struct counts expected[3][2];	/* in each state */
static long faults, refused, survived, unanswered;

/* ---- faults ------------------------------------------------------------- */

static void tune(const char *path, const char *value)
{
	char full[PATH_MAX];
	int fd;

	snprintf(full, sizeof(full), "/sys/kernel/debug/%s", path);
	fd = open(full, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		err(1, "%s", full);
	close(fd);
}

static void set_fault(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fail_nth, text, len, 0) != len)
		err(1, "fail-nth");
}

/* Ends what set_fault() began; true if the fault was injected */
static bool end_fault(void)
{
	char text[16] = {};

	if (pread(fail_nth, text, sizeof(text) - 1, 0) < 1)
		err(1, "fail-nth");
	set_fault(0);
	return atoi(text) == 0;
}

static void prepare_faults(void)
{
	tune("failslab/ignore-gfp-wait", "N");
	tune("failslab/cache-filter", "N");
	tune("failslab/verbose", "0");
	tune("fail_page_alloc/ignore-gfp-wait", "N");
	tune("fail_page_alloc/ignore-gfp-highmem", "N");
	tune("fail_page_alloc/min-order", "0");
	tune("fail_page_alloc/verbose", "0");
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
	if (fail_nth < 0)
		err(1, "fail-nth");
}

/* ---- the kernel's counts ------------------------------------------------ */

static struct counts read_counts(void)
{
	struct counts now;

	memset(&now, 0, sizeof(now));
	urefs_read(iter_maps, now.map, map_id, MAPS);
	urefs_read(iter_progs, now.prog, prog_id, 2);
	return now;
}

static void print_counts(const char *what, const struct counts *counts)
{
	static const char * const names[] = { "shared", "a", "b", "A", "B" };
	const struct urefs *line = counts->map;
	int i;

	fprintf(stderr, "%s:", what);
	for (i = 0; i < MAPS + 2; i++)
		fprintf(stderr, " %s: refs %lld %s %lld maps %u;", names[i],
			line[i].refs, i < MAPS ? "urefs" : "holds",
			line[i].urefs, line[i].maps);
	fputc('\n', stderr);
}

/* Holds end after a grace period, from a work, and references with them. */
static void wait_for_counts(const struct counts *wanted)
{
	struct timespec pause = { .tv_nsec = 2 * 1000 * 1000 };
	time_t end = time(NULL) + DEADLINE;
	struct counts now;

	for (;;) {
		now = read_counts();
		if (!memcmp(&now, wanted, sizeof(now)))
			return;
		if (time(NULL) > end)
			break;
		nanosleep(&pause, NULL);
	}
	print_counts("expected", wanted);
	print_counts("seen", &now);
	errx(1, "the kernel's counts are not what they were before");
}

/* ---- programs and arrays ------------------------------------------------ */

static int load(const struct bpf_insn *insns, size_t count, __u32 *id)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd;

	opts.expected_attach_type = type == BPF_PROG_TYPE_XDP ? BPF_XDP : 0;
	fd = bpf_prog_load(type, "failnth", "GPL", insns, count, &opts);
	if (fd < 0 || bpf_prog_get_info_by_fd(fd, &info, &len))
		err(1, "program");
	*id = info.id;
	return fd;
}

#define JUMP(map)								\
	{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_1,	\
	  .src_reg = BPF_REG_6 },					\
	{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_2,	\
	  .src_reg = BPF_PSEUDO_MAP_FD, .imm = map }, {},		\
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3 },	\
	{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_tail_call }

/* Returns HIT through the array "shared", or else through its own as well. */
#define HIT 1
#define MISS 2

static int load_jumper(int shared, int own, __u32 *id)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = BPF_REG_6,
		  .src_reg = BPF_REG_1 },
		JUMP(shared),
		JUMP(own),
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = MISS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return load(insns, sizeof(insns) / sizeof(insns[0]), id);
}

static int load_target(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = HIT },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	__u32 id;

	return load(insns, 2, &id);
}

static int make_array(const char *name, __u32 *id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd;

	fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, name, 4, 4, 1, NULL);
	if (fd < 0 || bpf_map_get_info_by_fd(fd, &info, &len))
		err(1, "prog array");
	*id = info.id;
	return fd;
}

/* Only "shared" ever is filled: to hit is to hit through it. */
static bool hits(int prog)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
		    .data_size_in = sizeof(packet));

	if (bpf_prog_test_run_opts(prog, &opts))
		err(1, "bpf_prog_test_run_opts");
	return opts.retval == HIT;
}

static void fill(int map)
{
	int target = load_target();
	__u32 slot = 0;

	if (bpf_map_update_elem(map, &slot, &target, BPF_ANY))
		err(1, "fill");
	close(target);
}

static void make_programs(void)
{
	map_fd[SHARED] = make_array("shared", &map_id[SHARED]);
	map_fd[OWN_A] = make_array("a", &map_id[OWN_A]);
	map_fd[OWN_B] = make_array("b", &map_id[OWN_B]);
	prog_fd[A] = load_jumper(map_fd[kind == BIND ? OWN_A : SHARED],
				 map_fd[OWN_A], &prog_id[A]);
	prog_fd[B] = load_jumper(map_fd[SHARED], map_fd[OWN_B], &prog_id[B]);
	fill(map_fd[SHARED]);
}

/* ---- requests ----------------------------------------------------------- */

static int link_create(int prog, bool held)
{
	union bpf_attr attr = {
		.link_create.prog_fd = prog_fd[prog],
		.link_create.target_ifindex = ifindex,
		.link_create.attach_type = BPF_XDP,
		.link_create.flags = mode | (held ? HOLD_XDP : 0),
	};

	return sys_bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
}

static int link_update(int prog)
{
	union bpf_attr attr = {
		.link_update.link_fd = link_fd,
		.link_update.new_prog_fd = prog_fd[prog],
	};

	return sys_bpf(BPF_LINK_UPDATE, &attr, sizeof(attr));
}

static int link_detach(void)
{
	union bpf_attr attr = { .link_detach.link_fd = link_fd };

	return sys_bpf(BPF_LINK_DETACH, &attr, sizeof(attr));
}

/* What a request with NLM_F_ACK came to: 0, -errno, or 1 if the answer was
 * what could not be allocated.
 */
static int answer(void)
{
	static char buf[8192];
	const struct nlmsgerr *e = mnl_nlmsg_get_payload((void *)buf);
	int len = recv(nl, buf, sizeof(buf), 0);

	if (len < 0 && errno == ENOBUFS)
		return 1;
	if (len < 0 || !mnl_nlmsg_ok((void *)buf, len) ||
	    ((struct nlmsghdr *)buf)->nlmsg_type != NLMSG_ERROR)
		err(1, "netlink receive");
	return e->error;
}

static size_t put_request(void *buf, struct state from, struct state to)
{
	int fd = to.prog == NONE ? -1 : prog_fd[to.prog];
	struct nlmsghdr *nlh;

	if (kind == XDP) {
		nlh = nl_begin(buf, RTM_SETLINK, NLM_F_ACK);
		nl_put_xdp(nlh, ifindex, fd, mode | (to.held ? HOLD_XDP : 0));
	} else if (to.prog == NONE) {
		nlh = nl_begin(buf, RTM_DELTFILTER, NLM_F_ACK);
		nl_put_filter(nlh, ifindex, 1);
	} else {
		nlh = nl_begin(buf, RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE |
			       (from.prog == NONE ? NLM_F_EXCL : 0));
		nl_put_tc(nlh, ifindex, 1, fd, "failnth",
			  TCA_BPF_FLAG_ACT_DIRECT | (to.held ? HOLD_TC : 0));
	}
	return nlh->nlmsg_len;
}

/* The request, of which the n-th allocation fails: 0, -errno, or 1 if nobody
 * knows. *injected tells if it had so many.
 */
static int request(struct state from, struct state to, int n, bool *injected)
{
	static char buf[8192];
	int ret, error;

	if (kind == LINK) {
		set_fault(n);
		if (from.prog == NONE)
			ret = link_create(to.prog, to.held);
		else if (to.prog == NONE)
			ret = link_detach();
		else
			ret = link_update(to.prog);
		error = errno;
		*injected = end_fault();
		if (from.prog == NONE && ret >= 0)
			link_fd = ret;
		return ret < 0 ? -error : 0;
	}

	memset(buf, 0, sizeof(buf));
	put_request(buf, from, to);
	set_fault(n);
	ret = send(nl, buf, ((struct nlmsghdr *)buf)->nlmsg_len, 0);
	error = errno;
	*injected = end_fault();
	return ret < 0 ? -error : answer();
}

static struct state read_state(void)
{
	struct attachment seen = nl_ask(nl, kind != TC, ifindex);
	struct state state = { .prog = NONE };

	if (seen.id)
		state.prog = seen.id == prog_id[A] ? A : B;
	if (seen.id && seen.id != prog_id[state.prog])
		errx(1, "program %u is attached, which nobody did", seen.id);
	state.held = seen.flags & (kind == TC ? HOLD_TC : HOLD_XDP);
	if (kind == LINK && link_fd >= 0) {
		struct bpf_link_info info = {};
		__u32 len = sizeof(info);
		const __u32 *xdp = (void *)&info.xdp.ifindex;

		if (bpf_link_get_info_by_fd(link_fd, &info, &len))
			err(1, "link info");
		/* ifindex, then flags */
		if (seen.id && (info.prog_id != seen.id || xdp[0] == 0))
			errx(1, "the link has program %u, the device %u",
			     info.prog_id, seen.id);
		if (state.held != !!(xdp[1] & HOLD_XDP))
			errx(1, "link info says %x", xdp[1]);
	}
	return state;
}

/* ---- all of it ---------------------------------------------------------- */

static const char *name(struct state state)
{
	static const char * const names[3][2] = {
		{ "A", "A held" }, { "B", "B held" }, { "nothing", "" },
	};

	return names[state.prog][state.held];
}

static bool same(struct state one, struct state two)
{
	return one.prog == two.prog && one.held == two.held;
}

static void must(int ret, const char *what)
{
	if (ret)
		errx(1, "%s without a fault: %s", what, strerror(-ret));
}

/* Without faults, by way of nothing */
static void go_to(struct state from, struct state to)
{
	const struct state nothing = { .prog = NONE };
	bool injected;

	if (from.prog != NONE && same(from, to))
		return;
	if (from.prog != NONE)
		must(request(from, nothing, 0, &injected), "detach");
	/* also one that was detached already, and still has its program */
	if (link_fd >= 0) {
		close(link_fd);
		link_fd = -1;
	}
	if (to.prog != NONE)
		must(request(nothing, to, 0, &injected), "attach");
}

/* From here on nobody but the held attachment keeps "shared". */
static void only_holds(bool on)
{
	if (on) {
		close(map_fd[SHARED]);
		map_fd[SHARED] = -1;
	} else {
		map_fd[SHARED] = bpf_map_get_fd_by_id(map_id[SHARED]);
		if (map_fd[SHARED] < 0)
			err(1, "open shared");
	}
}

/* One number of allocations after the other, from one state to another */
static void fail_each(struct state from, struct state to)
{
	/* what has no user reference at all would be emptied */
	bool alone = from.held && to.held;
	long was[] = { faults, refused, survived, unanswered };
	struct counts before, after;
	struct state now;
	bool injected;
	int n, ret;

	go_to((struct state){ .prog = NONE }, from);
	if (alone)
		only_holds(true);
	before = expected[from.prog][from.held];
	after = expected[to.prog][to.held];
	if (alone) {
		before.map[SHARED].urefs--, before.map[SHARED].refs--;
		after.map[SHARED].urefs--, after.map[SHARED].refs--;
	}

	/* a link that was detached keeps its program */
	if (kind == LINK && to.prog == NONE)
		after.prog[from.prog].refs++;

	for (n = 1; n < TOO_MANY; n++) {
		ret = request(from, to, n, &injected);
		now = read_state();
		if (ret == 0 && !same(now, to))
			errx(1, "%s -> %s, fault %d: ok, and now %s",
			     name(from), name(to), n, name(now));
		if (ret < 0 && !same(now, from))
			errx(1, "%s -> %s, fault %d: %s, and now %s",
			     name(from), name(to), n, strerror(-ret), name(now));
		if (!same(now, from) && !same(now, to))
			errx(1, "%s -> %s, fault %d: now %s", name(from),
			     name(to), n, name(now));
		if (!hits(prog_fd[A]) || !hits(prog_fd[B]))
			errx(1, "%s -> %s, fault %d: the array was emptied",
			     name(from), name(to), n);
		wait_for_counts(same(now, to) ? &after : &before);

		if (!injected) {
			must(ret, "the last of them");
			break;
		}
		faults++;
		refused += ret < 0;
		survived += ret == 0;
		unanswered += ret > 0;
		/* with an fd of "shared" while nothing is attached */
		if (alone && !same(now, from))
			only_holds(false);
		if (!same(now, from)) {
			go_to(now, from);
			if (alone)
				only_holds(true);
		}
		wait_for_counts(&before);
	}
	if (n == TOO_MANY)
		errx(1, "%s -> %s: no end", name(from), name(to));
	if (alone)
		only_holds(false);
	go_to(to, (struct state){ .prog = NONE });
	wait_for_counts(&expected[NONE][0]);
	printf("%s -> %s: %ld faults: %ld refused, %ld survived, %ld without an answer\n",
	       name(from), name(to), faults - was[0], refused - was[1],
	       survived - was[2], unanswered - was[3]);
	fflush(stdout);
	/* of a link only a hold takes memory: detach and update have none */
	if (faults == was[0] &&
	    (kind != LINK || (to.held && !same(from, to))))
		errx(1, "no fault was injected");
}

/* What the counts are in each state, without faults; that a hold is one user
 * reference on each array, and nothing else one, is told from rule S2.
 */
static void learn_counts(void)
{
	const struct state states[] = {
		{ NONE, false }, { A, false }, { A, true }, { B, false },
		{ B, true },
	};
	struct counts wanted = {};
	size_t i;

	for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		const struct state state = states[i];
		struct counts *counts;

		go_to((struct state){ .prog = NONE }, state);
		counts = &expected[state.prog][state.held];
		*counts = read_counts();
		if (!same(read_state(), state))
			errx(1, "not %s", name(state));
		if (state.prog == NONE)
			wanted = *counts;
		if (counts->map[SHARED].urefs != 1 + state.held ||
		    counts->map[OWN_A].urefs != 1 + (state.held && state.prog == A) ||
		    counts->map[OWN_B].urefs != 1 + (state.held && state.prog == B) ||
		    counts->prog[A].urefs != (state.held && state.prog == A) ||
		    counts->prog[B].urefs != (state.held && state.prog == B)) {
			print_counts(name(state), counts);
			errx(1, "these are not the user references of a hold");
		}
		go_to(state, (struct state){ .prog = NONE });
		wait_for_counts(&wanted);
	}
}

static void fail_attachments(void)
{
	const struct state states[] = {
		{ NONE, false }, { A, false }, { A, true }, { B, false },
		{ B, true },
	};
	size_t from, to;

	learn_counts();
	for (from = 0; from < 3; from++) {
		for (to = 0; to < 5; to++) {
			if (states[from].prog == NONE && states[to].prog != A)
				continue;
			/* a link cannot change whether it holds */
			if (kind == LINK && states[from].prog != NONE &&
			    states[to].prog != NONE &&
			    states[from].held != states[to].held)
				continue;
			fail_each(states[from], states[to]);
		}
	}
}

/* BPF_PROG_BIND_MAP adds the array for good: each round has one of its own,
 * and a program of its own in the place of A.
 */
static void fail_binds(struct state state)
{
	long was[] = { faults, refused, survived };
	union bpf_attr attr = {};
	struct counts unattached, wanted;
	bool injected = true;
	int n, ret, error;

	for (n = 1; injected && n < TOO_MANY; n++) {
		close(prog_fd[A]);
		close(map_fd[OWN_A]);
		close(map_fd[OWN_B]);
		map_fd[OWN_A] = make_array("a", &map_id[OWN_A]);
		map_fd[OWN_B] = make_array("late", &map_id[OWN_B]);
		prog_fd[A] = load_jumper(map_fd[OWN_A], map_fd[OWN_A],
					 &prog_id[A]);
		unattached = read_counts();
		go_to((struct state){ .prog = NONE }, state);

		wanted = read_counts();
		attr.prog_bind_map.prog_fd = prog_fd[A];
		attr.prog_bind_map.map_fd = map_fd[OWN_B];
		set_fault(n);
		ret = sys_bpf(BPF_PROG_BIND_MAP, &attr, sizeof(attr));
		error = errno;
		injected = end_fault();
		if (!injected && ret)
			errx(1, "bind without a fault: %s", strerror(error));
		if (!ret) {
			wanted.map[OWN_B].refs++;
			wanted.map[OWN_B].urefs += state.held;
			wanted.prog[A].maps++;
			unattached.map[OWN_B].refs++;
			unattached.prog[A].maps++;
		}
		wait_for_counts(&wanted);
		faults += injected;
		refused += injected && ret;
		survived += injected && !ret;

		go_to(state, (struct state){ .prog = NONE });
		wait_for_counts(&unattached);
	}
	printf("bind to %s: %ld faults: %ld refused, %ld survived\n",
	       name(state), faults - was[0], refused - was[1],
	       survived - was[2]);
	if (injected || faults == was[0])
		errx(1, injected ? "no end" : "no fault was injected");
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: failnth WHERE DEV");
	ifindex = if_nametoindex(argv[2]);
	if (!ifindex)
		err(1, "%s", argv[2]);
	type = BPF_PROG_TYPE_XDP;
	mode = XDP_FLAGS_DRV_MODE;
	if (!strcmp(argv[1], "xdpdrv")) {
		kind = XDP;
	} else if (!strcmp(argv[1], "xdpgeneric")) {
		kind = XDP, mode = XDP_FLAGS_SKB_MODE;
	} else if (!strcmp(argv[1], "ingress")) {
		kind = TC, type = BPF_PROG_TYPE_SCHED_CLS;
	} else if (!strcmp(argv[1], "linkdrv")) {
		kind = LINK;
	} else if (!strcmp(argv[1], "linkgeneric")) {
		kind = LINK, mode = XDP_FLAGS_SKB_MODE;
	} else if (!strcmp(argv[1], "bind")) {
		kind = BIND;
	} else {
		errx(2, "%s: no such place to attach to", argv[1]);
	}

	iter_maps = urefs_iter("maps");
	iter_progs = urefs_iter("progs");
	nl = nl_open();
	make_programs();
	prepare_faults();
	if (kind != BIND) {
		fail_attachments();
	} else {
		kind = XDP;
		fail_binds((struct state){ NONE, false });
		fail_binds((struct state){ A, false });
		fail_binds((struct state){ A, true });
	}
	printf("%s on %s: %ld faults in all: %ld refused, %ld survived, %ld without an answer\n",
	       argv[1], argv[2], faults, refused, survived, unanswered);
	return 0;
}
