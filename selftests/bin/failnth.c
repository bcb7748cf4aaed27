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
 * proof is in its own counts: references and user references of the arrays,
 * references and holds of the programs. Prints how
 * many faults were injected; none is a failure.
 *
 *	A jumps through "shared" and "a", B through "shared" and "b". Nobody
 *	has an fd of "shared" while A or B is held, so that one moment without
 *	a hold empties it.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../common/common.h"

#define DEADLINE 20 /* seconds */
#define DEBUGFS	"/sys/kernel/debug/"
#define TOO_MANY 5000 /* allocations in one system call */

enum { A, B, NONE };
enum { SHARED, OWN_A, OWN_B, MAPS };

struct state {
	int prog;	/* A, B or NONE */
	bool held;
};

struct counts {
	struct kernel_map map[MAPS];
	struct kernel_prog prog[2];
};

static enum { XDP, TC, LINK, BIND } kind;
static __u32 mode;
static int ifindex, fail_nth, link_fd = -1;
static struct mnl_socket *nl;
static enum bpf_prog_type type;
static int prog_fd[2], map_fd[MAPS];
static __u32 prog_id[2], map_id[MAPS];
static struct counts expected[3][2];	/* in each state */
static long faults, refused, survived, unanswered;

/* ---- faults ------------------------------------------------------------- */

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
	write_file(DEBUGFS "failslab/ignore-gfp-wait", "N");
	write_file(DEBUGFS "failslab/cache-filter", "N");
	write_file(DEBUGFS "failslab/verbose", "0");
	write_file(DEBUGFS "fail_page_alloc/ignore-gfp-wait", "N");
	write_file(DEBUGFS "fail_page_alloc/ignore-gfp-highmem", "N");
	write_file(DEBUGFS "fail_page_alloc/min-order", "0");
	write_file(DEBUGFS "fail_page_alloc/verbose", "0");
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
	if (fail_nth < 0)
		err(1, "fail-nth");
}

/* ---- the kernel's counts ------------------------------------------------ */

static struct counts read_counts(void)
{
	struct counts counts;
	int i;

	/* no padding that differs */
	memset(&counts, 0, sizeof(counts));
	for (i = 0; i < MAPS; i++)
		if (!kernel_map(map_id[i], &counts.map[i]))
			errx(1, "array %d is gone", i);
	for (i = 0; i < 2; i++)
		if (!kernel_prog(prog_id[i], &counts.prog[i]))
			errx(1, "program %d is gone", i);
	return counts;
}

static void print_counts(const char *what, const struct counts *counts)
{
	static const char * const names[] = { "shared", "a", "b" };
	int i;

	fprintf(stderr, "%s:", what);
	for (i = 0; i < MAPS; i++)
		fprintf(stderr, " %s: refs %lld urefs %lld;", names[i],
			counts->map[i].refs, counts->map[i].urefs);
	for (i = 0; i < 2; i++)
		fprintf(stderr, " %c: refs %lld holds %lld maps %u;", 'A' + i,
			counts->prog[i].refs, counts->prog[i].holds,
			counts->prog[i].maps);
	fputc('\n', stderr);
}

/* Holds end after a grace period, from a work, and references with them. */
static void wait_for_counts(const struct counts *wanted)
{
	double end = now() + DEADLINE;
	struct counts seen;

	do {
		seen = read_counts();
		if (!memcmp(&seen, wanted, sizeof(seen)))
			return;
	} while (nap(end, 2));
	print_counts("expected", wanted);
	print_counts("seen", &seen);
	errx(1, "the kernel's counts are not what they were before");
}

/* ---- programs and arrays ------------------------------------------------ */

/* A program returns HIT through the array "shared", or else through its own as
 * well. Only "shared" ever is filled: to hit is to hit through it.
 */
#define HIT 1
#define MISS 2

static int load(int first, int second, __u32 *id)
{
	const struct jump jumps[] = { { first, 0 }, { second, 0 } };

	return load_jumper(type, "failnth", jumps, 2, MISS, id);
}

static void make_programs(void)
{
	int target = load_jumper(type, "target", NULL, 0, HIT, NULL);

	map_fd[SHARED] = make_prog_array("shared", 1, &map_id[SHARED]);
	map_fd[OWN_A] = make_prog_array("a", 1, &map_id[OWN_A]);
	map_fd[OWN_B] = make_prog_array("b", 1, &map_id[OWN_B]);
	prog_fd[A] = load(map_fd[kind == BIND ? OWN_A : SHARED], map_fd[OWN_A],
			  &prog_id[A]);
	prog_fd[B] = load(map_fd[SHARED], map_fd[OWN_B], &prog_id[B]);
	fill_slot(map_fd[SHARED], 0, target);
	close(target);
}

/* ---- requests ----------------------------------------------------------- */

static int link_create(int prog, bool held)
{
	union bpf_attr attr = {
		.link_create.prog_fd = prog_fd[prog],
		.link_create.target_ifindex = ifindex,
		.link_create.attach_type = BPF_XDP,
		.link_create.flags = mode | (held ? XDP_FLAGS_HOLD_PROG_ARRAYS : 0),
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
	const struct nlmsghdr *nlh = (void *)buf;
	int len = mnl_socket_recvfrom(nl, buf, sizeof(buf));

	if (len < 0 && errno == ENOBUFS)
		return 1;
	if (len < 0 || !mnl_nlmsg_ok(nlh, len) ||
	    nlh->nlmsg_type != NLMSG_ERROR)
		err(1, "netlink receive");
	return ((struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
}

static struct nlmsghdr *make_request(struct state from, struct state to)
{
	int fd = to.prog == NONE ? -1 : prog_fd[to.prog];
	struct nlmsghdr *nlh;

	if (kind == XDP) {
		nlh = nl_request(RTM_SETLINK, NLM_F_ACK);
		nl_put_link(nlh, ifindex);
		nl_put_xdp(nlh, fd, mode |
			   (to.held ? XDP_FLAGS_HOLD_PROG_ARRAYS : 0), -1);
	} else if (to.prog == NONE) {
		nlh = nl_request(RTM_DELTFILTER, NLM_F_ACK);
		nl_put_tc(nlh, ifindex, NL_INGRESS, 1, 1);
		mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	} else {
		nlh = nl_request(RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE |
				 (from.prog == NONE ? NLM_F_EXCL : 0));
		nl_put_tc(nlh, ifindex, NL_INGRESS, 1, 1);
		nl_put_bpf(nlh, fd, TCA_BPF_FLAG_ACT_DIRECT |
			   (to.held ? TCA_BPF_FLAG_HOLD_MAPS : 0), 0);
	}
	return nlh;
}

/* The request, of which the n-th allocation fails: 0, -errno, or 1 if nobody
 * knows. *injected tells if it had so many.
 */
static int request(struct state from, struct state to, int n, bool *injected)
{
	struct nlmsghdr *nlh;
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

	nlh = make_request(from, to);
	set_fault(n);
	ret = mnl_socket_sendto(nl, nlh, nlh->nlmsg_len);
	error = errno;
	*injected = end_fault();
	return ret < 0 ? -error : answer();
}

/* The link has the program and the flag that the device has. */
static void check_link(struct attachment seen)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);

	if (bpf_link_get_info_by_fd(link_fd, &info, &len))
		err(1, "link info");
	if (seen.id && (info.prog_id != seen.id || !info.xdp.ifindex))
		errx(1, "the link has program %u, the device %u", info.prog_id,
		     seen.id);
	if ((info.xdp.flags ^ seen.flags) & XDP_FLAGS_HOLD_PROG_ARRAYS)
		errx(1, "link info says %x", info.xdp.flags);
}

static struct state read_state(void)
{
	struct attachment seen = kind == TC ? nl_query_filter(nl, ifindex, 1) :
					      nl_query_xdp(nl, ifindex);
	struct state state = { .prog = NONE };

	if (seen.id)
		state.prog = seen.id == prog_id[A] ? A : B;
	if (seen.id && seen.id != prog_id[state.prog])
		errx(1, "program %u is attached, which nobody did", seen.id);
	state.held = seen.flags & (kind == TC ? TCA_BPF_FLAG_HOLD_MAPS :
						XDP_FLAGS_HOLD_PROG_ARRAYS);
	if (kind == LINK && link_fd >= 0)
		check_link(seen);
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
		map_fd[SHARED] = open_map(map_id[SHARED]);
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
		if (run_prog(prog_fd[A]) != HIT || run_prog(prog_fd[B]) != HIT)
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

static const struct state states[] = {
	{ NONE, false }, { A, false }, { A, true }, { B, false }, { B, true },
};

/* What the counts are in each state, without faults; that a hold is one user
 * reference on each array, and nothing else one, is told from rule S2.
 */
static void learn_counts(void)
{
	struct counts wanted = {};
	bool a, b;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		const struct state state = states[i];
		struct counts *counts;

		go_to((struct state){ .prog = NONE }, state);
		counts = &expected[state.prog][state.held];
		*counts = read_counts();
		if (!same(read_state(), state))
			errx(1, "not %s", name(state));
		if (state.prog == NONE)
			wanted = *counts;
		a = state.held && state.prog == A;
		b = state.held && state.prog == B;
		if (counts->map[SHARED].urefs != 1 + a + b ||
		    counts->map[OWN_A].urefs != 1 + a ||
		    counts->map[OWN_B].urefs != 1 + b ||
		    counts->prog[A].holds != a || counts->prog[B].holds != b) {
			print_counts(name(state), counts);
			errx(1, "these are not the user references of a hold");
		}
		go_to(state, (struct state){ .prog = NONE });
		wait_for_counts(&wanted);
	}
}

static void fail_attachments(void)
{
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
		map_fd[OWN_A] = make_prog_array("a", 1, &map_id[OWN_A]);
		map_fd[OWN_B] = make_prog_array("late", 1, &map_id[OWN_B]);
		prog_fd[A] = load(map_fd[OWN_A], map_fd[OWN_A], &prog_id[A]);
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

static const struct way {
	const char *name;
	int kind;
	__u32 mode;
} ways[] = {
	{ "xdpdrv", XDP, XDP_FLAGS_DRV_MODE },
	{ "xdpgeneric", XDP, XDP_FLAGS_SKB_MODE },
	{ "ingress", TC, 0 },
	{ "linkdrv", LINK, XDP_FLAGS_DRV_MODE },
	{ "linkgeneric", LINK, XDP_FLAGS_SKB_MODE },
	{ "bind", BIND, XDP_FLAGS_DRV_MODE },
};

int main(int argc, char **argv)
{
	const struct way *w;

	if (argc != 3)
		errx(2, "usage: failnth WHERE DEV");
	ifindex = device_index(argv[2]);
	for (w = ways; strcmp(w->name, argv[1]); w++)
		if (w == &ways[ARRAY_SIZE(ways) - 1])
			errx(2, "%s: no such place to attach to", argv[1]);
	kind = w->kind;
	mode = w->mode;
	type = kind == TC ? BPF_PROG_TYPE_SCHED_CLS : BPF_PROG_TYPE_XDP;
	kernel_open();
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
