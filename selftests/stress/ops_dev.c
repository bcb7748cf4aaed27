// SPDX-License-Identifier: GPL-2.0-only
/* Devices come and go, in and out of network namespaces */
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "stress.h"

struct mnl_socket *nl_of(const struct dev *dev)
{
	static struct mnl_socket *home;

	if (dev && dev->nl)
		return dev->nl;
	if (!home)
		home = nl_open();
	return home;
}

int talk(const struct dev *dev, struct nlmsghdr *nlh)
{
	return nl_talk(nl_of(dev), nlh, NULL, NULL);
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

static int up(const struct dev *dev, int ifindex)
{
	struct nlmsghdr *nlh = nl_request(RTM_NEWLINK, 0);
	struct ifinfomsg *ifi = nl_put_link(nlh, ifindex);

	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	return talk(dev, nlh);
}

static void put_name(struct nlmsghdr *nlh, char first, int serial)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof(name), "%c%d-%d", first, me->index, serial);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
}

/* The end where programs are attached may be in another namespace, the one out
 * of which packets are sent stays here.
 */
static int create_pair(struct dev *dev, int serial)
{
	struct nlmsghdr *nlh = nl_request(RTM_NEWLINK,
					  NLM_F_CREATE | NLM_F_EXCL);
	struct nl_nests nests;

	dev->ifindex = (me->index + 1) << 24 | serial << 1;
	dev->peer = dev->ifindex + 1;
	nl_put_link(nlh, dev->peer);
	put_name(nlh, 'p', serial);
	nests = nl_begin_veth(nlh, dev->ifindex);
	put_name(nlh, 'v', serial);
	if (dev->netns >= 0)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, dev->netns);
	nl_end_veth(nlh, nests);
	return talk(NULL, nlh) ?: up(NULL, dev->peer) ?: up(dev, dev->ifindex);
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

struct search {
	char name[32];
	int ifindex;
};

static void on_link(const struct nlmsghdr *nlh, void *data)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	struct search *s = data;

	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
		if (mnl_attr_get_type(attr) == IFLA_PARENT_DEV_NAME &&
		    !strcmp(mnl_attr_get_str(attr), s->name))
			s->ifindex = ifi->ifi_index;
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
		nl_put_link(nlh, 0);
		err = nl_talk(nl, nlh, on_link, &s);
		mnl_socket_close(nl);
		/* interrupted: other devices came or went meanwhile */
	} while (err == -EINTR);
	if (err || !s.ifindex)
		fail("%s is not found: %d", s.name, err);
	dev->ifindex = s.ifindex;
	dev->peer = 0;
	return up(NULL, dev->ifindex);
}

static void announce(int index, int first, int second)
{
	__atomic_store_n(&sh->target[me->index][index][0], first,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&sh->target[me->index][index][1], second,
			 __ATOMIC_RELAXED);
}

static int dev_create(int index)
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
		nl_put_link(nlh, draw(2) ? dev->ifindex : dev->peer);
		return talk(NULL, nlh);
	}
	return 0;
}

static bool op_dev_new(int what)
{
	int i = draw(DEVS);

	/* its name and what it has may still be on their way out */
	if (me->dev[i].alive || me->dev[i].busy)
		return false;
	note("new dev %d", i);
	expect("to create a device", 0, dev_create(i));
	return true;
}

static bool op_dev_delete(int what)
{
	int i = draw(DEVS);
	struct dev *dev = &me->dev[i];
	struct obj *link;

	if (!dev->alive || dev->busy)
		return false;
	note("delete dev %d", i);
	expect("to delete a device", 0, dev_destroy(i));
	dev->alive = false;
	if (dev->link) {
		link = &sh->obj[dev->link];
		link->busy = i == INSIDE;
		link_off(link);
	}
	dev->prog = 0;
	dev->hold = false;
	tc_off(i);
	return true;
}

const struct op dev_ops[] = {
	{ op_dev_new, 2, PROG },
	{ op_dev_delete, 1, PROG },
	{}
};
