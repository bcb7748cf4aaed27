// SPDX-License-Identifier: GPL-2.0-only
/* Operations on what is attached to devices with XDP, by netlink and by links */
#include <bpf/bpf.h>
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

static struct handle *handle_of(int prog)
{
	int i;

	for (i = 0; i < ALL_PROGS; i++)
		if (handle(PROG, i)->obj == prog &&
		    first_fd(handle(PROG, i)) >= 0)
			return handle(PROG, i);
	return NULL;
}

/* Which program has to be there: any (-1), the one that is, or some other one.
 * Returns its descriptor.
 */
static int draw_old(int cur, int *old)
{
	struct handle *h;

	*old = -1;
	if (draw(3))
		return -1;
	h = draw(2) ? handle_of(cur) : pick(PROG, XDP);
	if (!h)
		return -1;
	*old = h->obj;
	return first_fd(h);
}

static void attached(struct dev *dev, int prog, bool native, bool hold)
{
	dev->prog = prog;
	dev->native = native;
	dev->hold = hold;
}

static void detached(struct dev *dev)
{
	dev->prog = 0;
	dev->hold = false;
	dev->link = 0;
}

/* P is NULL to detach. Returns what the kernel answers. */
static int set_xdp(const struct dev *dev, const struct handle *p, __u32 flags,
		   int old_fd)
{
	struct nlmsghdr *nlh = nl_request(RTM_SETLINK, 0);

	nl_put_link(nlh, dev->ifindex);
	nl_put_xdp(nlh, p ? first_fd(p) : -1, flags, old_fd);
	return talk(dev, nlh);
}

static bool op_attach(int what)
{
	struct handle *p = pick(what, XDP);
	bool native = draw(2), hold = flag();
	int wanted = 0, cur, old, old_fd;
	struct dev *dev = draw_dev();
	__u32 flags;

	if (!dev || !p)
		return false;
	flags = mode_flags(native);
	cur = in_mode(dev, native);
	old_fd = draw_old(cur, &old);
	if (!draw(8))
		flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
	if (old_fd >= 0)
		flags |= XDP_FLAGS_REPLACE;

	if (cur && dev->link)
		wanted = -EBUSY;
	else if (old_fd >= 0 && old != cur)
		wanted = -EEXIST;
	else if ((flags & XDP_FLAGS_UPDATE_IF_NOEXIST) && cur)
		wanted = -EBUSY;
	else if (dev->prog && !cur)
		wanted = -EEXIST;
	note("xdp %s %s on dev %d, flags %#x%s: %d",
	     native ? "native" : "generic", name(p), number(dev), flags,
	     hold ? " hold" : "", wanted);

	if (hold && (wanted || !lying("hold")))
		flags |= XDP_FLAGS_HOLD_PROG_ARRAYS;
	expect("to attach", wanted, set_xdp(dev, p, flags, old_fd));
	if (!wanted)
		attached(dev, p->obj, native, hold);
	return true;
}

static bool op_detach(int what)
{
	int cur, old, old_fd, wanted = 0;
	struct dev *dev = draw_dev();
	__u32 flags = 0;
	bool native;

	if (!dev)
		return false;
	native = draw(8) ? dev->native : !dev->native;
	cur = in_mode(dev, native);
	old_fd = draw_old(cur, &old);
	if (flag())
		flags |= XDP_FLAGS_HOLD_PROG_ARRAYS; /* ignored */
	flags |= mode_flags(native);
	if (old_fd >= 0)
		flags |= XDP_FLAGS_REPLACE;
	if (cur && dev->link)
		wanted = -EBUSY;
	else if (old_fd >= 0 && old != cur)
		wanted = -EEXIST;
	note("xdp %s off dev %d, flags %#x: %d", native ? "native" : "generic",
	     number(dev), flags, wanted);
	expect("to detach", wanted, set_xdp(dev, NULL, flags, old_fd));
	if (!wanted && cur)
		detached(dev);
	return true;
}

static bool op_query(int what)
{
	struct dev *dev = draw_dev();
	struct attachment seen;

	if (!dev)
		return false;
	note("xdp of dev %d?", number(dev));
	seen = nl_query_xdp(nl_of(dev), dev->ifindex);
	expect("the device's program", sh->obj[dev->prog].id, seen.id);
	if (dev->prog)
		expect("the device's mode", dev->native ? XDP_ATTACHED_DRV :
		       XDP_ATTACHED_SKB, seen.mode);
	if (!sh->lied)
		expect("the device holds", dev->hold,
		       !!(seen.flags & XDP_FLAGS_HOLD_PROG_ARRAYS));
	return true;
}

static struct bpf_link_info read_link(const struct link *l)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);

	expect("to read a link", 0,
	       bpf_link_get_info_by_fd(l->fd, &info, &len));
	return info;
}

static bool op_link_create(int what)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	struct link *l = &me->link[draw(LINKS)];
	bool native = draw(2), hold = flag();
	struct handle *p = pick(what, XDP);
	struct dev *dev = draw_dev();
	int wanted = 0, fd;

	if (!dev || !p || l->used)
		return false;
	opts.flags = mode_flags(native);
	if (hold)
		opts.flags |= XDP_FLAGS_HOLD_PROG_ARRAYS;
	if (in_mode(dev, native))
		wanted = -EBUSY;
	else if (dev->prog)
		wanted = -EEXIST;
	note("link %d %s %s on dev %d%s: %d", (int)(l - me->link),
	     native ? "native" : "generic", name(p), number(dev),
	     hold ? " hold" : "", wanted);
	enter_netns(dev);
	fd = bpf_link_create(first_fd(p), dev->ifindex, BPF_XDP, &opts);
	leave_netns(dev);
	expect("to create a link", wanted, fd < 0 ? fd : 0);
	if (wanted)
		return true;
	*l = (struct link){ .used = true, .fd = fd, .prog = p->obj,
			    .dev = dev };
	l->id = read_link(l).id;
	attached(dev, p->obj, native, hold);
	dev->link = l - me->link + 1;
	return true;
}

/* The attachment ends, the link may go on without. */
void link_off(struct link *l)
{
	if (l->dev)
		detached(l->dev);
	l->dev = NULL;
}

static struct link *draw_link(bool open)
{
	struct link *l = &me->link[draw(LINKS)];

	return l->used && !l->busy && (l->fd >= 0 || !open) ? l : NULL;
}

static bool op_link_update(int what)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts);
	struct link *l = draw_link(true);
	struct handle *p = pick(what, XDP);
	int old, old_fd, wanted = 0;

	if (!l || !p)
		return false;
	old_fd = draw_old(l->prog, &old);
	if (old_fd >= 0) {
		opts.old_prog_fd = old_fd;
		opts.flags = BPF_F_REPLACE;
	}
	if (!l->dev)
		wanted = -ENOLINK;
	else if (old_fd >= 0 && old != l->prog)
		wanted = -EPERM;
	note("link %d update to %s%s: %d", (int)(l - me->link), name(p),
	     old_fd >= 0 ? " replace" : "", wanted);
	expect("to update a link", wanted,
	       bpf_link_update(l->fd, first_fd(p), &opts));
	if (!wanted)
		l->prog = l->dev->prog = p->obj;
	return true;
}

static bool op_link_detach(int what)
{
	struct link *l = draw_link(true);

	if (!l)
		return false;
	note("link %d detach", (int)(l - me->link));
	expect("to detach a link", 0, bpf_link_detach(l->fd));
	link_off(l);
	return true;
}

static bool op_link_close(int what)
{
	struct link *l = draw_link(true);

	if (!l)
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

static const char *link_path(const struct link *l)
{
	return pin_path("link", l - me->link, 0);
}

static bool op_link_pin(int what)
{
	struct link *l = draw_link(false);

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
static bool op_link_unpin(int what)
{
	struct link *l = draw_link(false);

	if (!l || !l->pin)
		return false;
	note("link %d unpin", (int)(l - me->link));
	if (unlink(link_path(l)))
		fail("unpin a link: %m");
	l->pin = false;
	if (l->fd < 0) {
		if (l->dev)
			l->dev->busy = true;
		link_off(l);
		l->used = false;
	}
	return true;
}

static bool op_link_info(int what)
{
	struct link *l = draw_link(true);
	struct bpf_link_info info;

	if (!l)
		return false;
	note("link %d?", (int)(l - me->link));
	info = read_link(l);
	expect("the link's program", sh->obj[l->prog].id, info.prog_id);
	expect("the link's device", l->dev ? l->dev->ifindex : 0,
	       info.xdp.ifindex);
	if (sh->patched)
		expect("the link holds", l->dev && l->dev->hold ?
		       XDP_FLAGS_HOLD_PROG_ARRAYS : 0, info.xdp.flags);
	return true;
}

const struct op xdp_ops[] = {
	{ op_attach, 12, PROG },
	{ op_detach, 4, PROG },
	{ op_query, 2, PROG },
	{ op_link_create, 4, PROG },
	{ op_link_update, 6, PROG },
	{ op_link_detach, 1, PROG },
	{ op_link_close, 3, PROG },
	{ op_link_pin, 2, PROG },
	{ op_link_unpin, 2, PROG },
	{ op_link_info, 2, PROG },
	{}
};
