// SPDX-License-Identifier: GPL-2.0-only
/*
 * dispatch [-hb] WHERE DISPATCHER DIR DEV [PROGRAM]...: attaches as libxdp does
 *
 * Loads a new DISPATCHER, attaches each PROGRAM to it by freplace, pins these
 * programs and links in DIR, replaces the program on DEV by the dispatcher
 * (WHERE: xdp or tcx_ingress), and exits. If DEV is "none", the dispatcher is
 * pinned instead; then WHERE can also be syscall, which is sleepable. PROGRAM
 * is an object file with a program named "entry", or the pin of a program that
 * an earlier run loaded.
 *
 *   -h		the links hold the prog arrays of their programs
 *   -b		first bind jmp_deep to the entry program, which does not use it
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/common.h"

static const char *const functions[] = { "first", "second" };
static enum bpf_prog_type type = BPF_PROG_TYPE_XDP;
static __u32 link_flags;
static bool bind_deep;

static void pin(int fd, const char *dir, const char *what, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s%s", dir, name, what);
	if (bpf_obj_pin(fd, path))
		err(1, "%s", path);
}

static struct bpf_object *open_object(const char *path)
{
	struct bpf_object *obj = bpf_object__open(path);
	struct bpf_program *prog;

	if (!obj)
		err(1, "%s", path);
	/* That of freplace programs is 0. A prog array only accepts programs
	 * with the same one as the program that uses it.
	 */
	bpf_object__for_each_program(prog, obj) {
		bpf_program__set_type(prog, type);
		bpf_program__set_expected_attach_type(prog, 0);
	}
	return obj;
}

static int load_dispatcher(const char *path)
{
	struct bpf_object *obj = open_object(path);

	if (bpf_object__load(obj))
		err(1, "%s", path);
	return bpf_program__fd(bpf_object__find_program_by_name(obj,
							"dispatcher"));
}

/* The program is loaded for this function: the link needs nothing else. */
static int load_program(const char *path, int dispatcher, const char *function,
			int *link)
{
	LIBBPF_OPTS(bpf_freplace_opts, opts, .flags = link_flags);
	struct bpf_object *obj = open_object(path);
	struct bpf_program *prog;
	struct bpf_link *made;
	int map;

	prog = bpf_object__find_program_by_name(obj, "entry");
	if (!prog)
		errx(1, "%s: no program named entry", path);
	bpf_program__set_type(prog, BPF_PROG_TYPE_EXT);
	if (bpf_program__set_attach_target(prog, dispatcher, function) ||
	    bpf_object__load(obj))
		err(1, "%s", path);
	map = bpf_object__find_map_fd_by_name(obj, "jmp_deep");
	if (bind_deep && bpf_prog_bind_map(bpf_program__fd(prog), map, NULL))
		err(1, "bpf_prog_bind_map");
	made = bpf_program__attach_freplace_opts(prog, dispatcher, function,
						 &opts);
	if (!made)
		err(1, "%s: freplace", path);
	*link = bpf_link__fd(made);
	return bpf_program__fd(prog);
}

static int attach_again(int prog, int dispatcher, const char *function)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = link_flags);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	struct btf *btf;
	int link;

	if (bpf_prog_get_info_by_fd(dispatcher, &info, &len))
		err(1, "dispatcher");
	btf = btf__load_from_kernel_by_id(info.btf_id);
	opts.target_btf_id = btf__find_by_name_kind(btf, function,
						    BTF_KIND_FUNC);
	link = bpf_link_create(prog, dispatcher, 0, &opts);
	if (link < 0)
		err(1, "freplace");
	btf__free(btf);
	return link;
}

static void attach(int dispatcher, int ifindex)
{
	LIBBPF_OPTS(bpf_prog_attach_opts, opts);
	__u32 id, flags, count = 1;
	int ret;

	if (type == BPF_PROG_TYPE_XDP) {
		ret = bpf_xdp_attach(ifindex, dispatcher, 0, NULL);
	} else {
		if (!bpf_prog_query(ifindex, BPF_TCX_INGRESS, 0, &flags, &id,
				    &count) && count) {
			opts.flags = BPF_F_REPLACE;
			opts.replace_fd = open_prog(id);
		}
		ret = bpf_prog_attach_opts(dispatcher, ifindex, BPF_TCX_INGRESS,
					   &opts);
	}
	if (ret)
		err(1, "attach");
}

int main(int argc, char **argv)
{
	int opt, i, dispatcher, prog, link;
	const char *dir;

	while ((opt = getopt(argc, argv, "hb")) != -1) {
		if (opt == 'h')
			link_flags = BPF_F_HOLD_MAPS;
		else if (opt == 'b')
			bind_deep = true;
		else
			return 2;
	}
	argv += optind;
	argc -= optind;
	if (argc < 4 || argc > 6)
		errx(2, "usage: dispatch [-hb] WHERE DISPATCHER DIR DEV [PROGRAM]...");
	if (!strcmp(argv[0], "tcx_ingress"))
		type = BPF_PROG_TYPE_SCHED_CLS;
	else if (!strcmp(argv[0], "syscall"))
		type = BPF_PROG_TYPE_SYSCALL;
	dir = argv[2];
	if (mkdir(dir, 0700))
		err(1, "%s", dir);
	dispatcher = load_dispatcher(argv[1]);
	for (i = 0; argv[4 + i]; i++) {
		const char *from = argv[4 + i];

		if (!strncmp(from, "/sys/fs/bpf/", 12)) {
			prog = open_pinned(from);
			link = attach_again(prog, dispatcher, functions[i]);
		} else {
			prog = load_program(from, dispatcher, functions[i],
					    &link);
		}
		pin(prog, dir, "", functions[i]);
		pin(link, dir, "_link", functions[i]);
	}
	if (strcmp(argv[3], "none"))
		attach(dispatcher, device_index(argv[3]));
	else
		pin(dispatcher, dir, "", "dispatcher");
	return 0;
}
