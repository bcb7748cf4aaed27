// SPDX-License-Identifier: GPL-2.0-only
/*
 * bindclose PINNED_PROG MAP_ID: BPF_PROG_BIND_MAP in one thread, while another
 * one closes the file descriptor that it got
 *
 * Prints "open" when it has opened the map, "closed" when the bind is halfway
 * and the descriptor closed, and "bound" at the end. After each of these it
 * waits for a line of input.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../common/common.h"
#include "../progs/halt.h"

#define DEADLINE 60 /* seconds */

static volatile struct halt *halt;
static volatile bool bound;
static int prog, map;

static void load_halt(void)
{
	char self[PATH_MAX] = {}, path[PATH_MAX + 16];
	struct bpf_object *obj;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		err(1, "/proc/self/exe");
	snprintf(path, sizeof(path), "%s/halt.bpf.o", dirname(self));
	obj = bpf_object__open_file(path, NULL);
	if (!obj || bpf_object__load(obj) ||
	    !bpf_program__attach(bpf_object__find_program_by_name(obj, "halt")))
		err(1, "%s", path);
	halt = mmap(NULL, sizeof(*halt), PROT_READ | PROT_WRITE, MAP_SHARED,
		    bpf_object__find_map_fd_by_name(obj, "shared"), 0);
	if (halt == MAP_FAILED)
		err(1, "mmap");
}

static void *bind_map(void *arg)
{
	halt->thread = gettid();
	if (bpf_prog_bind_map(prog, map, NULL))
		err(1, "bpf_prog_bind_map");
	bound = true;
	return arg;
}

static void say(const char *what)
{
	puts(what);
	fflush(stdout);
	if (getchar() == EOF)
		errx(1, "no input after '%s'", what);
}

int main(int argc, char **argv)
{
	double end = now() + DEADLINE;
	pthread_t thread;

	if (argc != 3)
		errx(2, "usage: bindclose PINNED_PROG MAP_ID");
	load_halt();
	prog = open_pinned(argv[1]);
	map = open_map(strtoul(argv[2], NULL, 0));
	say("open");
	if (pthread_create(&thread, NULL, bind_map, NULL))
		errx(1, "pthread_create");
	while (!halt->halted)
		if (!nap(end, 1))
			errx(1, "not halted within %d s", DEADLINE);
	close(map);
	say("closed");
	if (bound)
		errx(1, "bound too early: the program was too fast");
	halt->go = 1;
	pthread_join(thread, NULL);
	say("bound");
	return 0;
}
