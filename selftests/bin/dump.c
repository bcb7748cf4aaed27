// SPDX-License-Identifier: GPL-2.0-only
/*
 * dump link FROM TO
 * dump filter DEV FROM TO
 *
 * Dumps all links, or the ingress filters of DEV, again and again, with room
 * for FROM to TO bytes in each message of the kernel, by steps of 4. So every
 * attribute comes to be the one for which there is no room any more. Prints
 * what the dumps have in common:
 *
 *   OBJECTS objects, HELD held, at most LONGEST bytes, XDP at most XDP bytes,
 *   at least LEFT bytes left
 *
 * and fails where they differ. Held are those with a flag to hold, LEFT is the
 * smallest room that was left in a message.
 */
#include <err.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE 32768
/* newer than the system's headers */
#define HOLD_XDP (1u << 5)
#define HOLD_TC (1u << 1)

struct seen {
	int objects, held, longest, xdp;
};

/* The flags in attribute TYPE of the nest, or 0 */
static __u32 flags_in(const struct nlattr *nest, int type)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
		if (mnl_attr_get_type(attr) == type)
			return mnl_attr_get_u32(attr);
	return 0;
}

static int see(const struct nlmsghdr *nlh, void *data)
{
	struct seen *seen = data;
	const struct nlattr *attr;
	bool link = nlh->nlmsg_type == RTM_NEWLINK;

	if (!link && nlh->nlmsg_type != RTM_NEWTFILTER)
		errx(1, "message of type %u", nlh->nlmsg_type);
	if (!link && !((struct tcmsg *)mnl_nlmsg_get_payload(nlh))->tcm_handle)
		return MNL_CB_OK; /* the head of a list of filters */
	seen->objects++;
	if ((int)nlh->nlmsg_len > seen->longest)
		seen->longest = nlh->nlmsg_len;
	mnl_attr_for_each(attr, nlh, link ? sizeof(struct ifinfomsg) :
					    sizeof(struct tcmsg)) {
		if (link && mnl_attr_get_type(attr) == IFLA_XDP) {
			seen->held += !!(flags_in(attr, IFLA_XDP_FLAGS) &
					 HOLD_XDP);
			if (mnl_attr_get_len(attr) > seen->xdp)
				seen->xdp = mnl_attr_get_len(attr);
		}
		if (!link && mnl_attr_get_type(attr) == TCA_OPTIONS)
			seen->held += !!(flags_in(attr, TCA_BPF_FLAGS) &
					 HOLD_TC);
	}
	return MNL_CB_OK;
}

static void request(struct mnl_socket *nl, const char *dev, int flags)
{
	char buf[256] = {};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;
	struct tcmsg *tc;

	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	if (!dev || !flags) {
		nlh->nlmsg_type = RTM_GETLINK;
		ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
		ifi->ifi_index = flags ? 0 : 1;
	} else {
		nlh->nlmsg_type = RTM_GETTFILTER;
		tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
		tc->tcm_ifindex = if_nametoindex(dev);
		tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
	}
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		err(1, "netlink send");
}

static struct seen dump(const char *dev, int room, int *left)
{
	static char buf[SIZE];
	struct seen seen = {};
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);
	int len, ret;

	if (!nl)
		err(1, "netlink");
	/* The kernel makes messages as large as the largest buffer that was
	 * read with before.
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
