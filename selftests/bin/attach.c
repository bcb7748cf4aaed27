// SPDX-License-Identifier: GPL-2.0-only
/*
 * attach [OPTION]... WHERE OBJECT [DEV]...: a loader that uses libbpf
 *
 * Loads OBJECT, attaches its program "entry" WHERE (xdp, xdpgeneric, xdpdrv,
 * ingress, egress, tcx_ingress with a link, before the others, or load for
 * nowhere) on each DEV, and exits.
 *
 *   -h		hold the prog arrays
 *   -b		first bind jmp_deep to the entry program, which does not use it
 *   -f		load programs that support multiple buffers per frame
 *   -p PATH	pin the entry program
 *   -s		stay: print "attached", then wait to be killed
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../common/common.h"

static void attach_xdp(int ifindex, int fd, __u32 flags, bool hold)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts, .hold_maps = hold);

	if (bpf_xdp_attach(ifindex, fd, flags, &opts))
		err(1, "bpf_xdp_attach");
}

static void attach_tc(int ifindex, int fd, enum bpf_tc_attach_point where,
		      bool hold)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = where);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = fd, .hold_maps = hold);

	if (bpf_tc_hook_create(&hook) && errno != EEXIST)
		err(1, "bpf_tc_hook_create");
	if (bpf_tc_attach(&hook, &opts))
		err(1, "bpf_tc_attach");
}

static void attach_tcx(int ifindex, int fd, bool hold)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = BPF_F_BEFORE | (hold ? BPF_F_HOLD_MAPS : 0));

	if (bpf_link_create(fd, ifindex, BPF_TCX_INGRESS, &opts) < 0)
		err(1, "bpf_link_create");
}

static void attach(const char *where, const char *dev, int fd, bool hold)
{
	int ifindex = device_index(dev);

	if (!strcmp(where, "xdp"))
		attach_xdp(ifindex, fd, 0, hold);
	else if (!strcmp(where, "xdpgeneric"))
		attach_xdp(ifindex, fd, XDP_FLAGS_SKB_MODE, hold);
	else if (!strcmp(where, "xdpdrv"))
		attach_xdp(ifindex, fd, XDP_FLAGS_DRV_MODE, hold);
	else if (!strcmp(where, "ingress"))
		attach_tc(ifindex, fd, BPF_TC_INGRESS, hold);
	else if (!strcmp(where, "egress"))
		attach_tc(ifindex, fd, BPF_TC_EGRESS, hold);
	else if (!strcmp(where, "tcx_ingress"))
		attach_tcx(ifindex, fd, hold);
	else
		errx(2, "%s: no such place to attach to", where);
}

static struct bpf_object *load(const char *path, __u32 flags)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	bool tc;

	obj = bpf_object__open(path);
	if (!obj)
		err(1, "%s", path);
	/* The entry program is in iproute2's default section, whose type libbpf
	 * does not know.
	 */
	prog = bpf_object__find_program_by_name(obj, "entry");
	if (!prog)
		errx(1, "%s: no program named entry", path);
	tc = !strcmp(bpf_program__section_name(prog), "classifier");
	bpf_object__for_each_program(prog, obj) {
		bpf_program__set_type(prog, tc ? BPF_PROG_TYPE_SCHED_CLS :
						 BPF_PROG_TYPE_XDP);
		bpf_program__set_expected_attach_type(prog, tc ? 0 : BPF_XDP);
		bpf_program__set_flags(prog, flags);
	}
	if (bpf_object__load(obj))
		err(1, "%s", path);
	return obj;
}

int main(int argc, char **argv)
{
	bool hold = false, bind = false, stay = false;
	const char *pin = NULL, *where;
	__u32 flags = 0;
	struct bpf_object *obj;
	int opt, fd, map, i;

	while ((opt = getopt(argc, argv, "hbsfp:")) != -1) {
		switch (opt) {
		case 'h':
			hold = true;
			break;
		case 'b':
			bind = true;
			break;
		case 's':
			stay = true;
			break;
		case 'f':
			flags = BPF_F_XDP_HAS_FRAGS;
			break;
		case 'p':
			pin = optarg;
			break;
		default:
			return 2;
		}
	}
	if (argc - optind < 2)
		errx(2, "usage: attach [-hbsf] [-p PATH] WHERE OBJECT [DEV]...");

	where = argv[optind];
	obj = load(argv[optind + 1], flags);
	fd = bpf_program__fd(bpf_object__find_program_by_name(obj, "entry"));
	map = bpf_object__find_map_fd_by_name(obj, "jmp_deep");
	if (bind && bpf_prog_bind_map(fd, map, NULL))
		err(1, "bpf_prog_bind_map");
	if (pin && bpf_obj_pin(fd, pin))
		err(1, "%s", pin);
	for (i = optind + 2; i < argc; i++)
		attach(where, argv[i], fd, hold);

	if (stay) {
		puts("attached");
		fflush(stdout);
		pause();
	}
	return 0;
}
