// SPDX-License-Identifier: GPL-2.0-only
/* Requests about tcx, netkit and freplace, with flags that no library would send */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../common/common.h"
#include "agent.h"

static const struct flag hook_flags[] = {
	{ "none", 0 },
	{ "replace", BPF_F_REPLACE },
	{ "before", BPF_F_BEFORE },
	{ "after", BPF_F_AFTER },
	{ "hold", BPF_F_HOLD_MAPS },
	{ "unknown", BPF_F_HOLD_MAPS << 1 },
	{}
};

static const struct {
	const char *name;
	enum bpf_attach_type type;
} hooks[] = {
	{ "tcx_ingress", BPF_TCX_INGRESS },
	{ "tcx_egress", BPF_TCX_EGRESS },
	{ "netkit", BPF_NETKIT_PRIMARY },
	{ "netkit_peer", BPF_NETKIT_PEER },
};

int find_hook(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (!strcmp(name, hooks[i].name))
			return hooks[i].type;
	return -1;
}

static enum bpf_attach_type hook_type(const char *name)
{
	int type = find_hook(name);

	if (type < 0)
		errx(2, "unknown hook: %s", name);
	return type;
}

int query_hook(int ifindex, enum bpf_attach_type type, struct attachment *to,
	       int max)
{
	__u32 ids[64] = {}, prog_flags[64] = {}, i;
	LIBBPF_OPTS(bpf_prog_query_opts, opts, .prog_ids = ids,
		    .prog_attach_flags = prog_flags, .count = ARRAY_SIZE(ids));

	if (bpf_prog_query_opts(ifindex, type, &opts))
		err(1, "bpf_prog_query");
	for (i = 0; i < opts.count && i < (__u32)max; i++)
		to[i] = (struct attachment){ .id = ids[i],
					     .flags = prog_flags[i] };
	return i;
}

/* HOOK DEV */
static int list_hook(char **argv)
{
	struct attachment seen[64];
	struct kernel_prog prog;
	int i, n;

	open_memory();
	n = query_hook(device_index(argv[1]), hook_type(argv[0]), seen,
		       ARRAY_SIZE(seen));
	for (i = 0; i < n; i++) {
		kernel_prog(seen[i].id, &prog);
		printf("%s%s%s", i ? " " : "", prog.name,
		       seen[i].flags & BPF_F_HOLD_MAPS ? ",hold" : "");
	}
	puts(n ? "" : "none");
	return 0;
}

/* HOOK DEV PROGRAM FLAGS [OTHER] */
static int attach_to_hook(char **argv)
{
	union bpf_attr attr = {
		.target_ifindex = device_index(argv[1]),
		.attach_bpf_fd = open_pinned(argv[2]),
		.attach_type = hook_type(argv[0]),
		.attach_flags = parse_flags(hook_flags, argv[3]),
	};
	int other = argv[4] ? open_pinned(argv[4]) : 0;

	if (attr.attach_flags & BPF_F_REPLACE)
		attr.replace_bpf_fd = other;
	else
		attr.relative_fd = other;
	begin_fault();
	return print_result(sys_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr)));
}

/* HOOK DEV PROGRAM [FLAGS] */
static int detach_from_hook(char **argv)
{
	union bpf_attr attr = {
		.target_ifindex = device_index(argv[1]),
		.attach_bpf_fd = open_pinned(argv[2]),
		.attach_type = hook_type(argv[0]),
		.attach_flags = argv[3] ? parse_flags(hook_flags, argv[3]) : 0,
	};

	begin_fault();
	return print_result(sys_bpf(BPF_PROG_DETACH, &attr, sizeof(attr)));
}

static int create(union bpf_attr *attr, const char *pin)
{
	int fd;

	begin_fault();
	fd = sys_bpf(BPF_LINK_CREATE, attr, sizeof(*attr));
	print_result(fd);
	if (fd >= 0 && bpf_obj_pin(fd, pin))
		err(1, "%s", pin);
	return 0;
}

/* HOOK DEV PROGRAM FLAGS PIN [OTHER], which is a program */
static int link_to_hook(char **argv)
{
	union bpf_attr attr = { .link_create = {
		.target_ifindex = device_index(argv[1]),
		.prog_fd = open_pinned(argv[2]),
		.attach_type = hook_type(argv[0]),
		.flags = parse_flags(hook_flags, argv[3]),
	} };

	if (argv[5])
		attr.link_create.tcx.relative_fd = open_pinned(argv[5]);
	return create(&attr, argv[4]);
}

static __u32 function_of(int prog, const char *name)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	struct btf *btf;
	int id;

	if (bpf_prog_get_info_by_fd(prog, &info, &len))
		err(1, "target");
	btf = btf__load_from_kernel_by_id(info.btf_id);
	if (!btf)
		err(1, "BTF of the target");
	id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	btf__free(btf);
	if (id < 0)
		errx(1, "the target has no function %s", name);
	return id;
}

/* FUNCTION TARGET PROGRAM FLAGS PIN */
static int replace_function(char **argv)
{
	int target = open_pinned(argv[1]);
	union bpf_attr attr = { .link_create = {
		.target_fd = target,
		.target_btf_id = function_of(target, argv[0]),
		.prog_fd = open_pinned(argv[2]),
		.flags = parse_flags(hook_flags, argv[3]),
	} };

	return create(&attr, argv[4]);
}

/* PROGRAM FLAGS PIN: fentry */
static int trace(char **argv)
{
	union bpf_attr attr = { .link_create = {
		.prog_fd = open_pinned(argv[0]),
		.attach_type = BPF_TRACE_FENTRY,
		.flags = parse_flags(hook_flags, argv[1]),
	} };

	return create(&attr, argv[2]);
}

static int print_info(const char *pin)
{
	char name[IF_NAMESIZE] = "none";
	struct bpf_link_info info = {};
	__u32 len = sizeof(info), flags;

	if (bpf_link_get_info_by_fd(open_pinned(pin), &info, &len))
		return print_result(-1);
	switch (info.type) {
	case BPF_LINK_TYPE_TCX:
		if_indextoname(info.tcx.ifindex, name);
		flags = info.tcx.flags;
		break;
	case BPF_LINK_TYPE_NETKIT:
		if_indextoname(info.netkit.ifindex, name);
		flags = info.netkit.flags;
		break;
	case BPF_LINK_TYPE_TRACING:
		snprintf(name, sizeof(name), "%u", info.tracing.target_obj_id);
		flags = info.tracing.flags;
		break;
	default:
		errx(1, "%s: a link of type %u", pin, info.type);
	}
	printf("%s flags ", name);
	print_flags(hook_flags, flags);
	printf(" prog %u\n", info.prog_id);
	return 0;
}

int hook(char **argv)
{
	const char *verb = argv[0];
	int words = 0;

	while (argv[words + 1])
		words++;
	argv++;
	if (!strcmp(verb, "list") && words == 2)
		return list_hook(argv);
	if (!strcmp(verb, "attach") && (words == 4 || words == 5))
		return attach_to_hook(argv);
	if (!strcmp(verb, "detach") && (words == 3 || words == 4))
		return detach_from_hook(argv);
	if (!strcmp(verb, "link") && (words == 5 || words == 6))
		return link_to_hook(argv);
	if (!strcmp(verb, "replace") && words == 5)
		return replace_function(argv);
	if (!strcmp(verb, "trace") && words == 3)
		return trace(argv);
	if (!strcmp(verb, "info") && words == 1)
		return print_info(argv[0]);
	errx(2, "unknown request: hook %s with %d words", verb, words);
}
