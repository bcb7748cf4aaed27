// SPDX-License-Identifier: GPL-2.0-only
/* Operations on devices and on what is attached to them with XDP */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

#include "stress.h"

/* A device whose XDP state is known */
static struct dev *draw_dev(void)
{
	struct dev *dev = &me->dev[draw(DEVS)];

	return dev->alive && !dev->busy ? dev : NULL;
}

static int number(const struct dev *dev)
{
	return dev - me->dev;
}

static __u32 mode_flags(bool native)
{
	if (!native)
		return XDP_FLAGS_SKB_MODE;
	/* these devices are native without being asked */
	return draw(2) ? XDP_FLAGS_DRV_MODE : 0;
}

/* What the mode has attached: in the other one it is of no interest, but for
 * an attach, that fails.
 */
static int in_mode(const struct dev *dev, bool native)
{
	return dev->native == native ? dev->prog : 0;
}

static int handle_of(int prog)
{
	int i;

	for (i = 0; i < ALL_PROGS; i++)
		if (me->prog[i].obj == prog && first_fd(&me->prog[i]) >= 0)
			return i;
	return -1;
}

/* Which program has to be there: any (0), the one that is, or some other one.
 * Returns what libbpf takes as the old descriptor.
 */
static int draw_old(int cur, int *old)
{
	int h;

	*old = -1;
	if (draw(3))
		return 0;
	h = draw(2) ? handle_of(cur) : pick_prog(XDP);
	if (h < 0)
		return 0;
	*old = me->prog[h].obj;
	return first_fd(&me->prog[h]);
}

bool op_xdp_attach(void)
{
	int p = pick_prog(XDP), wanted = 0, cur, old, err;
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	bool native = draw(2), hold = flag();
	struct dev *dev = draw_dev();
	__u32 flags;

	if (!dev || p < 0)
		return false;
	flags = mode_flags(native);
	cur = in_mode(dev, native);
	opts.old_prog_fd = draw_old(cur, &old);
	opts.hold_maps = hold;
	if (!draw(8))
		flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
	if (opts.old_prog_fd)
		flags |= XDP_FLAGS_REPLACE;

	if (cur && dev->link)
		wanted = -EBUSY;
	else if (opts.old_prog_fd && old != cur)
		wanted = -EEXIST;
	else if ((flags & XDP_FLAGS_UPDATE_IF_NOEXIST) && cur)
		wanted = -EBUSY;
	else if (dev->prog && !cur)
		wanted = -EEXIST;
	note("xdp %s prog %d id %u on dev %d, flags %#x%s%s: %d",
	     native ? "native" : "generic", p, sh->prog[me->prog[p].obj].id,
	     number(dev), flags, opts.old_prog_fd ? " replace" : "",
	     hold ? " hold" : "", wanted);

	if (hold && !wanted && lying("hold"))
		opts.hold_maps = false;
	enter_netns(dev);
	err = bpf_xdp_attach(dev->ifindex, first_fd(&me->prog[p]), flags,
			     &opts);
	leave_netns(dev);
	expect("to attach", wanted, err);
	if (wanted)
		return true;
	dev->prog = me->prog[p].obj;
	dev->native = native;
	dev->hold = hold;
	return true;
}

bool op_xdp_detach(void)
{
	LIBBPF_OPTS(bpf_xdp_attach_opts, opts);
	struct dev *dev = draw_dev();
	int cur, old, wanted = 0, err;
	bool native;

	if (!dev)
		return false;
	native = draw(8) ? dev->native : !dev->native;
	cur = in_mode(dev, native);
	opts.old_prog_fd = draw_old(cur, &old);
	opts.hold_maps = flag(); /* ignored */
	if (cur && dev->link)
		wanted = -EBUSY;
	else if (opts.old_prog_fd && old != cur)
		wanted = -EEXIST;
	note("xdp %s off dev %d%s: %d", native ? "native" : "generic",
	     number(dev), opts.old_prog_fd ? " replace" : "", wanted);
	enter_netns(dev);
	err = bpf_xdp_detach(dev->ifindex, mode_flags(native), &opts);
	leave_netns(dev);
	expect("to detach", wanted, err);
	if (!wanted && cur) {
		dev->prog = 0;
		dev->hold = false;
	}
	return true;
}

bool op_xdp_query(void)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	struct dev *dev = draw_dev();
	__u32 id;
	int err;

	if (!dev)
		return false;
	note("xdp of dev %d?", number(dev));
	enter_netns(dev);
	err = bpf_xdp_query(dev->ifindex, 0, &opts);
	leave_netns(dev);
	expect("to query", 0, err);
	id = sh->prog[dev->prog].id;
	expect("the native program", dev->native ? id : 0, opts.drv_prog_id);
	expect("the generic program", dev->native ? 0 : id, opts.skb_prog_id);
	if (!sh->lied)
		expect("the device holds", dev->hold, opts.hold_maps);
	return true;
}

static const char *link_path(const struct link *l)
{
	return pin_path("link", l - me->link, 0);
}

bool op_link_create(void)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	struct link *l = &me->link[draw(LINKS)];
	bool native = draw(2), hold = flag();
	int p = pick_prog(XDP), wanted = 0;
	struct bpf_link_info info = {};
	struct dev *dev = draw_dev();
	__u32 len = sizeof(info);

	if (!dev || p < 0 || l->used)
		return false;
	opts.flags = mode_flags(native);
	if (hold)
		opts.flags |= XDP_FLAGS_HOLD_PROG_ARRAYS;
	if (in_mode(dev, native))
		wanted = -EBUSY;
	else if (dev->prog)
		wanted = -EEXIST;
	note("link %d %s prog %d id %u on dev %d%s: %d", (int)(l - me->link),
	     native ? "native" : "generic", p, sh->prog[me->prog[p].obj].id,
	     number(dev), hold ? " hold" : "", wanted);
	enter_netns(dev);
	l->fd = bpf_link_create(first_fd(&me->prog[p]), dev->ifindex, BPF_XDP,
				&opts);
	leave_netns(dev);
	expect("to create a link", wanted, l->fd < 0 ? l->fd : 0);
	if (wanted)
		return true;
	if (bpf_link_get_info_by_fd(l->fd, &info, &len))
		fail("link info: %m");
	l->used = true;
	l->busy = false;
	l->pin = false;
	l->id = info.id;
	l->prog = me->prog[p].obj;
	l->dev = number(dev) + 1;
	l->hold = hold;
	dev->prog = l->prog;
	dev->native = native;
	dev->hold = hold;
	dev->link = l - me->link + 1;
	return true;
}

/* The attachment ends, the link may go on without. */
static void link_off(struct link *l)
{
	struct dev *dev;

	if (!l->dev)
		return;
	dev = &me->dev[l->dev - 1];
	dev->prog = 0;
	dev->hold = false;
	dev->link = 0;
	l->dev = 0;
	l->hold = false;
}

static struct link *draw_link(void)
{
	struct link *l = &me->link[draw(LINKS)];

	return l->used && !l->busy ? l : NULL;
}

bool op_link_update(void)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts);
	struct link *l = draw_link();
	int p = pick_prog(XDP), old, wanted = 0;

	if (!l || l->fd < 0 || p < 0)
		return false;
	opts.old_prog_fd = draw_old(l->prog, &old);
	if (opts.old_prog_fd)
		opts.flags = BPF_F_REPLACE;
	if (!l->dev)
		wanted = -ENOLINK;
	else if (opts.old_prog_fd && old != l->prog)
		wanted = -EPERM;
	note("link %d update to prog %d id %u%s: %d", (int)(l - me->link), p,
	     sh->prog[me->prog[p].obj].id, opts.old_prog_fd ? " replace" : "",
	     wanted);
	expect("to update a link", wanted,
	       bpf_link_update(l->fd, first_fd(&me->prog[p]), &opts));
	if (!wanted) {
		l->prog = me->prog[p].obj;
		me->dev[l->dev - 1].prog = l->prog;
	}
	return true;
}

bool op_link_detach(void)
{
	struct link *l = draw_link();

	if (!l || l->fd < 0)
		return false;
	note("link %d detach", (int)(l - me->link));
	expect("to detach a link", 0, bpf_link_detach(l->fd));
	link_off(l);
	return true;
}

bool op_link_close(void)
{
	struct link *l = draw_link();

	if (!l || l->fd < 0)
		return false;
	note("link %d close", (int)(l - me->link));
	close(l->fd);
	l->fd = -1;
	if (!l->pin) {
		link_off(l);
		l->used = false;
	}
	return true;
}

bool op_link_pin(void)
{
	struct link *l = draw_link();

	if (!l || (l->fd >= 0 && l->pin))
		return false;
	note("link %d %s", (int)(l - me->link), l->pin ? "open pin" : "pin");
	if (l->pin) {
		l->fd = bpf_obj_get(link_path(l));
		if (l->fd < 0)
			fail("open the pin of a link: %m");
	} else {
		expect("to pin a link", 0, bpf_obj_pin(l->fd, link_path(l)));
		l->pin = true;
	}
	return true;
}

/* A worker detaches the device of a link whose last pin goes. */
bool op_link_unpin(void)
{
	struct link *l = draw_link();

	if (!l || !l->pin)
		return false;
	note("link %d unpin", (int)(l - me->link));
	if (unlink(link_path(l)))
		fail("unpin a link: %m");
	l->pin = false;
	if (l->fd < 0) {
		if (l->dev)
			me->dev[l->dev - 1].busy = true;
		link_off(l);
		l->used = false;
	}
	return true;
}

bool op_link_info(void)
{
	struct bpf_link_info info = {};
	struct link *l = draw_link();
	__u32 len = sizeof(info);

	if (!l || l->fd < 0)
		return false;
	note("link %d?", (int)(l - me->link));
	expect("to read a link", 0,
	       bpf_link_get_info_by_fd(l->fd, &info, &len));
	expect("the link's program", sh->prog[l->prog].id, info.prog_id);
	expect("the link's device", l->dev ? me->dev[l->dev - 1].ifindex : 0,
	       info.xdp.ifindex);
	/* The field has no name in the system's header yet. */
	if (sh->patched)
		expect("the link holds",
		       l->hold ? XDP_FLAGS_HOLD_PROG_ARRAYS : 0,
		       (&info.xdp.ifindex)[1]);
	return true;
}

bool op_dev_new(void)
{
	int i = draw(DEVS);

	/* its name and what it has may still be on their way out */
	if (me->dev[i].alive || me->dev[i].busy)
		return false;
	note("new dev %d", i);
	expect("to create a device", 0, dev_create(i));
	return true;
}

bool op_dev_delete(void)
{
	int i = draw(DEVS);
	struct dev *dev = &me->dev[i];
	struct link *l = NULL;

	if (!dev->alive || dev->busy)
		return false;
	note("delete dev %d", i);
	expect("to delete a device", 0, dev_destroy(i));
	dev->alive = false;
	if (dev->link)
		l = &me->link[dev->link - 1];
	if (l)
		link_off(l);
	if (l && i == INSIDE)
		l->busy = true;
	dev->prog = 0;
	dev->hold = false;
	tc_off(i);
	return true;
}
