// SPDX-License-Identifier: GPL-2.0-only
/* Operations on clsact qdiscs, shared blocks, chains and filters */
#include "stress.h"

/* Where filters are attached: a side of a device, or a shared block */
struct site {
	int chain, pref, handle;
	int index;
	struct dev *dev;
	int side, block;
	bool shared;	/* a side that belongs to a block: requests are refused */
	struct filter *filters;	/* with this chain and preference */
};

static bool block_is_used(int block)
{
	int i;

	for (i = 0; i < HOMES; i++)
		if (me->dev[i].clsact && (me->dev[i].block[0] == block + 1 ||
					  me->dev[i].block[1] == block + 1))
			return true;
	return false;
}

static int block_index(int block)
{
	return (me->index + 1) * 100 + block;
}

/* With a handle below HANDLES; returns false if there is no such site. */
static bool draw_site(struct site *s, int handles)
{
	*s = (struct site){
		.chain = draw(CHAINS), .pref = draw(PRIOS) + 1,
		.handle = draw(handles), .index = draw(SITES),
	};
	s->filters = me->filter[s->index][s->chain][s->pref - 1];
	s->block = s->index - 2 * NETDEVSIM;
	if (s->block >= 0)
		return block_is_used(s->block);
	s->dev = &me->dev[s->index / 2];
	s->side = s->index % 2;
	s->shared = s->dev->block[s->side];
	return s->dev->alive && s->dev->clsact && (!s->shared || !draw(8));
}

/* For notes */
static const char *site_name(const struct site *s)
{
	static char name[64];
	int n;

	if (s->dev)
		n = snprintf(name, sizeof(name), "dev %d %s", s->index / 2,
			     s->side ? "egress" : "ingress");
	else
		n = snprintf(name, sizeof(name), "block %d", s->block);
	snprintf(name + n, sizeof(name) - n, " chain %d pref %d handle %d",
		 s->chain, s->pref, s->handle);
	return name;
}

static struct nlmsghdr *request(int type, int flags, const struct site *s)
{
	struct nlmsghdr *nlh = nl_request(type, flags);
	__u32 parent = s->side ? NL_EGRESS : NL_INGRESS;

	if (s->dev)
		nl_put_tc(nlh, s->dev->ifindex, parent, s->pref, s->handle);
	else
		nl_put_tc(nlh, TCM_IFINDEX_MAGIC_BLOCK, 0, s->pref, s->handle)
			->tcm_block_index = block_index(s->block);
	/* which may be missing for the first chain */
	if (s->chain || draw(2))
		mnl_attr_put_u32(nlh, TCA_CHAIN, s->chain);
	return nlh;
}

static bool any(const struct filter *filters, int n)
{
	while (n--)
		if (filters[n].prog)
			return true;
	return false;
}

static bool chain_exists(const struct site *s)
{
	return me->chain[s->index][s->chain] ||
	       any(me->filter[s->index][s->chain][0], PRIOS * FILTERS);
}

static void chain_flush(int site, int chain)
{
	memset(me->filter[site][chain], 0, sizeof(me->filter[site][chain]));
}

static void site_flush(int site)
{
	memset(me->filter[site], 0, sizeof(me->filter[site]));
	memset(me->chain[site], 0, sizeof(me->chain[site]));
}

static bool op_filter_set(int what)
{
	static const char * const names[] = { "add", "replace", "change" };
	static const int flags[] = { NLM_F_CREATE | NLM_F_EXCL, NLM_F_CREATE,
				     0 };
	struct handle *p = pick(what, TC);
	int how = draw(3), wanted = 0, f;
	bool hold = flag(), said;
	struct nlmsghdr *nlh;
	struct site s;

	if (!p || !draw_site(&s, FILTERS + 1))
		return false;
	/* without a handle the kernel takes the first free one */
	f = s.handle - 1;
	while (!s.handle && ++f < FILTERS && s.filters[f].prog)
		;
	if (f == FILTERS)
		return false;

	if (s.shared)
		wanted = -EOPNOTSUPP;
	else if (how == 0 && s.filters[f].prog)
		wanted = -EEXIST;
	else if (how == 2 && (!s.handle || !s.filters[f].prog))
		wanted = -ENOENT;
	note("filter %s %s %s%s: %d", names[how], site_name(&s), name(p),
	     hold ? " hold" : "", wanted);

	nlh = request(RTM_NEWTFILTER, flags[how], &s);
	said = hold && (wanted || !lying("filter"));
	nl_put_bpf(nlh, first_fd(p), TCA_BPF_FLAG_ACT_DIRECT |
		   (said ? TCA_BPF_FLAG_HOLD_MAPS : 0), 0);
	talk("to set a filter", wanted, s.dev, nlh);
	if (!wanted)
		s.filters[f] = (struct filter){ p->obj, hold };
	return true;
}

/* Deletes one filter, all of a preference, or all of a chain. */
static bool op_filter_delete(int what)
{
	bool whole = one_in(8);
	struct nlmsghdr *nlh;
	int wanted = 0;
	struct site s;

	if (!draw_site(&s, FILTERS + 1))
		return false;
	if (whole) {
		s.pref = 0;
		s.handle = 0;
	}
	if (s.shared)
		wanted = -EOPNOTSUPP;
	else if (s.handle ? !s.filters[s.handle - 1].prog :
		 !whole && !any(s.filters, FILTERS))
		wanted = -ENOENT;
	note("filter delete %s: %d", site_name(&s), wanted);

	nlh = request(RTM_DELTFILTER, 0, &s);
	if (!whole)
		mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	talk("to delete filters", wanted, s.dev, nlh);
	if (wanted)
		return true;
	if (whole)
		chain_flush(s.index, s.chain);
	else if (s.handle)
		s.filters[s.handle - 1].prog = 0;
	else
		memset(s.filters, 0, FILTERS * sizeof(*s.filters));
	return true;
}

static bool op_filter_query(int what)
{
	const struct filter *filter;
	struct attachment seen;
	struct nlmsghdr *nlh;
	int wanted = 0;
	struct site s;

	if (!draw_site(&s, FILTERS))
		return false;
	filter = &s.filters[s.handle++];
	if (s.shared)
		wanted = -EOPNOTSUPP;
	else if (!chain_exists(&s))
		wanted = -EINVAL;
	else if (!filter->prog)
		wanted = -ENOENT;
	note("filter %s?", site_name(&s));
	nlh = request(RTM_GETTFILTER, 0, &s);
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	expect("to query a filter", wanted,
	       nl_query(nl_of(s.dev), nlh, &seen));
	if (wanted)
		return true;
	expect("the filter's program", sh->obj[filter->prog].id, seen.id);
	if (!sh->lied)
		expect("the filter holds", filter->hold,
		       !!(seen.flags & TCA_BPF_FLAG_HOLD_MAPS));
	return true;
}

/* A chain that was not created explicitly exists while it has filters. */
static bool op_chain(int what)
{
	struct nlmsghdr *nlh;
	bool add = draw(2);
	int wanted = 0;
	struct site s;

	if (!draw_site(&s, 1))
		return false;
	s.pref = 0;
	if (s.shared)
		wanted = -EOPNOTSUPP;
	else if (add && chain_exists(&s))
		wanted = -EEXIST;
	else if (!add && !chain_exists(&s))
		wanted = -EINVAL;
	note("chain %s %s: %d", add ? "add" : "delete", site_name(&s), wanted);
	nlh = request(add ? RTM_NEWCHAIN : RTM_DELCHAIN,
		      add ? NLM_F_CREATE | NLM_F_EXCL : 0, &s);
	talk("to change a chain", wanted, s.dev, nlh);
	if (wanted)
		return true;
	me->chain[s.index][s.chain] = add;
	if (!add)
		chain_flush(s.index, s.chain);
	return true;
}

/* Clsact is deleted, and a shared block with its last device. */
void tc_off(int dev)
{
	int b;

	me->dev[dev].clsact = false;
	if (dev >= NETDEVSIM)
		return;
	site_flush(2 * dev);
	site_flush(2 * dev + 1);
	for (b = 0; b < BLOCKS; b++)
		if (!block_is_used(b))
			site_flush(2 * NETDEVSIM + b);
}

static bool op_qdisc(int what)
{
	int i = draw(NETDEVSIM), side, first = draw(2 * (BLOCKS + 1));
	struct dev *dev = &me->dev[i];
	struct nlmsghdr *nlh;
	bool add;

	if (!dev->alive)
		return false;
	add = !dev->clsact;
	if (!add && draw(4))
		return false;
	memset(dev->block, 0, sizeof(dev->block));
	for (side = 0; add && i < HOMES && side < 2; side++)
		if (first < BLOCKS)
			dev->block[side] = (first + side) % BLOCKS + 1;
		else if (first == BLOCKS + side)
			dev->block[side] = 1;
	note("clsact %s dev %d, blocks %d %d", add ? "add" : "delete", i,
	     dev->block[0], dev->block[1]);
	nlh = nl_clsact_request(dev->ifindex, add);
	for (side = 0; side < 2; side++)
		if (dev->block[side])
			mnl_attr_put_u32(nlh, side ? TCA_EGRESS_BLOCK :
						     TCA_INGRESS_BLOCK,
					 block_index(dev->block[side] - 1));
	talk("to change clsact", 0, dev, nlh);
	dev->clsact = add;
	if (!add)
		tc_off(i);
	return true;
}

const struct op tc_ops[] = {
	{ op_filter_set, 18, PROG },
	{ op_filter_delete, 5, PROG },
	{ op_filter_query, 4, PROG },
	{ op_chain, 2, PROG },
	{ op_qdisc, 3, PROG },
	{}
};
