// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on tcx and netkit: each side of a device has a list of programs,
 * which only the worker of the device changes. A program is in a list at most
 * once. Its entry belongs to a link, which has the reference to the program, or
 * to the list itself. The programs return TC_ACT_UNSPEC, so that the next one in
 * the list, and then the filters, see the packet, too.
 */
#include <bpf/bpf.h>

#include "stress.h"

struct request {
	struct dev *dev;
	int side;
	struct list *list;
	__u32 flags;
	bool hold;
	int old, old_fd;	/* the program that is to be replaced */
	int near;	/* before or after this program or link, or first or last */
};

static int find(const struct list *list, int prog)
{
	int i;

	for (i = 0; i < list->n; i++)
		if (list->entry[i].prog == prog)
			return i;
	return -ENOENT;
}

static void insert(struct list *list, int at, struct entry entry)
{
	struct entry *to = &list->entry[at];

	memmove(to + 1, to, (list->n++ - at) * sizeof(*to));
	*to = entry;
}

static void erase(struct list *list, int at)
{
	struct entry *from = &list->entry[at];

	memmove(from, from + 1, (--list->n - at) * sizeof(*from));
}

/* The list and the entry of a link that has a device */
static struct list *list_of(const struct obj *link)
{
	return &link->dev->list[link->side];
}

static struct entry *entry_of(const struct obj *link)
{
	return &list_of(link)->entry[find(list_of(link), link->prog)];
}

/* If a kernel worker removes the entry, the state of the list is unknown until
 * the next quiet point.
 */
void mprog_link_off(const struct obj *link, bool late)
{
	struct list *list = list_of(link);

	erase(list, find(list, link->prog));
	list->busy |= late;
}

static enum bpf_attach_type hook_of(const struct dev *dev, int side)
{
	if (dev == &me->dev[NETKIT])
		return side ? BPF_NETKIT_PEER : BPF_NETKIT_PRIMARY;
	return side ? BPF_TCX_EGRESS : BPF_TCX_INGRESS;
}

static enum bpf_attach_type hook(const struct request *r)
{
	return hook_of(r->dev, r->side);
}

static void note_request(const struct request *r, const char *how,
			 const struct handle *p, int wanted)
{
	note("side %d of dev %d %s %s%s, flags %#x, old %u, near %s %u: %d",
	     r->side, (int)(r->dev - me->dev), how,
	     p ? name(p) : "", r->hold ? " hold" : "", r->flags,
	     sh->obj[r->old].id, r->flags & BPF_F_LINK ? "link" : "prog",
	     sh->obj[r->near].id, wanted);
}

/* A list whose state is known */
static bool draw_list(struct request *r)
{
	struct dev *dev = &me->dev[draw(DEVS)];
	int side = draw(2);

	*r = (struct request){ .dev = dev, .side = side,
			       .list = &dev->list[side] };
	return dev->alive && !r->list->busy;
}

/* A program of the list, or none */
static int draw_listed(const struct list *list)
{
	return list->n ? list->entry[draw(list->n)].prog : 0;
}

/* The program or link may be in another list, or of the other kind. */
static void draw_position(struct request *r)
{
	const struct handle *h = NULL;
	int from = draw(8);

	r->flags |= PICK(0, BPF_F_BEFORE, BPF_F_AFTER, BPF_F_BEFORE,
			 BPF_F_AFTER);
	if (from < 4)
		r->near = draw_listed(r->list);
	else if (from < 7)
		h = from < 5 ? pick(PROG, -1) : draw_link(-1);
	if (h)
		r->near = h->obj;
	if (h && h->what == LINK)
		r->flags |= BPF_F_LINK;
}

/* Links cannot replace, but can be asked to. */
static bool draw_request(struct request *r, bool link)
{
	if (!draw_list(r))
		return false;
	r->hold = flag();
	if (draw(2))
		draw_position(r);
	if (!link)
		r->old_fd = draw_old(TC, draw_listed(r->list), &r->old);
	if (link ? one_in(16) : r->old_fd >= 0)
		r->flags |= BPF_F_REPLACE;
	return true;
}

/* The index before or after the neighbour; -1 is before the first one */
static int neighbour(const struct request *r, int near)
{
	bool before = r->flags & BPF_F_BEFORE;
	const struct list *list = r->list;
	int at = find(list, near);

	if (!near)
		return before ? -1 : list->n;
	if (at < 0)
		return -ENOENT;
	if (r->flags & BPF_F_LINK && r->near != list->entry[at].link)
		return -ENOENT;
	return before ? at - 1 : at + 1;
}

/* The answer that the kernel must give: the index that the program gets, or a
 * negative error. A program that is replaced must be at the requested position.
 */
static int list_answer(const struct request *r, int prog)
{
	int near = r->flags & BPF_F_LINK ? sh->obj[r->near].prog : r->near;
	bool replace = r->flags & BPF_F_REPLACE;
	const struct list *list = r->list;
	int old = find(list, r->old), at;

	if (find(list, prog) >= 0)
		return -EEXIST;
	if (near && sh->obj[near].kind != TC)
		return -EINVAL;
	if (replace && old < 0)
		return -ENOENT;
	if (replace && list->entry[old].link)
		return -EBUSY;
	if (!(r->flags & (BPF_F_BEFORE | BPF_F_AFTER))) {
		if (replace)
			return old;
		return near ? -EINVAL : list->n;
	}
	at = neighbour(r, near);
	if (at == -ENOENT)
		return -ENOENT;
	if (replace)
		return at == old ? old : -ERANGE;
	return r->flags & BPF_F_BEFORE ? at + 1 : at;
}

/* Returns the result of the system call. */
static int send_attach(const struct request *r, int prog, __u32 flags)
{
	LIBBPF_OPTS(bpf_prog_attach_opts, opts, .flags = flags,
		    .relative_id = sh->obj[r->near].id);

	if (flags & BPF_F_REPLACE)
		opts.replace_prog_fd = r->old_fd;
	return bpf_prog_attach_opts(prog, r->dev->ifindex, hook(r),
				    &opts);
}

static int send_link(const struct request *r, int prog, __u32 flags)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = flags,
		    .tcx.relative_id = sh->obj[r->near].id);

	return bpf_link_create(prog, r->dev->ifindex, hook(r), &opts);
}

static void new_link(const struct request *r, struct handle *h, int prog,
		     int fd)
{
	struct obj *link;

	handle_drop(h);
	h->fd[0] = fd;
	h->obj = new_obj(LINK);
	link = obj_of(h);
	link->kind = TC;
	link->id = read_link(h).id;
	link->prog = prog;
	link->dev = r->dev;
	link->side = r->side;
	link->hook = hook(r);
}

/* Attaches without a link, or by a new link in place of one without a device. */
static bool op_list_set(int what)
{
	struct handle *p = pick(PROG, TC), *link;
	struct entry entry;
	struct request r;
	int at, ret;
	__u32 said;

	link = what == LINK ? draw_handle(LINK) : NULL;
	if (!p || (link && (obj_of(link)->dev || obj_of(link)->target)) ||
	    !draw_request(&r, link))
		return false;
	at = list_answer(&r, p->obj);
	if (at >= 0 && !(r.flags & BPF_F_REPLACE) && r.list->n == LISTED)
		return false;
	note_request(&r, link ? "link" : "attach", p, at < 0 ? at : 0);
	said = r.flags;
	if (r.hold && !(at >= 0 && lying("tcx")))
		said |= BPF_F_HOLD_MAPS;
	enter_netns(r.dev->netns);
	ret = link ? send_link(&r, first_fd(p), said) :
		     send_attach(&r, first_fd(p), said);
	enter_netns(home_netns);
	expect("to attach to a list", at < 0 ? at : 0, ret < 0 ? ret : 0);
	if (at < 0)
		return true;
	if (link)
		new_link(&r, link, p->obj, ret);
	if (r.flags & BPF_F_REPLACE)
		erase(r.list, at);
	entry = (struct entry){ p->obj, link ? link->obj : 0, r.hold };
	insert(r.list, at, entry);
	return true;
}

/* Detaches a program, or the first or last one. */
static bool op_list_detach(int what)
{
	LIBBPF_OPTS(bpf_prog_detach_opts, opts);
	struct handle *p = NULL;
	int at, wanted = 0;
	struct request r;

	if (!draw_list(&r))
		return false;
	if (draw(4)) {
		p = draw(4) ? handle_of(draw_listed(r.list)) : pick(what, TC);
		if (!p)
			return false;
		at = find(r.list, p->obj);
	} else {
		r.flags = PICK(0, BPF_F_BEFORE, BPF_F_AFTER);
		at = r.flags == BPF_F_BEFORE ? 0 : r.list->n - 1;
	}
	if (at < 0 || !r.list->n)
		wanted = -ENOENT;
	else if (r.list->entry[at].link)
		wanted = -EBUSY;
	note_request(&r, "detach", p, wanted);
	opts.flags = r.flags;
	enter_netns(r.dev->netns);
	expect("to detach from a list", wanted,
	       bpf_prog_detach_opts(p ? first_fd(p) : 0, r.dev->ifindex,
				    hook(&r), &opts));
	enter_netns(home_netns);
	if (!wanted)
		erase(r.list, at);
	return true;
}

static bool op_list_query(int what)
{
	__u32 progs[LISTED + 1], links[LISTED + 1], flags[LISTED + 1];
	LIBBPF_OPTS(bpf_prog_query_opts, opts, .prog_ids = progs,
		    .link_ids = links, .prog_attach_flags = flags,
		    .count = LISTED + 1);
	const struct entry *entry;
	struct request r;
	int i;

	if (!draw_list(&r))
		return false;
	note_request(&r, "query", NULL, 0);
	enter_netns(r.dev->netns);
	expect("to query a list", 0,
	       bpf_prog_query_opts(r.dev->ifindex, hook(&r), &opts));
	enter_netns(home_netns);
	expect("the number of programs", r.list->n, opts.count);
	for (i = 0; i < r.list->n; i++) {
		entry = &r.list->entry[i];
		expect("the listed program", sh->obj[entry->prog].id, progs[i]);
		expect("the listed link", sh->obj[entry->link].id, links[i]);
		if (!sh->lied)
			expect("the flags of the listed program", entry->hold ?
			       BPF_F_HOLD_MAPS : 0, flags[i]);
	}
	return true;
}

/* Nothing changes if the link has the program already. */
static int update_answer(const struct obj *link, bool replace, int old,
			 int prog)
{
	if (!link->dev)
		return -ENOLINK;
	if (replace && old != link->prog)
		return -EPERM;
	if (prog == link->prog)
		return 0;
	if (find(list_of(link), prog) >= 0)
		return -EEXIST;
	return sh->obj[prog].kind == TC ? 0 : -EINVAL;
}

static bool op_list_link_update(int what)
{
	struct handle *h = draw_link(TC), *p = pick(PROG, one_in(8) ? XDP : TC);
	LIBBPF_OPTS(bpf_link_update_opts, opts);
	int old, old_fd, wanted;
	struct obj *link;

	if (!h || !p || (obj_of(h)->dev ? list_of(obj_of(h))->busy : draw(8)))
		return false;
	link = obj_of(h);
	old_fd = draw_old(TC, link->prog, &old);
	if (old_fd >= 0) {
		opts.old_prog_fd = old_fd;
		opts.flags = BPF_F_REPLACE;
	}
	wanted = update_answer(link, old_fd >= 0, old, p->obj);
	note("update %s of a list to %s%s: %d", name(h), name(p),
	     old_fd >= 0 ? " replace" : "", wanted);
	expect("to update a link of a list", wanted,
	       bpf_link_update(first_fd(h), first_fd(p), &opts));
	if (!wanted) {
		entry_of(link)->prog = p->obj;
		link->prog = p->obj;
	}
	return true;
}

/* The device that the link reports: for netkit's peer side, the other one */
static int ifindex_of(const struct obj *link)
{
	if (!link->dev)
		return 0;
	return link->hook == BPF_NETKIT_PEER ? link->dev->peer :
					       link->dev->ifindex;
}

static bool op_list_link_info(int what)
{
	struct bpf_link_info info;
	struct obj *link = draw_link_info(TC, &info);

	if (!link)
		return false;
	expect("the device of a listed link", ifindex_of(link),
	       info.tcx.ifindex);
	expect("the hook of a link", link->hook, info.tcx.attach_type);
	if (sh->patched && !sh->lied)
		expect("the listed link holds",
		       link->dev && entry_of(link)->hold ? BPF_F_HOLD_MAPS : 0,
		       info.tcx.flags);
	return true;
}

const struct op mprog_ops[] = {
	{ op_list_set, 12, PROG },
	{ op_list_set, 8, LINK },
	{ op_list_detach, 5, PROG },
	{ op_list_query, 4, PROG },
	{ op_list_link_update, 8, LINK },
	{ op_list_link_info, 3, LINK },
	{}
};
