// SPDX-License-Identifier: GPL-2.0-only
/*
 * caller DEV COMMAND: use libbpf's options that got a new field like existing
 * callers. Built against the header without it, as caller-old, and with it, as
 * caller-new, and linked dynamically to run with either library.
 *
 *   plain		what every caller does
 *   filter		old: query a filter and replace it; new: add a held one
 *   slots OBJECT	print the results of loading table.bpf.o without a
 *			target, and without its array
 *   pin XDP TC		pin a program of each type, without an attach type
 *   hold OBJECT	new only: use the field, and a link with options
 *   refused TEXT	new only: the field is refused with TEXT
 *   link TEXT		new only: the flag of a link is refused with TEXT
 *   probe		new only: print whether XDP, XDP links, tc and tcx can
 *			hold
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

/* Has libbpf printed this, or anything if NULL, since the last call? */
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

/* Existing callers reset these three and do not know any other. */
static void reset(struct bpf_tc_opts *opts)
{
	opts->flags = 0;
	opts->prog_fd = 0;
	opts->prog_id = 0;
}

/* Works for every caller, whatever it was built with, without messages. */
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

/* Loads OBJECT without the program SKIP, and without the array if SKIP is
 * jump(), which uses it. Returns 0 or the error.
 */
static int load_without(const char *object, const char *skip)
{
	struct bpf_object *obj = bpf_object__open(object);
	struct bpf_program *prog;
	__u32 key, value;
	struct bpf_map *map;
	int ret;

	CHECK(obj);
	prog = bpf_object__find_program_by_name(obj, skip);
	map = bpf_object__find_map_by_name(obj, "jmp_table");
	CHECK(prog && map && !bpf_program__set_autoload(prog, false));
	if (!strcmp(skip, "jump"))
		CHECK(!bpf_map__set_autocreate(map, false));
	ret = bpf_object__load(obj);
	if (!ret && strcmp(skip, "jump")) {
		key = 0;
		CHECK(bpf_map_lookup_elem(bpf_map__fd(map), &key, &value));
		key = 1;
		CHECK(!bpf_map_lookup_elem(bpf_map__fd(map), &key, &value));
	}
	bpf_object__close(obj);
	return ret;
}

#ifdef HOLD_MAPS
/* An older library lacks these. */
#pragma weak libbpf_probe_hold_maps
#pragma weak bpf_program__attach_xdp_opts

static int probe(enum bpf_prog_type prog, enum bpf_link_type link)
{
	return libbpf_probe_hold_maps(prog, link, NULL);
}

static void test_link(const char *object)
{
	LIBBPF_OPTS(bpf_xdp_opts, opts, .flags = XDP_FLAGS_HOLD_PROG_ARRAYS);
	struct bpf_object *obj = bpf_object__open(object);
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	struct bpf_program *prog;
	struct bpf_link *link;

	CHECK(obj && !bpf_object__load(obj));
	prog = bpf_object__find_program_by_name(obj, "jump");
	link = bpf_program__attach_xdp_opts(prog, ifindex, &opts);
	CHECK(link && !bpf_xdp_query(ifindex, 0, &query) && query.hold_maps);
	bpf_link__destroy(link);
	/* the control: without options */
	link = bpf_program__attach_xdp(prog, ifindex);
	CHECK(link && !bpf_xdp_query(ifindex, 0, &query) && !query.hold_maps);
	bpf_link__destroy(link);
	bpf_object__close(obj);
}

static void test_link_refused(const char *reason)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = XDP_FLAGS_HOLD_PROG_ARRAYS);

	CHECK(bpf_link_create(xdp_prog, ifindex, BPF_XDP, &opts) == -EINVAL);
	CHECK(heard(reason));
	/* Another cause of -EINVAL is not explained by the missing flag. */
	opts.flags = XDP_FLAGS_REPLACE;
	CHECK(bpf_link_create(xdp_prog, ifindex, BPF_XDP, &opts) == -EINVAL);
	CHECK(!heard(reason));
}

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

	/* Still set or not: ignored as input, set as output */
	reset(&tc);
	CHECK(!bpf_tc_query(hook, &tc) && tc.hold_maps);
	reset(&tc);
	tc.hold_maps = false;
	CHECK(!bpf_tc_query(hook, &tc) && tc.hold_maps);

	/* A replaced filter takes the flags of the new request. */
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

	/* Another cause of -EINVAL is not explained by the missing flag. */
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
/* A caller that does not know the flag does not hold by accident when it
 * queries a held filter and replaces it with the same options.
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
		errx(2, "usage: caller DEV {plain|filter|slots OBJECT|pin XDP TC|hold OBJECT|refused TEXT|link TEXT|probe}");
	ifindex = if_nametoindex(argv[1]);
	hook.ifindex = ifindex;
	libbpf_set_print(listen_to);
#ifdef HOLD_MAPS
	if (!strcmp(argv[2], "probe")) {
		printf("%d %d %d %d\n",
		       probe(BPF_PROG_TYPE_XDP, BPF_LINK_TYPE_UNSPEC),
		       probe(BPF_PROG_TYPE_XDP, BPF_LINK_TYPE_XDP),
		       probe(BPF_PROG_TYPE_SCHED_CLS, BPF_LINK_TYPE_UNSPEC),
		       probe(BPF_PROG_TYPE_SCHED_CLS, BPF_LINK_TYPE_TCX));
		/* still in the same network namespace */
		CHECK((int)if_nametoindex(argv[1]) == ifindex);
		return 0;
	}
#endif
	xdp_prog = load(BPF_PROG_TYPE_XDP, 2);
	tc_prog = load(BPF_PROG_TYPE_SCHED_CLS, 0);

	if (bpf_tc_hook_create(&hook) && errno != EEXIST)
		err(1, "bpf_tc_hook_create");
	said[0] = 0;
	if (!strcmp(argv[2], "plain")) {
		test_without_holding(&hook);
	} else if (!strcmp(argv[2], "filter")) {
		test_filter(&hook);
	} else if (!strcmp(argv[2], "slots") && argc == 4) {
		printf("%d %d\n", load_without(argv[3], "verdict_hit"),
		       load_without(argv[3], "jump"));
	} else if (!strcmp(argv[2], "pin") && argc == 5) {
		CHECK(!bpf_obj_pin(xdp_prog, argv[3]));
		CHECK(!bpf_obj_pin(tc_prog, argv[4]));
#ifdef HOLD_MAPS
	} else if (!strcmp(argv[2], "hold") && argc == 4) {
		test_tc(&hook);
		test_xdp();
		test_link(argv[3]);
	} else if (!strcmp(argv[2], "link") && argc == 4) {
		test_link_refused(argv[3]);
	} else if (!strcmp(argv[2], "refused") && argc == 4) {
		test_refused(&hook, argv[3]);
#endif
	} else {
		errx(2, "%s: no such command", argv[2]);
	}
	return 0;
}
