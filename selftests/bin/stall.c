// SPDX-License-Identifier: GPL-2.0-only
/*
 * stall PINNED_PROG: request the ids of the program's maps, with a buffer in a
 * page that never arrives. Prints "stalled" when the kernel waits for the page,
 * and waits to be killed.
 */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/common.h"

static void *page;
static int prog;

static void *ask(void *arg)
{
	struct bpf_prog_info info = {
		.nr_map_ids = 64,
		.map_ids = (unsigned long)page,
	};
	__u32 len = sizeof(info);

	if (bpf_prog_get_info_by_fd(prog, &info, &len))
		err(1, "bpf_prog_get_info_by_fd");
	errx(1, "the page arrived");
	return arg;
}

int main(int argc, char **argv)
{
	size_t size = sysconf(_SC_PAGESIZE);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffd_msg msg;
	pthread_t thread;
	int uffd;

	if (argc != 2)
		errx(2, "usage: stall PINNED_PROG");
	prog = open_pinned(argv[1]);
	page = mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (page == MAP_FAILED || uffd < 0 || ioctl(uffd, UFFDIO_API, &api))
		err(1, "userfaultfd");
	reg.range.start = (unsigned long)page;
	reg.range.len = size;
	if (ioctl(uffd, UFFDIO_REGISTER, &reg))
		err(1, "UFFDIO_REGISTER");

	if (pthread_create(&thread, NULL, ask, NULL))
		errx(1, "pthread_create");
	if (read(uffd, &msg, sizeof(msg)) != sizeof(msg))
		err(1, "userfaultfd read");
	puts("stalled");
	fflush(stdout);
	pause();
	return 0;
}
