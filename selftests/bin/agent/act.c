// SPDX-License-Identifier: GPL-2.0-only
/* Requests that attach programs, and frames for them */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../common/common.h"
#include "agent.h"

/* ---- flags by name ------------------------------------------------------- */

static const struct flag xdp_flags[] = {
	{ "none", 0 },
	{ "noexist", XDP_FLAGS_UPDATE_IF_NOEXIST },
	{ "skb", XDP_FLAGS_SKB_MODE },
	{ "drv", XDP_FLAGS_DRV_MODE },
	{ "hw", XDP_FLAGS_HW_MODE },
	{ "replace", XDP_FLAGS_REPLACE },
	{ "hold", XDP_FLAGS_HOLD_PROG_ARRAYS },
	{ "unknown", XDP_FLAGS_MASK + 1 },
	{}
};

static const struct flag tc_flags[] = {
	{ "none", 0 },
	{ "direct", TCA_BPF_FLAG_ACT_DIRECT },
	{ "hold", TCA_BPF_FLAG_HOLD_MAPS },
	{ "unknown", TCA_BPF_FLAG_HOLD_MAPS << 1 },
	{}
};

static const struct flag gen_flags[] = {
	{ "skip_hw", TCA_CLS_FLAGS_SKIP_HW },
	{ "skip_sw", TCA_CLS_FLAGS_SKIP_SW },
	{}
};

__u32 parse_flags(const struct flag *flags, const char *text)
{
	const struct flag *flag;
	__u32 value = 0;
	size_t len;

	for (; *text; text += len + (text[len] == ',')) {
		len = strcspn(text, ",");
		for (flag = flags; flag->name; flag++)
			if (strlen(flag->name) == len &&
			    !strncmp(flag->name, text, len))
				break;
		if (!flag->name)
			errx(2, "unknown flag: %s", text);
		value |= flag->value;
	}
	return value;
}

void print_flags(const struct flag *flags, __u32 value)
{
	const char *comma = "";

	if (!value)
		printf("none");
	for (; flags->name; flags++) {
		if (!(value & flags->value))
			continue;
		printf("%s%s", comma, flags->name);
		value &= ~flags->value;
		comma = ",";
	}
	if (value)
		printf("%s%#x", comma, value);
}

int number(char **argv)
{
	bool is_xdp = !strcmp(argv[0], "xdp");

	printf("%u\n", parse_flags(is_xdp ? xdp_flags : tc_flags, argv[1]));
	return 0;
}

/* ---- faults -------------------------------------------------------------- */

static const char *nth;	/* the allocation that fails, or NULL */
static int fail_nth;

/* Called right before the system call under test. */
void begin_fault(void)
{
	if (nth && pwrite(fail_nth, nth, strlen(nth), 0) < 0)
		err(1, "fail-nth");
}

/* The kernel counts down: 0 is left after the fault. */
static void end_fault(void)
{
	char left[16] = {};

	if (!nth)
		return;
	if (pread(fail_nth, left, sizeof(left) - 1, 0) < 1 ||
	    pwrite(fail_nth, "0", 1, 0) < 0)
		err(1, "fail-nth");
	printf(atoi(left) ? "complete " : "injected ");
}

int fail(char **argv)
{
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
	if (fail_nth < 0)
		err(1, "fail-nth");
	nth = argv[0];
	answer(argv + 1);
	nth = NULL;
	return 0;
}

/* ---- netlink ------------------------------------------------------------- */

/* DEV PROGRAM FLAGS [EXPECTED], without the flags in DROP */
static struct nlmsghdr *xdp_request(char **argv, __u32 drop)
{
	struct nlmsghdr *nlh = nl_request(RTM_SETLINK, 0);

	nl_put_link(nlh, device_index(argv[0]));
	nl_put_xdp(nlh, strcmp(argv[1], "none") ? open_pinned(argv[1]) : -1,
		   parse_flags(xdp_flags, argv[2]) & ~drop,
		   argv[3] ? open_pinned(argv[3]) : -1);
	return nlh;
}

/* DEV PROGRAM FLAGS [GEN_FLAGS] */
static struct nlmsghdr *tc_request(char **argv, __u32 drop)
{
	bool delete = !strcmp(argv[1], "none");
	struct nlmsghdr *nlh = nl_request(delete ? RTM_DELTFILTER :
					  RTM_NEWTFILTER, NLM_F_CREATE);
	__u32 flags = parse_flags(tc_flags, argv[2]) & ~drop;
	__u32 gen = argv[3] ? parse_flags(gen_flags, argv[3]) : 0;

	nl_put_tc(nlh, device_index(argv[0]), NL_INGRESS, 1, 1);
	if (delete)
		mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	else if (strcmp(argv[1], "classic"))
		nl_put_bpf(nlh, open_pinned(argv[1]), flags, gen);
	else
		nl_put_classic(nlh, flags, gen);
	return nlh;
}

static int print_answer(int ret)
{
	end_fault();
	printf("%s%s%s\n", ret > 0 ? "lost" : ret ? strerrorname_np(-ret) : "ok",
	       *nl_message() ? " " : "", nl_message());
	return 0;
}

static int talk(struct mnl_socket *nl, struct nlmsghdr *nlh)
{
	begin_fault();
	return print_answer(nl_talk(nl, nlh, NULL, NULL));
}

int xdp(char **argv)
{
	return talk(nl_open(), xdp_request(argv, 0));
}

int tc(char **argv)
{
	return talk(nl_open(), tc_request(argv, 0));
}

/* ROUNDS {xdp|tc} and the arguments of that request */
int toggle(char **argv)
{
	long rounds = strtol(argv[0], NULL, 0);
	bool is_xdp = !strcmp(argv[1], "xdp");
	struct mnl_socket *nl = nl_open();
	char with[512], without[512];
	int ret = 0;

	memcpy(with, is_xdp ? xdp_request(argv + 2, 0) :
			      tc_request(argv + 2, 0), sizeof(with));
	memcpy(without, is_xdp ?
	       xdp_request(argv + 2, XDP_FLAGS_HOLD_PROG_ARRAYS) :
	       tc_request(argv + 2, TCA_BPF_FLAG_HOLD_MAPS), sizeof(without));
	while (rounds-- > 0 && !ret) {
		ret = nl_talk(nl, (void *)without, NULL, NULL);
		if (!ret)
			ret = nl_talk(nl, (void *)with, NULL, NULL);
	}
	return print_answer(ret);
}

/* ---- bpf(2) -------------------------------------------------------------- */

int print_result(int ret)
{
	const char *text = ret < 0 ? strerrorname_np(errno) : "ok";

	end_fault();
	puts(text);
	return 0;
}

static int create_link(char **argv)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = parse_flags(xdp_flags, argv[1]));
	int prog = open_pinned(argv[0]), index = device_index(argv[2]), fd;

	begin_fault();
	fd = bpf_link_create(prog, index, BPF_XDP, &opts);
	print_result(fd);
	if (fd >= 0 && bpf_obj_pin(fd, argv[3]))
		err(1, "%s", argv[3]);
	return 0;
}

static int link_info(const char *pin)
{
	char name[IF_NAMESIZE] = "none";
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);

	if (bpf_link_get_info_by_fd(open_pinned(pin), &info, &len))
		return print_result(-1);
	if_indextoname(info.xdp.ifindex, name);
	printf("%s flags ", name);
	print_flags(xdp_flags, info.xdp.flags);
	printf(" prog %u\n", info.prog_id);
	return 0;
}

int xdp_link(char **argv)
{
	const char *verb = argv[0], *pin = argv[1];
	bool update = !strcmp(verb, "update") && argv[2];
	int link, prog;

	if (!strcmp(verb, "create") && argv[2] && argv[3] && argv[4])
		return create_link(argv + 1);
	if (!strcmp(verb, "info"))
		return link_info(pin);
	link = open_pinned(pin);
	prog = update ? open_pinned(argv[2]) : -1;
	begin_fault();
	if (update)
		return print_result(bpf_link_update(link, prog, NULL));
	if (!strcmp(verb, "detach"))
		return print_result(bpf_link_detach(link));
	errx(2, "unknown request: link %s", verb);
}

int bind_map(char **argv)
{
	int map = open_map(strtoul(argv[1], NULL, 0));
	int prog = open_pinned(argv[0]), ret;

	begin_fault();
	ret = bpf_prog_bind_map(prog, map, NULL);
	print_result(ret);
	return !!ret;
}

/* PROG COUNT: each time a new prog array, to which only the binding refers */
int bind_new(char **argv)
{
	long count = strtol(argv[1], NULL, 0);
	int prog = open_pinned(argv[0]), map;

	while (count-- > 0) {
		map = make_prog_array("bound", 1, NULL);
		fill_slot(map, 0, prog);
		if (bpf_prog_bind_map(prog, map, NULL))
			err(1, "bpf_prog_bind_map");
		close(map);
	}
	return 0;
}

/* PROG DEV COUNT: a held XDP link is created, detached and closed */
int relink(char **argv)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = XDP_FLAGS_DRV_MODE | XDP_FLAGS_HOLD_PROG_ARRAYS);
	int prog = open_pinned(argv[0]), index = device_index(argv[1]), link;
	long count = strtol(argv[2], NULL, 0);

	while (count-- > 0) {
		link = bpf_link_create(prog, index, BPF_XDP, &opts);
		if (link < 0 || (count % 2 && bpf_link_detach(link)))
			err(1, "link");
		close(link);
	}
	return 0;
}

/* ---- devices ------------------------------------------------------------- */

int pair(char **argv)
{
	struct mnl_socket *nl = nl_open();
	int i;

	nl_must(nl_add_pair(nl, "veth", argv[0], 0, argv[1], 0, -1), argv[0]);
	for (i = 0; i < 2; i++)
		nl_must(nl_set_up(nl, device_index(argv[i])), argv[i]);
	return 0;
}

int remove_device(char **argv)
{
	int ifindex = if_nametoindex(argv[0]);

	if (ifindex)
		nl_must(nl_delete_link(nl_open(), ifindex), argv[0]);
	return 0;
}

/* ---- frames -------------------------------------------------------------- */

int send_frames(char **argv)
{
	int ifindex = device_index(argv[0]), fd = frames_open();
	long count = strtol(argv[1], NULL, 0);

	while (count-- > 0)
		if (!send_frame(fd, ifindex, 1, 0))
			err(1, "%s: send", argv[0]);
	return 0;
}

/* Has each of these frames left the programs, so that none of them will change
 * a counter? Some programs have no second array.
 */
static bool all_done(const __u64 *c, __u32 frames)
{
	__u64 deep = c[DEEP_MISSED] + c[DEEP_HIT];

	return c[ENTERED] >= frames && c[MISSED] + c[HIT] >= c[ENTERED] &&
	       (!deep || deep >= c[HIT]);
}

/* PROG DEV COUNT */
int traffic(char **argv)
{
	__u32 prog = strtoul(argv[0], NULL, 0), count, i;
	__u64 before[COUNTERS], added[COUNTERS];
	double end = now() + deadline;
	const __u64 *counters;

	count = strtoul(argv[2], NULL, 0);
	memcpy(before, read_counters(prog), sizeof(before));
	send_frames(argv + 1);
	do {
		counters = read_counters(prog);
		for (i = 0; i < COUNTERS; i++)
			added[i] = counters[i] - before[i];
		if (all_done(added, count))
			return print_counters(added);
	} while (nap(end, 1));
	print_counters(added);
	errx(1, "not all of %u frames within %g s", count, deadline);
}
