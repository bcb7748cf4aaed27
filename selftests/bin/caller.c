// SPDX-License-Identifier: GPL-2.0-only
/*
 * caller DEV COMMAND: what callers of libbpf do with the options that got a
 * new field. Built against the header without it, as caller-old, and with it,
 * as caller-new, and linked dynamically to run on either library.
 *
 *   plain		what every caller does
 *   filter		old: query a filter, replace it; new: leave one that holds
 *   hold		new only: use the field
 *   refused TEXT	new only: the field is refused with TEXT
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CHECK(cond)							\
	do {								\
		if (!(cond))						\
			errx(1, "line %d: %s; said: %s", __LINE__,	\
			     #cond, said);				\
	} while (0)

static char said[4096];
static int ifindex, xdp_prog, tc_prog;

static int listen_to(enum libbpf_print_level level, const char *format,
		     va_list args)
{
	size_t len = strlen(said);

	if (level != LIBBPF_DEBUG)
		vsnprintf(said + len, sizeof(said) - len, format, args);
	return 0;
}

/* Has libbpf said this, or with NULL anything, since the last question? */
static bool heard(const char *text)
{
	bool found = text ? !!strstr(said, text) : !!said[0];

	said[0] = 0;
	return found;
}

static int load(enum bpf_prog_type type, int verdict)
{
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(type, "caller", "GPL", insns, 2, NULL);

	if (fd < 0)
		err(1, "bpf_prog_load");
	return fd;
}

/* Callers are used to reset these three, and know of nothing else. */
static void reset(struct bpf_tc_opts *opts)
{
	opts->flags = opts->prog_fd = opts->prog_id = 0;
}

/* What every caller does, whatever it was built with: works, and in silence. */
static void test_without_holding(const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, tc, .prog_fd = tc_prog);
	LIBBPF_OPTS(bpf_xdp_attach_opts, xdp);
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	__u32 id = 0;

	CHECK(!bpf_tc_attach(hook, &tc));
	CHECK(tc.handle == 1 && tc.priority && tc.prog_id);
	reset(&tc);
	CHECK(!bpf_tc_query(hook, &tc) && tc.prog_id);
	reset(&tc);
	tc.prog_fd = tc_prog;
	tc.flags = BPF_TC_F_REPLACE;
	CHECK(!bpf_tc_attach(hook, &tc));
	reset(&tc);
	CHECK(!bpf_tc_detach(hook, &tc));

	CHECK(!bpf_xdp_attach(ifindex, xdp_prog, XDP_FLAGS_SKB_MODE, &xdp));
	CHECK(!bpf_xdp_query(ifindex, 0, &query));
	CHECK(query.prog_id && query.attach_mode == XDP_ATTACHED_SKB);
	CHECK(!bpf_xdp_query_id(ifindex, 0, &id) && id == query.prog_id);
	xdp.old_prog_fd = xdp_prog;
	CHECK(!bpf_xdp_attach(ifindex, xdp_prog, XDP_FLAGS_SKB_MODE, &xdp));
	CHECK(!bpf_xdp_detach(ifindex, XDP_FLAGS_SKB_MODE, &xdp));
	CHECK(!heard(NULL));
}

#ifdef HOLD_MAPS
static void test_refused(const struct bpf_tc_hook *hook, const char *reason)
{
	LIBBPF_OPTS(bpf_tc_opts, tc, .prog_fd = tc_prog, .hold_maps = true);
	LIBBPF_OPTS(bpf_xdp_attach_opts, xdp, .hold_maps = true);

	CHECK(bpf_tc_attach(hook, &tc) == -EINVAL);
	CHECK(heard(reason));
	CHECK(bpf_xdp_attach(ifindex, xdp_prog, XDP_FLAGS_SKB_MODE, &xdp) ==
	      -EINVAL);
	CHECK(heard(reason));
}

static void test_tc(const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, tc, .prog_fd = tc_prog, .hold_maps = true);
	LIBBPF_OPTS(bpf_tc_opts, wrong, .prog_fd = xdp_prog, .hold_maps = true);

	CHECK(!bpf_tc_attach(hook, &tc) && tc.hold_maps);

	/* Still set, or not: ignored as input, and an output */
	reset(&tc);
	CHECK(!bpf_tc_query(hook, &tc) && tc.hold_maps);
	reset(&tc);
	tc.hold_maps = false;
	CHECK(!bpf_tc_query(hook, &tc) && tc.hold_maps);

	/* A replaced filter is what the new request says. */
	reset(&tc);
	tc.prog_fd = tc_prog;
	tc.flags = BPF_TC_F_REPLACE;
	tc.hold_maps = false;
	CHECK(!bpf_tc_attach(hook, &tc) && !tc.hold_maps);
	reset(&tc);
	tc.hold_maps = true;
	CHECK(!bpf_tc_query(hook, &tc) && !tc.hold_maps);

	reset(&tc);
	tc.hold_maps = true;
	CHECK(!bpf_tc_detach(hook, &tc) && tc.hold_maps);
	CHECK(!heard(NULL));

	/* Another -EINVAL is not blamed on the kernel. */
	CHECK(bpf_tc_attach(hook, &wrong) == -EINVAL);
	CHECK(!heard("cannot hold maps"));
}

static void test_xdp(void)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, xdp, .hold_maps = true);
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	const __u32 flag = XDP_FLAGS_HOLD_PROG_ARRAYS;
	const __u32 mode = XDP_FLAGS_SKB_MODE;

	CHECK(!bpf_xdp_attach(ifindex, xdp_prog, mode, &xdp));
	CHECK(!bpf_xdp_query(ifindex, 0, &query) && query.hold_maps);
	/* The same flags for attach and query */
	CHECK(!bpf_xdp_query(ifindex, mode | flag, &query) && query.hold_maps);
	xdp.hold_maps = false;
	CHECK(!bpf_xdp_attach(ifindex, xdp_prog, mode, &xdp));
	CHECK(!bpf_xdp_query(ifindex, 0, &query) && !query.hold_maps);
	CHECK(!bpf_xdp_attach(ifindex, xdp_prog, mode | flag, NULL));
	CHECK(!bpf_xdp_query(ifindex, 0, &query) && query.hold_maps);

	/* The same options for attach and detach, twice */
	xdp.hold_maps = true;
	CHECK(!bpf_xdp_detach(ifindex, mode, &xdp));
	CHECK(!bpf_xdp_query(ifindex, 0, &query));
	CHECK(!query.prog_id && !query.hold_maps);
	CHECK(!bpf_xdp_detach(ifindex, mode, &xdp));
	CHECK(!heard(NULL));

	CHECK(bpf_xdp_attach(ifindex, tc_prog, mode, &xdp) == -EINVAL);
	CHECK(!heard("cannot hold maps"));
	CHECK(bpf_xdp_attach(ifindex, xdp_prog, XDP_FLAGS_HW_MODE, &xdp) ==
	      -EOPNOTSUPP);
	CHECK(heard("Kernel error message: "));
}

static void test_filter(const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, tc, .prog_fd = tc_prog, .handle = 1,
		    .priority = 77, .hold_maps = true);

	CHECK(!bpf_tc_attach(hook, &tc));
}
#else
/* Who knows nothing of holding does not hold after querying a filter that does
 * and replacing it with the same options.
 */
static void test_filter(const struct bpf_tc_hook *hook)
{
	LIBBPF_OPTS(bpf_tc_opts, tc, .handle = 1, .priority = 77);

	CHECK(!bpf_tc_query(hook, &tc));
	tc.prog_id = 0;
	tc.prog_fd = tc_prog;
	tc.flags = BPF_TC_F_REPLACE;
	CHECK(!bpf_tc_attach(hook, &tc));
}
#endif

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_INGRESS);

	if (argc < 3)
		errx(2, "usage: caller DEV {plain|filter|hold|refused TEXT}");
	ifindex = hook.ifindex = if_nametoindex(argv[1]);
	libbpf_set_print(listen_to);
	xdp_prog = load(BPF_PROG_TYPE_XDP, 2);
	tc_prog = load(BPF_PROG_TYPE_SCHED_CLS, 0);

	if (bpf_tc_hook_create(&hook) && errno != EEXIST)
		err(1, "bpf_tc_hook_create");
	said[0] = 0;
	if (!strcmp(argv[2], "plain")) {
		test_without_holding(&hook);
	} else if (!strcmp(argv[2], "filter")) {
		test_filter(&hook);
#ifdef HOLD_MAPS
	} else if (!strcmp(argv[2], "hold")) {
		test_tc(&hook);
		test_xdp();
	} else if (!strcmp(argv[2], "refused") && argc == 4) {
		test_refused(&hook, argv[3]);
#endif
	} else {
		errx(2, "%s: no such command", argv[2]);
	}
	return 0;
}
