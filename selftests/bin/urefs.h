/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading progs/urefs.bpf.c, which lies beside the program that asks */
#ifndef UREFS_USER_H
#define UREFS_USER_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "../progs/urefs.h"

/* The fd of a link that urefs_read() takes; it stays open, as does all behind
 * it. "progs" needs a kernel that has holds.
 */
static inline int urefs_iter(const char *name)
{
	char self[PATH_MAX] = {}, path[PATH_MAX + 16];
	struct bpf_program *prog;
	struct bpf_object *obj;
	struct bpf_link *link;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		err(1, "/proc/self/exe");
	snprintf(path, sizeof(path), "%s/urefs.bpf.o", dirname(self));
	obj = bpf_object__open(path);
	if (!obj)
		err(1, "%s", path);
	bpf_object__for_each_program(prog, obj)
		bpf_program__set_autoload(prog, false);
	prog = bpf_object__find_program_by_name(obj, name);
	if (bpf_program__set_autoload(prog, true) || bpf_object__load(obj))
		err(1, "%s", path);
	link = bpf_program__attach_iter(prog, NULL);
	if (!link)
		err(1, "iterator %s", name);
	return bpf_link__fd(link);
}

/* to[i] becomes what the kernel has for ids[i]. */
static inline void urefs_read(int iter, struct urefs *to, const __u32 *ids,
			      int count)
{
	int fd = bpf_iter_create(iter), i, found = 0;
	struct urefs line;
	ssize_t len;

	if (fd < 0)
		err(1, "bpf_iter_create");
	while ((len = read(fd, &line, sizeof(line))) == sizeof(line)) {
		for (i = 0; i < count; i++) {
			if (line.id == ids[i]) {
				to[i] = line;
				found++;
			}
		}
	}
	close(fd);
	if (len || found != count)
		errx(1, "iterator: read %zd, found %d of %d", len, found,
		     count);
}

#endif
