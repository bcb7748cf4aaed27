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

/* Sends the request, to which the kernel must answer WANTED. */
void talk(const char *what, int wanted, const struct dev *dev,
	  struct nlmsghdr *nlh)
{
	expect(what, wanted, nl_talk(nl_of(dev), nlh, NULL, NULL));
}

/* bpf(2) looks interface indexes up in the network namespace of the caller. */
void enter_netns(int netns)
{
	if (netns >= 0 && setns(netns, CLONE_NEWNET))
		fail("setns: %m");
}

/* The device to which programs are attached may be in another namespace. Packets
 * are sent out of its peer, which is always here.
 */
static void create_pair(struct dev *dev, int serial)
{
	bool netkit = dev == &me->dev[NETKIT];
	char name[IFNAMSIZ], peer[IFNAMSIZ];

	snprintf(name, sizeof(name), "v%d-%d", me->index, serial);
	snprintf(peer, sizeof(peer), "p%d-%d", me->index, serial);
	dev->ifindex = (me->index + 1) << 24 | serial << 1;
	dev->peer = dev->ifindex + 1;
	/* programs are attached to the first device of a netkit pair only */
	expect("to create a device", 0, netkit ?
	       nl_add_pair(nl_of(NULL), "netkit", name, dev->ifindex, peer,
			   dev->peer, dev->netns) :
	       nl_add_pair(nl_of(NULL), "veth", peer, dev->peer, name,
			   dev->ifindex, dev->netns));
	expect("to set its peer up", 0, nl_set_up(nl_of(NULL), dev->peer));
}

static void create_netns(struct dev *dev)
{
	if (unshare(CLONE_NEWNET))
		fail("unshare: %m");
	dev->netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (dev->netns < 0)
		fail("netns: %m");
	dev->nl = nl_open();
	enter_netns(home_netns);
}

/* Creates or deletes the netdevsim of a worker. Returns whether that worked. */
bool netdevsim(int worker, bool create)
{
	int n, fd = open(create ? "/sys/bus/netdevsim/new_device" :
				  "/sys/bus/netdevsim/del_device",
			 O_WRONLY | O_CLOEXEC);

	/* a device with one port */
	n = dprintf(fd, create ? "%d 1" : "%d", worker + 10);
	close(fd);
	return n > 0;
}

static void create_netdevsim(struct dev *dev)
{
	struct dirent *entry;
	char path[64];
	DIR *dir;

	if (!netdevsim(me->index, true))
		fail("netdevsim: %m");
	snprintf(path, sizeof(path), "/sys/devices/netdevsim%d/net",
		 me->index + 10);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			dev->ifindex = if_nametoindex(entry->d_name);
	if (!dev->ifindex)
		fail("%s: %m", path);
	closedir(dir);
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
	int i = draw(DEVS);
	struct dev *dev = &me->dev[i];

	/* it may not have been deleted yet */
	if (dev->alive || dev->busy)
		return false;
	note("new dev %d", i);
	*dev = (struct dev){ .alive = true, .netns = -1 };
	if (i == INSIDE)
		create_netns(dev);
	if (i == NETDEVSIM)
		create_netdevsim(dev);
	else
		create_pair(dev, ++me->devices);
	expect("to set a device up", 0, nl_set_up(nl_of(dev), dev->ifindex));
	announce(i, dev->peer, i == INSIDE ? 0 : dev->ifindex);
	return true;
}

/* The device in a namespace is deleted with it, after the last reference. */
void dev_destroy(int index)
{
	struct dev *dev = &me->dev[index];

	announce(index, 0, 0);
	if (index == NETDEVSIM) {
		if (!netdevsim(me->index, false))
			fail("netdevsim: %m");
	} else if (index == INSIDE) {
		mnl_socket_close(dev->nl);
		close(dev->netns);
	} else {
		expect("to delete a device", 0,
		       nl_delete_link(nl_of(NULL), draw(2) ? dev->ifindex :
							     dev->peer));
	}
	*dev = (struct dev){ .netns = -1 };
	tc_off(index);
}

static void links_lose(const struct dev *dev)
{
	struct obj *link;
	int i;

	for (i = 0; i < LINKS; i++) {
		link = obj_of(handle(LINK, i));
		if (link->what != LINK || link->dev != dev)
			continue;
		link->busy = dev == &me->dev[INSIDE];
		link->dev = NULL;
	}
}

static bool op_dev_delete(int what)
{
	int i = draw(DEVS);
	struct dev *dev = &me->dev[i];

	if (!dev->alive || dev->busy)
		return false;
	note("delete dev %d", i);
	links_lose(dev);
	dev_destroy(i);
	return true;
}

const struct op dev_ops[] = {
	{ op_dev_new, 2, PROG },
	{ op_dev_delete, 1, PROG },
	{}
};
