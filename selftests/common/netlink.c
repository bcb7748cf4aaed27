// SPDX-License-Identifier: GPL-2.0-only
/* Requests of rtnetlink, and the answers */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/veth.h>

#include "common.h"

static char message[512];	/* of the last extended ack */
static char received[1 << 17];

struct mnl_socket *nl_open(void)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int on = 1;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) ||
	    mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &on, sizeof(on)) ||
	    mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &on, sizeof(on)))
		err(1, "netlink");
	return nl;
}

struct nlmsghdr *nl_begin(void *buf, int type, int flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return nlh;
}

struct nlmsghdr *nl_request(int type, int flags)
{
	static char buf[8192];

	memset(buf, 0, sizeof(buf));
	return nl_begin(buf, type, flags);
}

struct ifinfomsg *nl_put_link(struct nlmsghdr *nlh, int ifindex)
{
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));

	ifi->ifi_index = ifindex;
	return ifi;
}

struct tcmsg *nl_put_tc(struct nlmsghdr *nlh, int ifindex, __u32 parent,
			__u32 pref, __u32 handle)
{
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	tc->tcm_ifindex = ifindex;
	tc->tcm_parent = parent;
	tc->tcm_handle = handle;
	if (pref)
		tc->tcm_info = TC_H_MAKE(pref << 16, htons(ETH_P_ALL));
	return tc;
}

void nl_put_xdp(struct nlmsghdr *nlh, int fd, __u32 flags, int expected)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, IFLA_XDP);

	mnl_attr_put_u32(nlh, IFLA_XDP_FD, fd);
	mnl_attr_put_u32(nlh, IFLA_XDP_FLAGS, flags);
	if (expected >= 0)
		mnl_attr_put_u32(nlh, IFLA_XDP_EXPECTED_FD, expected);
	mnl_attr_nest_end(nlh, nest);
}

struct nlmsghdr *nl_clsact_request(int ifindex, bool add)
{
	struct nlmsghdr *nlh;

	nlh = nl_request(add ? RTM_NEWQDISC : RTM_DELQDISC,
			 add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	nl_put_tc(nlh, ifindex, TC_H_CLSACT, 0, TC_H_MAKE(TC_H_CLSACT, 0));
	mnl_attr_put_strz(nlh, TCA_KIND, "clsact");
	return nlh;
}

static struct nlattr *begin_bpf(struct nlmsghdr *nlh, __u32 flags,
				__u32 gen_flags)
{
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	nest = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, flags);
	if (gen_flags)
		mnl_attr_put_u32(nlh, TCA_BPF_FLAGS_GEN, gen_flags);
	return nest;
}

void nl_put_bpf(struct nlmsghdr *nlh, int fd, __u32 flags, __u32 gen_flags)
{
	struct nlattr *nest = begin_bpf(nlh, flags, gen_flags);

	mnl_attr_put_u32(nlh, TCA_BPF_FD, fd);
	mnl_attr_put_strz(nlh, TCA_BPF_NAME, "test");
	mnl_attr_nest_end(nlh, nest);
}

void nl_put_classic(struct nlmsghdr *nlh, __u32 flags, __u32 gen_flags)
{
	struct sock_filter accept = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
	struct nlattr *nest = begin_bpf(nlh, flags, gen_flags);

	mnl_attr_put_u16(nlh, TCA_BPF_OPS_LEN, 1);
	mnl_attr_put(nlh, TCA_BPF_OPS, sizeof(accept), &accept);
	mnl_attr_nest_end(nlh, nest);
}

struct nl_nests nl_begin_pair(struct nlmsghdr *nlh, const char *kind,
			      int peer_ifindex)
{
	struct nl_nests nests;

	nests.info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, kind);
	nests.data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	_Static_assert((int)VETH_INFO_PEER == (int)IFLA_NETKIT_PEER_INFO,
		       "netkit needs another attribute");
	nests.peer = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	nl_put_link(nlh, peer_ifindex);
	return nests;
}

void nl_end_pair(struct nlmsghdr *nlh, struct nl_nests nests)
{
	mnl_attr_nest_end(nlh, nests.peer);
	mnl_attr_nest_end(nlh, nests.data);
	mnl_attr_nest_end(nlh, nests.info);
}

/* ---- answers ------------------------------------------------------------- */

/* The last one, because the kernel also uses the last one of a request. */
static const struct nlattr *find(const struct nlattr *from, size_t size,
				 int type)
{
	const struct nlattr *attr, *found = NULL;

	mnl_attr_for_each_payload(from, size)
		if (mnl_attr_get_type(attr) == type)
			found = attr;
	return found;
}

const struct nlattr *nl_find(const struct nlmsghdr *nlh, size_t header, int type)
{
	size_t size = mnl_nlmsg_get_payload_len(nlh);

	header = MNL_ALIGN(header);
	return size < header ? NULL :
	       find(mnl_nlmsg_get_payload_offset(nlh, header), size - header,
		    type);
}

const struct nlattr *nl_find_in(const struct nlattr *nest, int type)
{
	return find(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest),
		    type);
}

/* An 8 or 32 bit number */
static __u32 find_number(const struct nlattr *nest, int type)
{
	const struct nlattr *attr = nl_find_in(nest, type);

	if (!attr)
		return 0;
	return mnl_attr_get_payload_len(attr) == 1 ? mnl_attr_get_u8(attr) :
						     mnl_attr_get_u32(attr);
}

static void keep_message(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*e);
	const struct nlattr *text;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - sizeof(e->msg);
	text = nl_find(nlh, skip, NLMSGERR_ATTR_MSG);
	if (text)
		strncpy(message, mnl_attr_get_str(text), sizeof(message) - 1);
}

/* Returns 1 if more is to come, otherwise what nl_talk() returns. */
static int take_answer(const struct nlmsghdr *nlh, nl_answer_fn answer,
		       void *data)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		keep_message(nlh);
		return e->error;
	}
	if (nlh->nlmsg_type == NLMSG_DONE)
		return *(int *)mnl_nlmsg_get_payload(nlh);
	if (answer)
		answer(nlh, data);
	return 1;
}

int nl_talk(struct mnl_socket *nl, struct nlmsghdr *nlh, nl_answer_fn answer,
	    void *data)
{
	bool interrupted = false;
	int len, ret = 1;

	message[0] = 0;
	if ((nlh->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		nlh->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (ret == 1) {
		len = mnl_socket_recvfrom(nl, received, sizeof(received));
		if (len < 0 && errno == ENOBUFS)
			return 1;
		if (len < 0)
			err(1, "netlink receive");
		for (nlh = (void *)received; ret == 1 && mnl_nlmsg_ok(nlh, len);
		     nlh = mnl_nlmsg_next(nlh, &len)) {
			interrupted |= nlh->nlmsg_flags & NLM_F_DUMP_INTR;
			ret = take_answer(nlh, answer, data);
		}
	}
	return interrupted && !ret ? -EINTR : ret;
}

const char *nl_message(void)
{
	return message;
}

void nl_must(int ret, const char *what)
{
	if (ret)
		errx(1, "%s: %s %s", what, strerror(-ret), message);
}

int nl_talk_raw(struct mnl_socket *nl, const void *data, size_t size)
{
	struct nlmsghdr *nlh;
	int len, answer, ret = 1;

	message[0] = 0;
	if (mnl_socket_sendto(nl, data, size) < 0)
		return -errno;
	/* the kernel answers before the request returns */
	while ((len = recv(mnl_socket_get_fd(nl), received, sizeof(received),
			   MSG_DONTWAIT)) >= 0) {
		for (nlh = (void *)received; mnl_nlmsg_ok(nlh, len);
		     nlh = mnl_nlmsg_next(nlh, &len)) {
			answer = take_answer(nlh, NULL, NULL);
			if (answer <= 0 && ret >= 0)
				ret = answer;
		}
	}
	if (errno != EAGAIN)
		err(1, "netlink receive");
	return ret;
}

/* ---- devices ------------------------------------------------------------- */

int nl_add_pair(struct mnl_socket *nl, const char *kind, const char *name,
		int ifindex, const char *peer, int peer_ifindex, int peer_netns)
{
	struct nlmsghdr *nlh = nl_request(RTM_NEWLINK,
					  NLM_F_CREATE | NLM_F_EXCL);
	struct nl_nests nests;

	nl_put_link(nlh, ifindex);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	nests = nl_begin_pair(nlh, kind, peer_ifindex);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, peer);
	if (peer_netns >= 0)
		mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, peer_netns);
	nl_end_pair(nlh, nests);
	return nl_talk(nl, nlh, NULL, NULL);
}

int nl_delete_link(struct mnl_socket *nl, int ifindex)
{
	struct nlmsghdr *nlh = nl_request(RTM_DELLINK, 0);

	nl_put_link(nlh, ifindex);
	return nl_talk(nl, nlh, NULL, NULL);
}

int nl_set_up(struct mnl_socket *nl, int ifindex)
{
	struct nlmsghdr *nlh = nl_request(RTM_NEWLINK, 0);
	struct ifinfomsg *ifi = nl_put_link(nlh, ifindex);

	ifi->ifi_flags = IFF_UP;
	ifi->ifi_change = IFF_UP;
	return nl_talk(nl, nlh, NULL, NULL);
}

/* ---- what is attached ---------------------------------------------------- */

struct attachment nl_attachment(const struct nlmsghdr *nlh)
{
	bool link = nlh->nlmsg_type == RTM_NEWLINK;
	struct attachment seen = {};
	const struct nlattr *nest;

	nest = nl_find(nlh, link ? sizeof(struct ifinfomsg) :
				   sizeof(struct tcmsg),
		       link ? IFLA_XDP : TCA_OPTIONS);
	if (!link)
		seen.handle = ((struct tcmsg *)
			       mnl_nlmsg_get_payload(nlh))->tcm_handle;
	if (!nest)
		return seen;
	seen.id = find_number(nest, link ? IFLA_XDP_PROG_ID : TCA_BPF_ID);
	seen.flags = find_number(nest, link ? IFLA_XDP_FLAGS : TCA_BPF_FLAGS);
	if (link)
		seen.mode = find_number(nest, IFLA_XDP_ATTACHED);
	return seen;
}

static void keep_attachment(const struct nlmsghdr *nlh, void *data)
{
	*(struct attachment *)data = nl_attachment(nlh);
}

int nl_query(struct mnl_socket *nl, struct nlmsghdr *nlh,
	     struct attachment *seen)
{
	*seen = (struct attachment){};
	return nl_talk(nl, nlh, keep_attachment, seen);
}

struct attachment nl_query_xdp(struct mnl_socket *nl, int ifindex)
{
	struct nlmsghdr *nlh = nl_request(RTM_GETLINK, 0);
	struct attachment seen;
	int ret;

	nl_put_link(nlh, ifindex);
	ret = nl_query(nl, nlh, &seen);
	if (ret)
		errx(1, "query device %d: %s", ifindex, strerror(-ret));
	return seen;
}

struct list {
	struct attachment *to;
	int count, max;
};

static void keep_filter(const struct nlmsghdr *nlh, void *data)
{
	struct attachment seen = nl_attachment(nlh);
	struct list *list = data;

	/* without a handle it is the head of a list of filters */
	if (nlh->nlmsg_type == RTM_NEWTFILTER && seen.handle &&
	    list->count < list->max)
		list->to[list->count++] = seen;
}

int nl_list_filters(struct mnl_socket *nl, int ifindex, __u32 parent,
		    struct attachment *to, int max)
{
	struct nlmsghdr *nlh = nl_request(RTM_GETTFILTER, NLM_F_DUMP);
	struct list list = { .to = to, .max = max };

	nl_put_tc(nlh, ifindex, parent, 0, 0);
	nl_talk(nl, nlh, keep_filter, &list);
	return list.count;
}
