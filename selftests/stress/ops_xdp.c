// SPDX-License-Identifier: GPL-2.0-only
/* Operations on XDP attachments, by netlink and by links */
#include <bpf/bpf.h>

#include "stress.h"

/* A device whose XDP state is known */
static struct dev *draw_dev(void)
{
	struct dev *dev = &me->dev[draw(NETKIT)];

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
	/* native mode is the default of these devices */
	return draw(2) ? XDP_FLAGS_DRV_MODE : 0;
}

/* The program that is attached in this mode. One in the other mode matters only
 * for an attach, which fails.
 */
static int in_mode(const struct dev *dev, bool native)
{
	return dev->native == native ? dev->prog : 0;
}

/* A handle of this program that is open, or NULL */
struct handle *handle_of(int prog)
{
	int i;

	for (i = 0; i < ALL_PROGS; i++)
		if (handle(PROG, i)->obj == prog &&
		    first_fd(handle(PROG, i)) >= 0)
			return handle(PROG, i);
	return NULL;
}

/* The program that the request expects to replace: any (-1), the current one or
 * another one. Returns its file descriptor.
 */
int draw_old(enum kind kind, int cur, int *old)
{
	struct handle *h;

	*old = -1;
	if (draw(3))
		return -1;
	h = draw(2) ? handle_of(cur) : pick(PROG, kind);
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

/* The answer that the kernel must give to an attach or, without a new program, to
 * a detach
 */
static int xdp_answer(const struct dev *dev, bool new, bool native,
		      __u32 flags, int old)
{
	int cur = in_mode(dev, native);

	if (cur && dev->link)
		return -EBUSY;
	if ((flags & XDP_FLAGS_REPLACE) && old != cur)
		return -EEXIST;
	if (new && (flags & XDP_FLAGS_UPDATE_IF_NOEXIST) && cur)
		return -EBUSY;
	return new && dev->prog && !cur ? -EEXIST : 0;
}

static bool set_xdp(struct dev *dev, const struct handle *p, bool native)
{
	struct nlmsghdr *nlh = nl_request(RTM_SETLINK, 0);
	int cur = in_mode(dev, native), old, old_fd, wanted;
	__u32 flags = mode_flags(native);
	bool hold = flag();	/* ignored by a detach */

	old_fd = draw_old(XDP, cur, &old);
	if (old_fd >= 0)
		flags |= XDP_FLAGS_REPLACE;
	if (!draw(8))
		flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
	wanted = xdp_answer(dev, p, native, flags, old);
	note("xdp of dev %d %s: %s, flags %#x%s: %d", number(dev),
	     native ? "native" : "generic", p ? name(p) : "off", flags,
	     hold ? " hold" : "", wanted);

	if (hold && !(p && !wanted && lying("hold")))
		flags |= XDP_FLAGS_HOLD_PROG_ARRAYS;
	nl_put_link(nlh, dev->ifindex);
	nl_put_xdp(nlh, p ? first_fd(p) : -1, flags, old_fd);
	talk("to set XDP", wanted, dev, nlh);
	if (!wanted && p)
		attached(dev, p->obj, native, hold);
	else if (!wanted && cur)
		detached(dev);
	return true;
}

static struct handle *pick_xdp(void)
{
	struct handle *p = draw(3) ? NULL : pick(PROG, TARGET);

	return p ? p : pick(PROG, XDP);
}

static bool op_attach(int what)
{
	struct handle *p = pick_xdp();
	struct dev *dev = draw_dev();

	return dev && p && set_xdp(dev, p, draw(2));
}

static bool op_detach(int what)
{
	struct dev *dev = draw_dev();

	return dev && set_xdp(dev, NULL, draw(8) ? dev->native : !dev->native);
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

struct bpf_link_info read_link(const struct handle *h)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);

	expect("to read a link", 0,
	       bpf_link_get_info_by_fd(first_fd(h), &info, &len));
	return info;
}

static bool op_link_create(int what)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	struct handle *h = draw_handle(what), *p;
	bool native = draw(2), hold = flag();
	struct dev *dev = draw_dev();
	int wanted = 0, fd;

	p = pick_xdp();
	if (!dev || !p || h->obj)
		return false;
	opts.flags = mode_flags(native);
	if (hold)
		opts.flags |= XDP_FLAGS_HOLD_PROG_ARRAYS;
	if (in_mode(dev, native))
		wanted = -EBUSY;
	else if (dev->prog)
		wanted = -EEXIST;
	note("link %d %s %s on dev %d%s: %d", h->index,
	     native ? "native" : "generic", name(p), number(dev),
	     hold ? " hold" : "", wanted);
	enter_netns(dev->netns);
	fd = bpf_link_create(first_fd(p), dev->ifindex, BPF_XDP, &opts);
	enter_netns(home_netns);
	expect("to create a link", wanted, fd < 0 ? fd : 0);
	if (wanted)
		return true;
	h->fd[0] = fd;
	h->obj = new_obj(LINK);
	obj_of(h)->id = read_link(h).id;
	obj_of(h)->prog = p->obj;
	obj_of(h)->dev = dev;
	attached(dev, p->obj, native, hold);
	dev->link = h->obj;
	return true;
}

/* The attachment ends, the link may continue to exist. */
void link_off(struct obj *link, bool late)
{
	if (link->kind == EXT) {
		freplace_link_off(link, late);
	} else if (link->dev && link->kind == TC) {
		mprog_link_off(link, late);
	} else if (link->dev) {
		detached(link->dev);
		link->dev->busy |= late;
	}
	link->dev = NULL;
}

/* A link that is open, and whose attachment is known, for this kind of programs
 * or, with -1, for any
 */
struct handle *draw_link(int kind)
{
	struct handle *h = draw_handle(LINK);

	if (first_fd(h) < 0 || obj_of(h)->busy ||
	    (kind >= 0 && kind != (int)obj_of(h)->kind))
		return NULL;
	return h;
}

static bool op_link_update(int what)
{
	LIBBPF_OPTS(bpf_link_update_opts, opts);
	struct handle *h = draw_link(XDP), *p = pick_xdp();
	int old, old_fd, wanted = 0;
	struct obj *link;

	if (!h || !p)
		return false;
	link = obj_of(h);
	old_fd = draw_old(XDP, link->prog, &old);
	if (old_fd >= 0) {
		opts.old_prog_fd = old_fd;
		opts.flags = BPF_F_REPLACE;
	}
	if (!link->dev)
		wanted = -ENOLINK;
	else if (old_fd >= 0 && old != link->prog)
		wanted = -EPERM;
	note("update %s to %s%s: %d", name(h), name(p),
	     old_fd >= 0 ? " replace" : "", wanted);
	expect("to update a link", wanted,
	       bpf_link_update(first_fd(h), first_fd(p), &opts));
	if (!wanted) {
		link->prog = p->obj;
		link->dev->prog = p->obj;
	}
	return true;
}

/* Also one of tcx; one of freplace cannot be detached. */
static bool op_link_detach(int what)
{
	struct handle *h = draw_link(-1);
	int wanted;

	if (!h)
		return false;
	wanted = obj_of(h)->kind == EXT ? -EOPNOTSUPP : 0;
	note("detach %s: %d", name(h), wanted);
	expect("to detach a link", wanted, bpf_link_detach(first_fd(h)));
	if (!wanted)
		link_off(obj_of(h), false);
	return true;
}

/* Reads a link of this kind. Returns NULL if there is none. */
struct obj *draw_link_info(int kind, struct bpf_link_info *info)
{
	struct handle *h = draw_link(kind);

	if (!h)
		return NULL;
	note("%s?", name(h));
	*info = read_link(h);
	expect("the link's program", sh->obj[obj_of(h)->prog].id,
	       info->prog_id);
	return obj_of(h);
}

static bool op_link_info(int what)
{
	struct bpf_link_info info;
	struct obj *link = draw_link_info(XDP, &info);

	if (!link)
		return false;
	expect("the link's device", link->dev ? link->dev->ifindex : 0,
	       info.xdp.ifindex);
	if (sh->patched)
		expect("the link holds", link->dev && link->dev->hold ?
		       XDP_FLAGS_HOLD_PROG_ARRAYS : 0, info.xdp.flags);
	return true;
}

const struct op xdp_ops[] = {
	{ op_attach, 12, PROG },
	{ op_detach, 4, PROG },
	{ op_query, 2, PROG },
	{ op_link_create, 4, LINK },
	{ op_link_update, 6, LINK },
	{ op_link_detach, 2, LINK },
	{ op_link_info, 2, LINK },
	{}
};
