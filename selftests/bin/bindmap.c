// SPDX-License-Identifier: GPL-2.0-only
/* bindmap PINNED_PROG MAP_ID: BPF_PROG_BIND_MAP, on both kernels. The unpatched
 * bpftool has no 'prog bind'.
 */
#include <bpf/bpf.h>
#include <err.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	int prog, map;

	if (argc != 3)
		errx(2, "usage: bindmap PINNED_PROG MAP_ID");
	prog = bpf_obj_get(argv[1]);
	if (prog < 0)
		err(1, "%s", argv[1]);
	map = bpf_map_get_fd_by_id(strtoul(argv[2], NULL, 0));
	if (map < 0)
		err(1, "map %s", argv[2]);
	if (bpf_prog_bind_map(prog, map, NULL))
		err(1, "bpf_prog_bind_map");
	return 0;
}
