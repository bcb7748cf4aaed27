// SPDX-License-Identifier: GPL-2.0-only
/*
 * dump link FROM TO
 * dump filter DEV FROM TO
 *
 * Repeatedly dumps all links, or the ingress filters of DEV. The kernel may
 * use FROM to TO bytes for each message, in steps of 4, so that each attribute
 * in turn is the first that does not fit. Prints a summary:
 *
 *   OBJECTS objects, HELD held, at most LONGEST bytes, XDP at most XDP bytes,
 *   at least LEFT bytes left
 *
 * and fails if the dumps differ. Held objects have the flag, LEFT is the
 * smallest unused space in a message.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../common/common.h"

#define SIZE 32768

struct seen {
	int objects, held, longest, xdp;
};

static int see(const struct nlmsghdr *nlh, void *data)
{
	bool link = nlh->nlmsg_type == RTM_NEWLINK;
	struct attachment attached;
	struct seen *seen = data;
	const struct nlattr *attr;

	if (!link && nlh->nlmsg_type != RTM_NEWTFILTER)
		errx(1, "message of type %u", nlh->nlmsg_type);
	attached = nl_attachment(nlh);
	if (!link && !attached.handle)
		return MNL_CB_OK; /* the head of a list of filters */
	seen->objects++;
	seen->held += !!(attached.flags & (link ? XDP_FLAGS_HOLD_PROG_ARRAYS :
						  TCA_BPF_FLAG_HOLD_MAPS));
	if ((int)nlh->nlmsg_len > seen->longest)
		seen->longest = nlh->nlmsg_len;
	if (!link)
		return MNL_CB_OK;
	attr = nl_find(nlh, sizeof(struct ifinfomsg), IFLA_XDP);
	if (attr && mnl_attr_get_len(attr) > seen->xdp)
		seen->xdp = mnl_attr_get_len(attr);
	return MNL_CB_OK;
}

static void request(struct mnl_socket *nl, const char *dev, int flags)
{
	struct nlmsghdr *nlh;

	if (!dev || !flags) {
		nlh = nl_request(RTM_GETLINK, flags);
		nl_put_link(nlh, flags ? 0 : 1);
	} else {
		nlh = nl_request(RTM_GETTFILTER, flags);
		nl_put_tc(nlh, device_index(dev), NL_INGRESS, 0, 0);
	}
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		err(1, "netlink send");
}

static struct seen dump(const char *dev, int room, int *left)
{
	static char buf[SIZE];
	struct seen seen = {};
	struct mnl_socket *nl = nl_open();
	int len, ret;

	/* The size of the kernel's messages depends on the largest buffer that
	 * was used before.
	 */
	request(nl, dev, 0);
	if (mnl_socket_recvfrom(nl, buf, room) < 0)
		err(1, "netlink receive");
	request(nl, dev, NLM_F_DUMP);
	do {
		len = mnl_socket_recvfrom(nl, buf, room);
		if (len < 0)
			err(1, "netlink receive");
		ret = mnl_cb_run(buf, len, 0, 0, see, &seen);
		if (ret < 0)
			err(1, "dump");
		if (ret != MNL_CB_STOP && room - len < *left)
			*left = room - len;
	} while (ret != MNL_CB_STOP);
	mnl_socket_close(nl);
	return seen;
}

int main(int argc, char **argv)
{
	const char *dev = argc == 5 ? argv[2] : NULL;
	struct seen first, seen;
	int room, from, left = SIZE;

	if (argc < 4 || argc > 5)
		errx(2, "usage: dump {link | filter DEV} FROM TO");
	from = atoi(argv[argc - 2]);
	for (room = from; room <= atoi(argv[argc - 1]); room += 4) {
		seen = dump(dev, room, &left);
		if (room == from)
			first = seen;
		if (memcmp(&seen, &first, sizeof(seen)))
			errx(1, "%d objects, %d held with room for %d bytes, %d and %d with room for %d",
			     first.objects, first.held, from, seen.objects,
			     seen.held, room);
	}
	printf("%d objects, %d held, at most %d bytes, XDP at most %d bytes, at least %d bytes left\n",
	       seen.objects, seen.held, seen.longest, seen.xdp, left);
	return 0;
}
