// SPDX-License-Identifier: GPL-2.0-only
/* withfd PINNED_PROG COMMAND...: run COMMAND with the program open as file
 * descriptor 9, for who has to name it to the kernel and cannot open it
 */
#include <bpf/bpf.h>
#include <err.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int fd;

	if (argc < 3)
		errx(2, "usage: withfd PINNED_PROG COMMAND...");
	fd = bpf_obj_get(argv[1]);
	if (fd < 0 || dup2(fd, 9) < 0)
		err(1, "%s", argv[1]);
	execvp(argv[2], argv + 2);
	err(127, "%s", argv[2]);
}
