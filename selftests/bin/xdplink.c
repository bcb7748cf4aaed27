// SPDX-License-Identifier: GPL-2.0-only
/*
 * xdplink create PINNED_PROG FLAGS DEV PIN	an XDP link, pinned at PIN
 * xdplink update PIN PINNED_PROG		BPF_LINK_UPDATE
 * xdplink detach PIN
 * xdplink info PIN				"DEV flags FLAGS prog ID"
 *
 * What no tool offers of XDP links. Prints "ok" or the name of the error.
 */
#include <bpf/bpf.h>
#include <err.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As of this series; the system's header may be older. The union before it
 * ends in the ifindex.
 */
struct info {
	struct {
		__u32 type, id, prog_id, pad;
	} head;
	__u32 ifindex;
	__u32 flags;
	__u32 rest[32];
};

static int pinned(const char *path)
{
	int fd = bpf_obj_get(path);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static int answer(int ret)
{
	puts(ret < 0 ? strerrorname_np(errno) : "ok");
	return 0;
}

static int create(char **argv)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = strtoul(argv[1], NULL, 0));
	int fd;

	fd = bpf_link_create(pinned(argv[0]), if_nametoindex(argv[2]), BPF_XDP,
			     &opts);
	if (fd >= 0 && bpf_obj_pin(fd, argv[3]))
		err(1, "%s", argv[3]);
	return answer(fd);
}

static int info(const char *pin)
{
	char name[IF_NAMESIZE] = "none";
	struct info info = {};
	__u32 len = sizeof(info);

	if (bpf_link_get_info_by_fd(pinned(pin), (void *)&info, &len))
		return answer(-1);
	if_indextoname(info.ifindex, name);
	printf("%s flags %#x prog %u\n", name, info.flags, info.head.prog_id);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "create"))
		return create(argv + 2);
	if (argc == 4 && !strcmp(argv[1], "update"))
		return answer(bpf_link_update(pinned(argv[2]), pinned(argv[3]),
					      NULL));
	if (argc == 3 && !strcmp(argv[1], "detach"))
		return answer(bpf_link_detach(pinned(argv[2])));
	if (argc == 3 && !strcmp(argv[1], "info"))
		return info(argv[2]);
	errx(2, "usage: xdplink {create PROG FLAGS DEV PIN | update PIN PROG | detach PIN | info PIN}");
}
