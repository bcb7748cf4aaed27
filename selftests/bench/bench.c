// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the instructions that it takes to attach and detach a program that uses
 * prog arrays: in a guest whose clocks count them (VM_ICOUNT=1), the CPU time
 * of a task in nanoseconds is the number of instructions that it executed.
 *
 *   bench attach DEV	"attach KIND WAY ARRAYS SLOTS ATTACH DETACH": the request
 *			itself, as the least of several rounds
 *   bench clear DEV	"clear WAY ARRAYS SLOTS ALL": all tasks of the guest, from
 *			the request that drops the last user references until
 *			the arrays are clear
 *   bench devices N	"devices WAY N ATTACH REMOVE ALL WORKERS": for each of N
 *			devices, to attach the same program to one more, and when
 *			all are removed by one request, that request and all tasks
 *			until the array is clear; and kernel threads that were added
 *   bench wait N	"wait WAY N BEFORE MEANWHILE": how long the slowest of many
 *			requests to attach and detach takes, waiting included: when
 *			nothing else happens, and while an array of the program is
 *			cleared through which N programs jump
 *
 * KIND is generic, native, link or tc. WAY is plain, held (with the flag; only on
 * kernels that have it), or pins: plain, and each array pinned and unpinned. In
 * "clear", plain is the close of the last file descriptors.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "../common/common.h"

#define ROUNDS	8
#define IN_A_ROW 3		/* what came before has warmed up other memory */
#define MOST	32		/* arrays */
#define LARGE	1000000		/* slots */
#define SMALL	8
#define PATIENCE 600		/* seconds, of the guest */
#define GROUP	7		/* of the devices that are removed at once */

enum kind { GENERIC, NATIVE, LINK, TC, KINDS };
enum way { PLAIN, HELD, PINS, WAYS };

static const char *const kind_name[] = { "generic", "native", "link", "tc" };
static const char *const way_name[] = { "plain", "held", "pins" };
static struct mnl_socket *nl;

/* ---- counting ------------------------------------------------------------ */

static __u64 read_clock(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		return 0;
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static __u64 own(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* Of all tasks, including those of the kernel; *THREADS is how many there are. */
static __u64 everybody(int *threads)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	__u64 sum = 0;
	clockid_t clock;
	int pid;

	if (!dir)
		err(1, "/proc");
	*threads = 0;
	while ((entry = readdir(dir))) {
		pid = atoi(entry->d_name);
		if (pid && !clock_getcpuclockid(pid, &clock)) {
			sum += read_clock(clock);
			++*threads;
		}
	}
	closedir(dir);
	return sum;
}

/* ---- programs and attachments -------------------------------------------- */

struct subject {
	int arrays, slots, prog;
	int map[MOST];
	__u64 attach[WAYS], detach[WAYS];	/* the least that was seen */
};

static struct subject make_subject(enum kind kind, int arrays, int slots)
{
	enum bpf_prog_type type = kind == TC ? BPF_PROG_TYPE_SCHED_CLS :
					       BPF_PROG_TYPE_XDP;
	struct subject s = { .arrays = arrays, .slots = slots };
	struct jump jumps[MOST];
	int target, i;

	target = load_jumper(type, "target", NULL, 0, XDP_TX, NULL);
	for (i = 0; i < arrays; i++) {
		s.map[i] = make_prog_array("jmp", slots, NULL);
		fill_slot(s.map[i], slots - 1, target);
		jumps[i] = (struct jump){ s.map[i], slots - 1 };
	}
	close(target);
	s.prog = load_jumper(type, "entry", jumps, arrays, XDP_PASS, NULL);
	for (i = 0; i < WAYS; i++) {
		s.attach[i] = -1;
		s.detach[i] = -1;
	}
	return s;
}

static void close_maps(const struct subject *s)
{
	int i;

	for (i = 0; i < s->arrays; i++)
		close(s->map[i]);
}

/* Sends the request, and adds what that took to *SPENT. */
static void send_counted(struct nlmsghdr *nlh, __u64 *spent)
{
	__u64 start = own();
	int error = nl_talk(nl, nlh, NULL, NULL);

	*spent += own() - start;
	if (error)
		errx(1, "%s: %s", strerror(-error), nl_message());
}

static void set_xdp(int ifindex, int prog, __u32 flags, __u64 *spent)
{
	struct nlmsghdr *nlh = nl_request(RTM_SETLINK, NLM_F_ACK);

	nl_put_link(nlh, ifindex);
	nl_put_xdp(nlh, prog, flags, -1);
	send_counted(nlh, spent);
}

static void set_filter(int ifindex, int prog, __u32 flags, __u64 *spent)
{
	int type = prog < 0 ? RTM_DELTFILTER : RTM_NEWTFILTER;
	struct nlmsghdr *nlh;

	nlh = nl_request(type, NLM_F_ACK | (prog < 0 ? 0 : NLM_F_CREATE));
	nl_put_tc(nlh, ifindex, NL_INGRESS, 1, 1);
	if (prog < 0)
		mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	else
		nl_put_bpf(nlh, prog, flags | TCA_BPF_FLAG_ACT_DIRECT, 0);
	send_counted(nlh, spent);
}

static int set_link(int ifindex, int prog, bool hold, __u64 *spent)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = XDP_FLAGS_SKB_MODE |
			     (hold ? XDP_FLAGS_HOLD_PROG_ARRAYS : 0));
	__u64 start = own();
	int link = bpf_link_create(prog, ifindex, BPF_XDP, &opts);

	*spent += own() - start;
	if (link < 0)
		err(1, "link");
	return link;
}

/* Attaches and detaches once, and keeps the least of what that took. */
static void once(enum kind kind, enum way way, int ifindex, struct subject *s)
{
	__u32 mode = kind == NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
	__u32 hold = way == HELD ? XDP_FLAGS_HOLD_PROG_ARRAYS : 0;
	__u64 attach = 0, detach = 0, start;
	char path[64];
	int link, i;

	start = own();
	for (i = 0; way == PINS && i < s->arrays; i++) {
		snprintf(path, sizeof(path), "/sys/fs/bpf/bench%d", i);
		if (bpf_obj_pin(s->map[i], path))
			err(1, "%s", path);
	}
	attach += own() - start;

	switch (kind) {
	case LINK:
		link = set_link(ifindex, s->prog, hold, &attach);
		start = own();
		close(link);
		detach += own() - start;
		break;
	case TC:
		set_filter(ifindex, s->prog, hold ? TCA_BPF_FLAG_HOLD_MAPS : 0,
			   &attach);
		set_filter(ifindex, -1, 0, &detach);
		break;
	default:
		set_xdp(ifindex, s->prog, mode | hold, &attach);
		set_xdp(ifindex, -1, mode, &detach);
	}

	start = own();
	for (i = 0; way == PINS && i < s->arrays; i++) {
		snprintf(path, sizeof(path), "/sys/fs/bpf/bench%d", i);
		unlink(path);
	}
	detach += own() - start;

	if (attach < s->attach[way])
		s->attach[way] = attach;
	if (detach < s->detach[way])
		s->detach[way] = detach;
}

static void one_round(int kind, int index, struct subject *s)
{
	int way, n;

	for (way = 0; way < WAYS; way++)
		for (n = 0; n < IN_A_ROW; n++)
			if (way != HELD || kernel_has_holds())
				once(kind, way, index, s);
}

/* ---- what is measured ---------------------------------------------------- */

static void bench_attach(const char *dev)
{
	static const struct { int arrays, slots; } shapes[] = {
		{ 1, SMALL }, { 2, SMALL }, { 8, SMALL }, { 32, SMALL },
		{ 1, LARGE },
	};
	struct subject subjects[ARRAY_SIZE(shapes)], *s;
	int index = device_index(dev), kind, way, round, i;

	for (kind = 0; kind < KINDS; kind++) {
		for (i = 0; i < (int)ARRAY_SIZE(shapes); i++)
			subjects[i] = make_subject(kind, shapes[i].arrays,
						   shapes[i].slots);
		/* in turn, so that a drift affects all of them */
		for (round = 0; round < ROUNDS; round++)
			for (i = 0; i < (int)ARRAY_SIZE(shapes); i++)
				one_round(kind, index, &subjects[i]);
		for (i = 0; i < (int)ARRAY_SIZE(shapes); i++) {
			s = &subjects[i];
			for (way = 0; way < WAYS; way++)
				if (way != HELD || kernel_has_holds())
					printf("attach %s %s %d %d %llu %llu\n",
					       kind_name[kind], way_name[way],
					       s->arrays, s->slots,
					       s->attach[way], s->detach[way]);
			close_maps(s);
			close(s->prog);
		}
	}
}

/* The last jump is taken only when all arrays before it are clear. */
static void wait_until_clear(int prog)
{
	double end = now() + PATIENCE;

	while (run_prog(prog) == XDP_TX)
		if (!nap(end, 1000))
			errx(1, "not clear after %d s", PATIENCE);
}

/* What all tasks execute in that time when no array is cleared */
static __u64 idle_cost(int prog)
{
	__u64 start;
	int threads;

	start = everybody(&threads);
	nap(now() + PATIENCE, 1000);
	run_prog(prog);
	return everybody(&threads) - start;
}

static void bench_clear(const char *dev)
{
	static const struct { int arrays, slots; } shapes[] = {
		{ 1, SMALL }, { 8, SMALL }, { 32, SMALL }, { 1, LARGE },
	};
	int index = device_index(dev), way, threads, i;
	__u64 spent = 0, start, idle;

	for (i = 0; i < (int)ARRAY_SIZE(shapes); i++) {
		for (way = 0; way <= (int)kernel_has_holds(); way++) {
			struct subject s = make_subject(GENERIC, shapes[i].arrays,
							shapes[i].slots);

			idle = idle_cost(s.prog);
			if (way == HELD) {
				set_xdp(index, s.prog, XDP_FLAGS_SKB_MODE |
					XDP_FLAGS_HOLD_PROG_ARRAYS, &spent);
				close_maps(&s);
			}
			start = everybody(&threads);
			if (way == HELD)
				set_xdp(index, -1, XDP_FLAGS_SKB_MODE, &spent);
			else
				close_maps(&s);
			wait_until_clear(s.prog);
			spent = everybody(&threads) - start;
			printf("clear %s %d %d %lld\n", way_name[way], s.arrays,
			       s.slots, (long long)(spent - idle));
			close(s.prog);
		}
	}
}

static void add_device(int number)
{
	struct nlmsghdr *nlh = nl_request(RTM_NEWLINK,
					  NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *info;
	__u64 spent = 0;
	char name[16];

	snprintf(name, sizeof(name), "bench%d", number);
	nl_put_link(nlh, 0);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_GROUP, GROUP);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "dummy");
	mnl_attr_nest_end(nlh, info);
	send_counted(nlh, &spent);
}

static void remove_devices(__u64 *spent)
{
	struct nlmsghdr *nlh = nl_request(RTM_DELLINK, NLM_F_ACK);

	nl_put_link(nlh, 0);
	mnl_attr_put_u32(nlh, IFLA_GROUP, GROUP);
	send_counted(nlh, spent);
}

static void bench_devices(int count)
{
	int way, threads, before, i;

	for (way = 0; way <= (int)kernel_has_holds(); way++) {
		struct subject s = make_subject(GENERIC, 1, SMALL);
		__u32 flags = XDP_FLAGS_SKB_MODE |
			      (way == HELD ? XDP_FLAGS_HOLD_PROG_ARRAYS : 0);
		__u64 attach = 0, removal = 0, start;
		char name[16];

		for (i = 0; i < count; i++)
			add_device(i);
		for (i = 0; i < count; i++) {
			snprintf(name, sizeof(name), "bench%d", i);
			set_xdp(device_index(name), s.prog, flags, &attach);
		}
		if (way == HELD)
			close_maps(&s);
		start = everybody(&before);
		remove_devices(&removal);
		if (way != HELD)
			close_maps(&s);
		wait_until_clear(s.prog);
		start = everybody(&threads) - start;
		printf("devices %s %d %llu %llu %llu %d\n", way_name[way], count,
		       attach / count, removal / count, start / count,
		       threads - before);
		close(s.prog);
	}
}

/* Of ROUNDS requests to attach, and as many to detach */
static __u64 slowest(int ifindex, int prog)
{
	__u32 hold = kernel_has_holds() ? XDP_FLAGS_HOLD_PROG_ARRAYS : 0;
	__u64 most = 0, took, spent = 0;
	int i;

	for (i = 0; i < 2 * ROUNDS; i++) {
		took = read_clock(CLOCK_MONOTONIC);
		set_xdp(ifindex, i % 2 ? -1 : prog,
			XDP_FLAGS_SKB_MODE | (i % 2 ? 0 : hold), &spent);
		took = read_clock(CLOCK_MONOTONIC) - took;
		if (took > most)
			most = took;
	}
	return most;
}

static void bench_wait(int count)
{
	struct subject s = make_subject(GENERIC, 1, LARGE);
	struct rlimit files = { count + 100, count + 100 };
	struct jump jump = { s.map[0], LARGE - 1 };
	__u64 before, spent;
	int ifindex, i;

	if (setrlimit(RLIMIT_NOFILE, &files))
		err(1, "setrlimit");
	add_device(0);
	ifindex = device_index("bench0");
	for (i = 1; i < count; i++)
		load_jumper(BPF_PROG_TYPE_XDP, "entry", &jump, 1, XDP_PASS, NULL);
	before = slowest(ifindex, s.prog);
	close_maps(&s);
	/* the grace period, after which it begins */
	nap(now() + PATIENCE, 1000);
	spent = slowest(ifindex, s.prog);
	if (run_prog(s.prog) != XDP_TX)
		errx(1, "it was clear before all was measured");
	printf("wait %s %d %llu %llu\n",
	       way_name[kernel_has_holds() ? HELD : PLAIN], count, before, spent);
	remove_devices(&spent);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: bench attach DEV | clear DEV | devices N | wait N");
	setvbuf(stdout, NULL, _IOLBF, 0);
	nl = nl_open();
	kernel_open();
	if (!strcmp(argv[1], "attach"))
		bench_attach(argv[2]);
	else if (!strcmp(argv[1], "clear"))
		bench_clear(argv[2]);
	else if (!strcmp(argv[1], "devices"))
		bench_devices(atoi(argv[2]));
	else
		bench_wait(atoi(argv[2]));
	return 0;
}
