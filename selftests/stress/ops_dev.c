// SPDX-License-Identifier: GPL-2.0-only
/* Operations that create and delete devices, also in network namespaces */
#include <dirent.h>
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

/* bpf(2) looks interface indexes up in the network namespace of the caller. */
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

/* The device to which programs are attached may be in another namespace. Packets
 * are sent out of its peer, which is always here.
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

static void netdevsim_bus(const char *file, const char *ports)
{
	char path[64], what[32];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/netdevsim/%s", file);
	snprintf(what, sizeof(what), "%d%s", me->index + 10, ports);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, what, strlen(what)) < 0)
		fail("%s: %m", path);
	close(fd);
}

static int create_netdevsim(struct dev *dev)
{
	struct dirent *entry;
	char path[64];
	DIR *dir;

	netdevsim_bus("new_device", " 1");
	snprintf(path, sizeof(path), "/sys/devices/netdevsim%d/net",
		 me->index + 10);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			dev->ifindex = if_nametoindex(entry->d_name);
	if (!dev->ifindex)
		fail("%s: %m", path);
	closedir(dir);
	return up(NULL, dev->ifindex);
}

static void announce(int index, int first, int second)
{
	__atomic_store_n(&sh->target[me->index][index][0], first,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&sh->target[me->index][index][1], second,
			 __ATOMIC_RELAXED);
}

static bool op_dev_new(int what)
{
	int i = draw(DEVS), err;
	struct dev *dev = &me->dev[i];

	/* it may not have been deleted yet */
	if (dev->alive || dev->busy)
		return false;
	note("new dev %d", i);
	*dev = (struct dev){ .alive = true, .netns = -1 };
	if (i == INSIDE)
		create_netns(dev);
	err = i == NETDEVSIM ? create_netdevsim(dev) :
			       create_pair(dev, ++me->devices);
	expect("to create a device", 0, err);
	announce(i, dev->peer, i == INSIDE ? 0 : dev->ifindex);
	return true;
}

/* The device in a namespace is deleted with it, after the last reference. */
void dev_destroy(int index)
{
	struct dev *dev = &me->dev[index];
	struct nlmsghdr *nlh;

	announce(index, 0, 0);
	if (index == NETDEVSIM) {
		netdevsim_bus("del_device", "");
	} else if (index == INSIDE) {
		mnl_socket_close(dev->nl);
		close(dev->netns);
	} else {
		nlh = nl_request(RTM_DELLINK, 0);
		nl_put_link(nlh, draw(2) ? dev->ifindex : dev->peer);
		expect("to delete a device", 0, talk(NULL, nlh));
	}
	*dev = (struct dev){ .netns = -1 };
	tc_off(index);
}

static bool op_dev_delete(int what)
{
	int i = draw(DEVS);
	struct dev *dev = &me->dev[i];
	struct obj *link = &sh->obj[dev->link];

	if (!dev->alive || dev->busy)
		return false;
	note("delete dev %d", i);
	if (dev->link) {
		link->busy = i == INSIDE;
		link->dev = NULL;
	}
	dev_destroy(i);
	return true;
}

const struct op dev_ops[] = {
	{ op_dev_new, 2, PROG },
	{ op_dev_delete, 1, PROG },
	{}
};
