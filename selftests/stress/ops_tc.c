// SPDX-License-Identifier: GPL-2.0-only
/* Operations on clsact, its chains and its filters, which no library has all
 * of: blocks, chains, add or replace or change.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "stress.h"

static const char * const side_name[] = { "ingress", "egress" };

/* Where filters are: one side of a device, or a block that devices share */
struct site {
	int index;
	struct dev *dev;
	int side, block;
	bool shared;	/* a side that is a block's, where nothing can be set */
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

static bool draw_site(struct site *s)
{
	memset(s, 0, sizeof(*s));
	s->index = draw(SITES);
	s->block = s->index - 2 * NETDEVSIM;
	if (s->block >= 0)
		return block_is_used(s->block);
	s->block = 0;
	s->dev = &me->dev[s->index / 2];
	s->side = s->index % 2;
	s->shared = s->dev->block[s->side];
	return s->dev->alive && s->dev->clsact && (!s->shared || !draw(8));
}

static int block_index(int block)
{
	return (me->index + 1) * 100 + block;
}

static struct tcmsg *put_site(struct nlmsghdr *nlh, const struct site *s)
{
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	if (s->dev) {
		tc->tcm_ifindex = s->dev->ifindex;
		tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, s->side ?
					   TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
	} else {
		tc->tcm_ifindex = TCM_IFINDEX_MAGIC_BLOCK;
		tc->tcm_block_index = block_index(s->block);
	}
	return tc;
}

static const char *site_name(const struct site *s)
{
	static char name[32];

	if (s->dev)
		snprintf(name, sizeof(name), "dev %d %s", s->index / 2,
			 side_name[s->side]);
	else
		snprintf(name, sizeof(name), "block %d", s->block);
	return name;
}

static __u32 info_of(int prio)
{
	return TC_H_MAKE((prio + 1) << 16, htons(ETH_P_ALL));
}

static bool prio_exists(int site, int chain, int prio)
{
	int f;

	for (f = 0; f < FILTERS; f++)
		if (me->filter[site][chain][prio][f].prog)
			return true;
	return false;
}

static bool chain_exists(int site, int chain)
{
	int p;

	for (p = 0; p < PRIOS; p++)
		if (prio_exists(site, chain, p))
			return true;
	return me->chain[site][chain];
}

static void chain_flush(int site, int chain)
{
	memset(me->filter[site][chain], 0, sizeof(me->filter[site][chain]));
}

static void site_flush(int site)
{
	int c;

	for (c = 0; c < CHAINS; c++) {
		chain_flush(site, c);
		me->chain[site][c] = false;
	}
}

bool op_filter_set(void)
{
	static const char * const names[] = { "add", "replace", "change" };
	static const int flags[] = { NLM_F_CREATE | NLM_F_EXCL, NLM_F_CREATE,
				     0 };
	int how = draw(3), chain = draw(CHAINS), prio = draw(PRIOS);
	int handle = draw(FILTERS + 1), p = pick_prog(TC), wanted = 0, f;
	struct filter *filters;
	bool hold = flag(), said;
	struct nlmsghdr *nlh;
	struct nlattr *nest;
	struct tcmsg *tc;
	struct site s;

	if (p < 0 || !draw_site(&s))
		return false;
	filters = me->filter[s.index][chain][prio];
	/* with no handle it gets the first free one */
	for (f = handle - 1; !handle && ++f < FILTERS && filters[f].prog;)
		;
	if (f == FILTERS)
		return false;

	if (s.shared)
		wanted = -EOPNOTSUPP;
	else if (how == 0 && filters[f].prog)
		wanted = -EEXIST;
	else if (how == 2 && (!handle || !filters[f].prog))
		wanted = -ENOENT;
	note("filter %s %s chain %d prio %d handle %d prog %d id %u%s: %d",
	     names[how], site_name(&s), chain, prio, handle, p,
	     sh->prog[me->prog[p].obj].id, hold ? " hold" : "", wanted);

	said = hold && !(!wanted && lying("filter"));
	nlh = nl_request(RTM_NEWTFILTER, flags[how]);
	tc = put_site(nlh, &s);
	tc->tcm_handle = handle;
	tc->tcm_info = info_of(prio);
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	if (chain || draw(2))
		mnl_attr_put_u32(nlh, TCA_CHAIN, chain);
	nest = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put_u32(nlh, TCA_BPF_FD, first_fd(&me->prog[p]));
	mnl_attr_put_strz(nlh, TCA_BPF_NAME, "stress");
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT |
			 (said ? TCA_BPF_FLAG_HOLD_MAPS : 0));
	mnl_attr_nest_end(nlh, nest);
	expect("to set a filter", wanted,
	       nl_talk(nl_of(s.dev), nlh, NULL, NULL));
	if (wanted)
		return true;
	filters[f].prog = me->prog[p].obj;
	filters[f].hold = hold;
	return true;
}

/* One by its handle, all of a priority, or all of a chain */
bool op_filter_delete(void)
{
	int chain = draw(CHAINS), prio = draw(PRIOS), wanted = 0;
	int handle = draw(FILTERS + 1);
	bool whole = !draw(8);
	struct filter *filters;
	struct nlmsghdr *nlh;
	struct tcmsg *tc;
	struct site s;

	if (!draw_site(&s))
		return false;
	filters = me->filter[s.index][chain][prio];
	if (s.shared)
		wanted = -EOPNOTSUPP;
	else if (!whole && (handle ? !filters[handle - 1].prog :
			    !prio_exists(s.index, chain, prio)))
		wanted = -ENOENT;
	note("filter delete %s chain %d prio %d handle %d: %d", site_name(&s),
	     chain, whole ? -1 : prio, whole ? 0 : handle, wanted);

	nlh = nl_request(RTM_DELTFILTER, 0);
	tc = put_site(nlh, &s);
	if (!whole) {
		tc->tcm_handle = handle;
		tc->tcm_info = info_of(prio);
		mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	}
	mnl_attr_put_u32(nlh, TCA_CHAIN, chain);
	expect("to delete filters", wanted,
	       nl_talk(nl_of(s.dev), nlh, NULL, NULL));
	if (wanted)
		return true;
	if (whole)
		chain_flush(s.index, chain);
	else if (handle)
		filters[handle - 1].prog = 0;
	else
		memset(filters, 0, FILTERS * sizeof(*filters));
	return true;
}

struct dumped {
	__u32 id, flags;
};

static int on_filter(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr, *inner;
	struct dumped *d = data;

	mnl_attr_for_each(attr, nlh, sizeof(struct tcmsg)) {
		if (mnl_attr_get_type(attr) != TCA_OPTIONS)
			continue;
		mnl_attr_for_each_nested(inner, attr) {
			if (mnl_attr_get_type(inner) == TCA_BPF_ID)
				d->id = mnl_attr_get_u32(inner);
			if (mnl_attr_get_type(inner) == TCA_BPF_FLAGS)
				d->flags = mnl_attr_get_u32(inner);
		}
	}
	return 0;
}

bool op_filter_query(void)
{
	int chain = draw(CHAINS), prio = draw(PRIOS), f = draw(FILTERS);
	struct dumped d = {};
	struct nlmsghdr *nlh;
	struct filter *filter;
	struct tcmsg *tc;
	struct site s;
	int wanted = 0;

	if (!draw_site(&s))
		return false;
	filter = &me->filter[s.index][chain][prio][f];
	if (s.shared)
		wanted = -EOPNOTSUPP;
	else if (!chain_exists(s.index, chain))
		wanted = -EINVAL;
	else if (!filter->prog)
		wanted = -ENOENT;
	note("filter %s chain %d prio %d handle %d?", site_name(&s), chain,
	     prio, f + 1);
	nlh = nl_request(RTM_GETTFILTER, 0);
	tc = put_site(nlh, &s);
	tc->tcm_handle = f + 1;
	tc->tcm_info = info_of(prio);
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	mnl_attr_put_u32(nlh, TCA_CHAIN, chain);
	expect("to query a filter", wanted,
	       nl_talk(nl_of(s.dev), nlh, on_filter, &d));
	if (wanted)
		return true;
	expect("the filter's program", sh->prog[filter->prog].id, d.id);
	if (!sh->lied)
		expect("the filter holds", filter->hold,
		       !!(d.flags & TCA_BPF_FLAG_HOLD_MAPS));
	return true;
}

/* A chain exists by itself, or else for as long as it has filters. */
bool op_chain(void)
{
	int chain = draw(CHAINS), wanted = 0;
	struct nlmsghdr *nlh;
	bool add = draw(2);
	struct site s;

	if (!draw_site(&s))
		return false;
	if (s.shared)
		wanted = -EOPNOTSUPP;
	else if (add && chain_exists(s.index, chain))
		wanted = -EEXIST;
	else if (!add && !chain_exists(s.index, chain))
		wanted = -EINVAL;
	note("chain %s %s %d: %d", add ? "add" : "delete", site_name(&s),
	     chain, wanted);
	nlh = nl_request(add ? RTM_NEWCHAIN : RTM_DELCHAIN,
			 add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	put_site(nlh, &s);
	mnl_attr_put_u32(nlh, TCA_CHAIN, chain);
	expect("to change a chain", wanted,
	       nl_talk(nl_of(s.dev), nlh, NULL, NULL));
	if (wanted)
		return true;
	me->chain[s.index][chain] = add;
	if (!add)
		chain_flush(s.index, chain);
	return true;
}

/* Clsact goes, and blocks with the last device that they have. */
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

bool op_qdisc(void)
{
	int i = draw(NETDEVSIM), side, first = draw(2 * (BLOCKS + 1));
	struct dev *dev = &me->dev[i];
	struct nlmsghdr *nlh;
	struct tcmsg *tc;
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
	nlh = nl_request(add ? RTM_NEWQDISC : RTM_DELQDISC,
			 add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
	tc->tcm_ifindex = dev->ifindex;
	tc->tcm_parent = TC_H_CLSACT;
	tc->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(nlh, TCA_KIND, "clsact");
	if (dev->block[0])
		mnl_attr_put_u32(nlh, TCA_INGRESS_BLOCK,
				 block_index(dev->block[0] - 1));
	if (dev->block[1])
		mnl_attr_put_u32(nlh, TCA_EGRESS_BLOCK,
				 block_index(dev->block[1] - 1));
	expect("to change clsact", 0, nl_talk(nl_of(dev), nlh, NULL, NULL));
	dev->clsact = add;
	if (!add)
		tc_off(i);
	return true;
}
