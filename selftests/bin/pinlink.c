// SPDX-License-Identifier: GPL-2.0-only
/* pinlink DEV PINNED_PROG PIN FLAGS: attach by an XDP link, and pin that */
#include <bpf/bpf.h>
#include <err.h>
#include <net/if.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	int prog, link;

	if (argc != 5)
		errx(2, "usage: pinlink DEV PINNED_PROG PIN FLAGS");
	prog = bpf_obj_get(argv[2]);
	if (prog < 0)
		err(1, "%s", argv[2]);
	opts.flags = strtoul(argv[4], NULL, 0);
	link = bpf_link_create(prog, if_nametoindex(argv[1]), BPF_XDP, &opts);
	if (link < 0)
		err(1, "bpf_link_create");
	if (bpf_obj_pin(link, argv[3]))
		err(1, "%s", argv[3]);
	return 0;
}
