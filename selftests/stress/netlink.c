// SPDX-License-Identifier: GPL-2.0-only
/* Netlink requests, and devices in and out of network namespaces */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stress.h"

static char buf[32768];
static struct mnl_socket *home;

struct mnl_socket *nl_open(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int one = 1;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &one, sizeof(one)))
		fail("netlink: %m");
	return nl;
}

struct nlmsghdr *nl_request(int type, int flags)
{
	static char request[8192];
	struct nlmsghdr *nlh;

	memset(request, 0, 1024);
	nlh = mnl_nlmsg_put_header(request);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return nlh;
}

struct result {
	int (*answer)(const struct nlmsghdr *nlh, void *data);
	void *data;
};

static int on_data(const struct nlmsghdr *nlh, void *arg)
{
	struct result *r = arg;

	if (r->answer)
		r->answer(nlh, r->data);
	return MNL_CB_OK;
}

/* Returns 0 or a negative error; answer sees what comes before it. */
int nl_talk(struct mnl_socket *nl, struct nlmsghdr *nlh,
	    int (*answer)(const struct nlmsghdr *nlh, void *data), void *data)
{
	struct result r = { answer, data };
	static unsigned int seq;
	int len, ret;

	nlh->nlmsg_seq = ++seq;
	if ((nlh->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		nlh->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		fail("netlink send: %m");
	do {
		len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (len < 0)
			fail("netlink receive: %m");
		errno = 0;
		ret = mnl_cb_run(buf, len, seq, 0, on_data, &r);
	} while (ret > MNL_CB_STOP);
	return ret < 0 ? -errno : 0;
}

struct mnl_socket *nl_of(const struct dev *dev)
{
	if (dev && dev->nl)
		return dev->nl;
	if (!home)
		home = nl_open();
	return home;
}

/* What takes an interface index takes it in the namespace of the caller. */
void enter_netns(const struct dev *dev)
{
	if (dev->netns >= 0 && setns(dev->netns, CLONE_NEWNET))
		fail("setns: %m");
}

void leave_netns(const struct dev *dev)
{
	if (dev->netns >= 0 && setns(home_netns, CLONE_NEWNET))
		fail("setns: %m");
}

static struct ifinfomsg *put_ifinfo(struct nlmsghdr *nlh, int ifindex)
{
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = ifindex;
	return ifi;
}

static int up(struct mnl_socket *nl, int ifindex)
{
	struct nlmsghdr *nlh = nl_request(RTM_NEWLINK, 0);
	struct ifinfomsg *ifi = put_ifinfo(nlh, ifindex);

	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	return nl_talk(nl, nlh, NULL, NULL);
}

/* The end where programs are attached may be in another namespace, the one out
 * of which packets are sent stays here.
 */
static int create_pair(struct dev *dev, int serial)
{
	struct nlattr *info, *data, *peer;
	struct nlmsghdr *nlh;
	char name[IFNAMSIZ];

	dev->ifindex = (me->index + 1) << 24 | serial << 1;
	dev->peer = dev->ifindex + 1;

	nlh = nl_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	put_ifinfo(nlh, dev->peer);
	snprintf(name, sizeof(name), "p%d-%d", me->index, serial);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	put_ifinfo(nlh, dev->ifindex);
	snprintf(name, sizeof(name), "v%d-%d", me->index, serial);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	if (dev->netns >= 0)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, dev->netns);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return nl_talk(nl_of(NULL), nlh, NULL, NULL) ?:
	       up(nl_of(NULL), dev->peer) ?: up(nl_of(dev), dev->ifindex);
}

static void create_netns(struct dev *dev)
{
	if (unshare(CLONE_NEWNET))
		fail("unshare: %m");
	dev->netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (dev->netns < 0)
		fail("netns: %m");
	dev->nl = nl_open();
	leave_netns(dev);
}

struct search {
	char name[32];
	int ifindex;
};

static int on_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct search *s = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
		if (mnl_attr_get_type(attr) == IFLA_PARENT_DEV_NAME &&
		    !strcmp(mnl_attr_get_str(attr), s->name))
			s->ifindex = ifi->ifi_index;
	return 0;
}

static void netdevsim_bus(const char *file, const char *what)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/netdevsim/%s", file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, what, strlen(what)) < 0)
		fail("%s: %m", path);
	close(fd);
}

static int create_netdevsim(struct dev *dev)
{
	struct search s = {};
	struct mnl_socket *nl;
	struct nlmsghdr *nlh;
	char what[32];
	int err;

	snprintf(what, sizeof(what), "%d 1", me->index + 10);
	netdevsim_bus("new_device", what);
	snprintf(s.name, sizeof(s.name), "netdevsim%d", me->index + 10);
	do {
		nl = nl_open();
		nlh = nl_request(RTM_GETLINK, NLM_F_DUMP);
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
		err = nl_talk(nl, nlh, on_link, &s);
		mnl_socket_close(nl);
		/* interrupted: other devices came or went meanwhile */
	} while (err == -EINTR);
	if (err || !s.ifindex)
		fail("%s is not found: %d", s.name, err);
	dev->ifindex = s.ifindex;
	dev->peer = 0;
	return up(nl_of(NULL), dev->ifindex);
}

static void announce(int index, int first, int second)
{
	__atomic_store_n(&sh->target[me->index][index][0], first,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&sh->target[me->index][index][1], second,
			 __ATOMIC_RELAXED);
}

int dev_create(int index)
{
	struct dev *dev = &me->dev[index];
	int err;

	memset(dev, 0, sizeof(*dev));
	dev->netns = -1;
	if (index == NETDEVSIM) {
		err = create_netdevsim(dev);
	} else {
		if (index == INSIDE)
			create_netns(dev);
		err = create_pair(dev, ++me->devices);
	}
	if (err)
		return err;
	dev->alive = true;
	announce(index, dev->peer, index == INSIDE ? 0 : dev->ifindex);
	return 0;
}

/* A device in a namespace goes with it, some time after the last reference. */
int dev_destroy(int index)
{
	struct dev *dev = &me->dev[index];
	struct nlmsghdr *nlh;
	char what[32];

	announce(index, 0, 0);
	if (index == NETDEVSIM) {
		snprintf(what, sizeof(what), "%d", me->index + 10);
		netdevsim_bus("del_device", what);
	} else if (index == INSIDE) {
		mnl_socket_close(dev->nl);
		close(dev->netns);
		dev->nl = NULL;
		dev->netns = -1;
	} else {
		nlh = nl_request(RTM_DELLINK, 0);
		put_ifinfo(nlh, draw(2) ? dev->ifindex : dev->peer);
		return nl_talk(nl_of(NULL), nlh, NULL, NULL);
	}
	return 0;
}
