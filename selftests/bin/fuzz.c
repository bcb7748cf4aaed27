// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz [-s SEED] [-n COUNT] [-f FIRST] [-v] WHO: bad requests to attach
 *
 * Sends COUNT requests, made of valid ones for XDP, cls_bpf and BPF links by
 * chance alone: wrong fds and flags in every combination, attributes that are
 * missing, too short, too long, twice there; then bits that flip, messages
 * that end early or late. WHO sends them: "root", with all capabilities;
 * "admin", with CAP_NET_ADMIN alone; "userns", with all of them in a user and
 * network namespace of its own; "nobody", with none.
 *
 * Number N depends on SEED and N alone, and meets one of five states of
 * attachments, so that each answer can be compared between kernels. What
 * carries the flag to hold is sent twice, first without it. Prints
 *
 *	N KIND STATE plain|flagged ANSWER
 *
 * ANSWER is 0 or the number of the error, or "none" for what the kernel takes
 * for no request. Fails where an error changed an attachment, where the dump
 * disagrees with a request about the flag, and where at the end somebody
 * still has a reference to what was attached.
 */
#include <bpf/bpf.h>
#include <arpa/inet.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/common.h"

/* Short names, for expressions of many flags */
#define HOLD_XDP XDP_FLAGS_HOLD_PROG_ARRAYS
#define HOLD_TC	TCA_BPF_FLAG_HOLD_MAPS

#define DEADLINE 20 /* seconds */
#define DEV 70	/* index of the device that all is about, of fixed number */
#define LO 1
#define LARGEST 70000
#define IN_A_ROW 16

enum kind { SETLINK, NEWTFILTER, CREATE, UPDATE, BINDMAP, KINDS };
enum start { NOTHING, DRV, GENERIC, FILTER, BPF_LINK, STARTS };
static const char * const kind_names[] = {
	"setlink", "newtfilter", "create", "update", "bindmap",
};
static const char * const start_names[] = {
	"nothing", "drv", "generic", "filter", "link",
};

/* In the child that sends: fixed numbers, for the messages have them in */
enum { FD_XDP = 100, FD_XDP2, FD_TC, FD_MAP, FD_LATE, FD_LINK, FD_END, FD_NEW };

struct request {
	enum kind kind;
	enum start start;
	int cmd;		/* of bpf(2) */
	size_t size;
	bool other;		/* for another classifier */
	bool pristine;		/* as it was built */
	__u32 *flag;		/* where the flag to hold is set, or NULL */
	char data[LARGEST];
};

static struct mnl_socket *nl;
static bool holds, verbose;	/* the kernel knows the flags */

/* ---- chance ------------------------------------------------------------- */

static __u64 chance;

static __u32 rnd(__u32 below)
{
	return next_random(&chance, below);
}

static bool one_in(__u32 n)
{
	return !rnd(n);
}

#define PICK(...) ({							\
	const __u32 from[] = { __VA_ARGS__ };				\
	from[rnd(sizeof(from) / sizeof(from[0]))];			\
})

/* ---- requests ----------------------------------------------------------- */

static __u32 some_fd(void)
{
	return PICK(FD_XDP, FD_XDP, FD_XDP, FD_XDP2, FD_XDP2, FD_TC, FD_TC,
		    FD_MAP, FD_LINK, FD_END, -1, -1, -2, 0, 1000000,
		    0x80000000);
}

/* A u32, most of the time */
static void put_number(struct nlmsghdr *nlh, int type, __u32 value)
{
	__u64 wide[8] = { value };

	switch (rnd(24)) {
	case 0:
		mnl_attr_put_u8(nlh, type, value);
		break;
	case 1:
		mnl_attr_put_u16(nlh, type, value);
		break;
	case 2:
		mnl_attr_put(nlh, type, 0, NULL);
		break;
	case 3:
		mnl_attr_put(nlh, type, 4 + rnd(60), wide);
		break;
	case 4:
		mnl_attr_put_u32(nlh, type | NLA_F_NESTED, value);
		break;
	default:
		mnl_attr_put_u32(nlh, type, value);
	}
}

static __u32 xdp_flags(void)
{
	__u32 flags = PICK(0, 0, XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE,
			   XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE,
			   XDP_FLAGS_MODES);

	if (one_in(4))
		flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
	if (one_in(4))
		flags |= XDP_FLAGS_REPLACE;
	if (one_in(2))
		flags |= HOLD_XDP;
	if (one_in(8))
		flags |= 1U << rnd(32);
	return flags;
}

static void put_xdp(struct nlmsghdr *nlh)
{
	struct nlattr *nest;
	int i, end = 1 + rnd(5);

	nest = mnl_attr_nest_start(nlh, IFLA_XDP);
	if (one_in(8))
		nest->nla_type &= ~NLA_F_NESTED;
	if (!one_in(12))
		put_number(nlh, IFLA_XDP_FD, some_fd());
	if (!one_in(12))
		put_number(nlh, IFLA_XDP_FLAGS, xdp_flags());
	if (one_in(3))
		put_number(nlh, IFLA_XDP_EXPECTED_FD, some_fd());
	for (i = 0; one_in(6) && i < end; i++)
		put_number(nlh, rnd(IFLA_XDP_MAX + 2),
			   PICK(some_fd(), xdp_flags()));
	mnl_attr_nest_end(nlh, nest);
}

static void make_setlink(struct request *r)
{
	struct nlmsghdr *nlh = nl_begin(r->data, PICK(RTM_SETLINK, RTM_SETLINK,
						      RTM_SETLINK, RTM_NEWLINK),
					NLM_F_ACK);
	struct ifinfomsg *ifi = nl_put_link(nlh, 0);

	ifi->ifi_family = PICK(AF_UNSPEC, AF_UNSPEC, AF_UNSPEC, AF_INET6);
	ifi->ifi_index = one_in(16) ? rnd(3) : DEV;
	put_xdp(nlh);
	if (one_in(16))
		put_xdp(nlh);
	r->size = nlh->nlmsg_len;
}

static void put_options(struct nlmsghdr *nlh)
{
	struct { __u16 code; __u8 jt, jf; __u32 k; } ops[] = {
		{ 0x06, 0, 0, 0xffffffff }, { 0x06, 0, 0, 0 },
	};
	char name[400];
	struct nlattr *nest;
	bool classic = one_in(5);

	nest = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	memset(name, 'n', sizeof(name));
	name[rnd(4) ? rnd(30) : rnd(sizeof(name))] = 0;
	if (classic || one_in(20)) {
		mnl_attr_put_u16(nlh, TCA_BPF_OPS_LEN, PICK(1, 1, 1, 2, 0));
		mnl_attr_put(nlh, TCA_BPF_OPS, PICK(8, 8, 8, 16, 0, 7), ops);
	}
	if (!classic || one_in(20))
		put_number(nlh, TCA_BPF_FD, PICK(FD_TC, FD_TC, FD_TC,
						 some_fd()));
	if (one_in(2))
		mnl_attr_put(nlh, TCA_BPF_NAME, strnlen(name, sizeof(name) - 1) +
			     !one_in(8), name);
	if (one_in(3))
		put_number(nlh, TCA_BPF_CLASSID, rnd(1 << 20));
	if (!one_in(6))
		put_number(nlh, TCA_BPF_FLAGS, rnd(4) | (one_in(6) ?
							 1U << rnd(32) : 0));
	if (one_in(4))
		put_number(nlh, TCA_BPF_FLAGS_GEN, rnd(4) | (one_in(6) ?
							     1U << rnd(32) : 0));
	while (one_in(8))
		put_number(nlh, rnd(TCA_BPF_MAX + 2), PICK(FD_TC, rnd(8)));
	mnl_attr_nest_end(nlh, nest);
}

static void make_newtfilter(struct request *r)
{
	struct nlmsghdr *nlh;
	struct tcmsg *tc;

	nlh = nl_begin(r->data, RTM_NEWTFILTER, NLM_F_ACK |
		       PICK(NLM_F_CREATE, NLM_F_CREATE, NLM_F_CREATE, 0,
			    NLM_F_CREATE | NLM_F_EXCL, NLM_F_REPLACE,
			    NLM_F_CREATE | NLM_F_ECHO));
	tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
	tc->tcm_ifindex = one_in(16) ? rnd(3) : DEV;
	tc->tcm_handle = rnd(3);
	tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, PICK(TC_H_MIN_INGRESS,
						     TC_H_MIN_INGRESS,
						     TC_H_MIN_EGRESS, 0));
	tc->tcm_info = TC_H_MAKE(rnd(3) << 16, htons(ETH_P_ALL));
	r->other = one_in(16);
	mnl_attr_put_strz(nlh, TCA_KIND, r->other ? "matchall" : "bpf");
	if (one_in(10))
		put_number(nlh, TCA_CHAIN, rnd(3));
	put_options(nlh);
	if (one_in(16))
		put_options(nlh);
	r->size = nlh->nlmsg_len;
}

/* The words of bpf(2)'s attribute, in the order of their places */
static void make_bpf(struct request *r)
{
	__u32 *words = (__u32 *)r->data;

	memset(words, 0, 64);
	switch (r->kind) {
	case CREATE:
		r->cmd = BPF_LINK_CREATE;
		words[0] = PICK(FD_XDP, FD_XDP, FD_XDP, some_fd());
		words[1] = PICK(DEV, DEV, DEV, DEV, 1, 0, FD_TC);
		words[2] = PICK(BPF_XDP, BPF_XDP, BPF_XDP, BPF_XDP, rnd(64));
		words[3] = xdp_flags() & ~(one_in(8) ? 0 : XDP_FLAGS_REPLACE |
					   XDP_FLAGS_UPDATE_IF_NOEXIST);
		r->size = PICK(64, 16, 16, 48, 12, rnd(200));
		break;
	case UPDATE:
		r->cmd = BPF_LINK_UPDATE;
		words[0] = PICK(FD_LINK, FD_LINK, FD_LINK, some_fd());
		words[1] = PICK(FD_XDP2, FD_XDP2, FD_XDP, some_fd());
		words[2] = PICK(0, 0, BPF_F_REPLACE, HOLD_XDP, 1U << rnd(32));
		words[3] = PICK(0, 0, FD_XDP, some_fd());
		r->size = PICK(16, 16, 64, 12, 8, rnd(200));
		break;
	default:
		r->cmd = BPF_PROG_BIND_MAP;
		words[0] = PICK(FD_XDP, FD_XDP, FD_XDP2, FD_TC, some_fd());
		words[1] = PICK(FD_LATE, FD_LATE, FD_MAP, some_fd());
		words[2] = PICK(0, 0, 0, HOLD_XDP, 1U << rnd(32));
		r->size = PICK(12, 12, 64, 8, rnd(200));
	}
	if (one_in(8))
		words[4 + rnd(12)] = one_in(2) ? rnd(200) : some_fd();
}

static void mutate(struct request *r)
{
	size_t i, junk, least = r->kind < CREATE ? NLMSG_HDRLEN : 0;
	struct nlmsghdr *nlh = (void *)r->data;
	int flips = one_in(2) ? 1 + rnd(4) : 0;
	__u16 type = nlh->nlmsg_type;

	for (; flips && r->size; flips--)
		r->data[rnd(r->size)] ^= 1 << rnd(8);
	if (one_in(10) && r->size > least)
		r->size = least + rnd(r->size - least);
	if (one_in(10)) {
		junk = one_in(20) ? rnd(60000) : rnd(400);
		for (i = 0; i < junk; i++)
			r->data[r->size++] = one_in(3) ? rnd(256) : 0;
	}
	if (r->kind >= CREATE)
		return;
	/* Other requests and dumps are not what this is about, and without an
	 * answer there is nothing to compare.
	 */
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (!one_in(6))
		nlh->nlmsg_len = r->size;
}

/* The last attribute of the type counts, as it does for the kernel. */
static struct nlattr *last(char *from, char *end, int type)
{
	struct nlattr *attr, *found = NULL;

	for (attr = (void *)from; end - (char *)attr >= NLA_HDRLEN &&
	     attr->nla_len >= NLA_HDRLEN && attr->nla_len <= end - (char *)attr;
	     attr = (void *)attr + NLA_ALIGN(attr->nla_len))
		if ((attr->nla_type & NLA_TYPE_MASK) == type)
			found = attr;
	return found;
}

static void find_flag(struct request *r)
{
	struct nlmsghdr *nlh = (void *)r->data;
	size_t header = r->kind == SETLINK ? sizeof(struct ifinfomsg) :
					     sizeof(struct tcmsg);
	__u32 flag = r->kind == NEWTFILTER ? HOLD_TC : HOLD_XDP;
	struct nlattr *nest, *attr;
	char *end;

	r->flag = NULL;
	/* The kernel adds zeros to what is too short: the flag is in the first
	 * byte of its word.
	 */
	if (r->kind == CREATE && r->size > 12)
		r->flag = (__u32 *)r->data + 3;
	if (r->kind < CREATE && nlh->nlmsg_len <= r->size) {
		end = r->data + nlh->nlmsg_len;
		nest = last(r->data + NLMSG_HDRLEN + NLMSG_ALIGN(header), end,
			    r->kind == SETLINK ? IFLA_XDP : TCA_OPTIONS);
		attr = nest ? last((char *)nest + NLA_HDRLEN,
				   (char *)nest + nest->nla_len,
				   r->kind == SETLINK ? IFLA_XDP_FLAGS :
							TCA_BPF_FLAGS) : NULL;
		if (attr && attr->nla_len >= NLA_HDRLEN + 4)
			r->flag = (void *)attr + NLA_HDRLEN;
	}
	if (r->flag && (!(*r->flag & flag) || r->other))
		r->flag = NULL;
}

static void make_request(struct request *r, __u64 seed, __u64 number)
{
	char before[512];
	size_t size;

	/* the same state for some in a row, because to attach takes long */
	chance = seed * 0x2545f4914f6cdd1d + number / IN_A_ROW;
	rnd(2);
	r->start = rnd(STARTS);
	chance = seed * 0x2545f4914f6cdd1d - number;
	rnd(2);
	r->kind = PICK(SETLINK, SETLINK, SETLINK, SETLINK, NEWTFILTER,
		       NEWTFILTER, NEWTFILTER, CREATE, BINDMAP,
		       r->start == BPF_LINK || one_in(8) ? UPDATE : CREATE);
	memset(r->data, 0, 4096);
	r->other = false;
	if (r->kind == SETLINK)
		make_setlink(r);
	else if (r->kind == NEWTFILTER)
		make_newtfilter(r);
	else
		make_bpf(r);
	size = r->size;
	memcpy(before, r->data, sizeof(before));
	if (one_in(2))
		mutate(r);
	r->pristine = size == r->size && size < sizeof(before) &&
		      !memcmp(before, r->data, size);
	find_flag(r);
}

/* ---- attachments -------------------------------------------------------- */

/* Reads all answers; the first error, or 0; or 1 if there is none */
static int answers(void)
{
	static char buf[1 << 17];
	struct nlmsghdr *nlh;
	int len, result = 1;

	while ((len = recv(mnl_socket_get_fd(nl), buf, sizeof(buf),
			   MSG_DONTWAIT)) >= 0) {
		for (nlh = (void *)buf; mnl_nlmsg_ok(nlh, len);
		     nlh = mnl_nlmsg_next(nlh, &len)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type == NLMSG_ERROR && result >= 0)
				result = result == 1 || e->error ? e->error :
								   result;
		}
	}
	if (errno != EAGAIN)
		err(1, "netlink receive");
	return result;
}

/* Of any length, also of another one than it says itself */
static int send_message(void *data, size_t size)
{
	if (mnl_socket_sendto(nl, data, size) < 0)
		return -errno;
	return answers();
}

static int talk(struct nlmsghdr *nlh)
{
	return nl_talk(nl, nlh, NULL, NULL);
}

static int send_request(struct request *r)
{
	int fd;

	if (r->kind < CREATE)
		return send_message(r->data, r->size);
	fd = sys_bpf(r->cmd, r->data, r->size);
	if (fd < 0)
		return -errno;
	/* what it attached is there as long as the link */
	if (r->kind == CREATE && dup2(fd, FD_NEW) >= 0)
		close(fd);
	return 0;
}

static void must(int result, const char *what)
{
	if (result)
		errx(1, "%s: %s", what, strerror(-result));
}

static int attach_xdp(int ifindex, int fd, __u32 flags)
{
	struct nlmsghdr *nlh = nl_request(RTM_SETLINK, 0);

	nl_put_link(nlh, ifindex);
	nl_put_xdp(nlh, fd, flags, -1);
	return talk(nlh);
}

static int change_qdisc(int type)
{
	struct nlmsghdr *nlh;

	nlh = nl_request(type, type == RTM_NEWQDISC ?
			 NLM_F_CREATE | NLM_F_EXCL : 0);
	nl_put_tc(nlh, DEV, TC_H_CLSACT, 0, TC_H_MAKE(TC_H_CLSACT, 0));
	mnl_attr_put_strz(nlh, TCA_KIND, "clsact");
	return talk(nlh);
}

static void add_devices(void)
{
	struct nlmsghdr *nlh;
	struct nl_nests nests;

	nlh = nl_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	nl_put_link(nlh, DEV);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "fuzz0");
	nests = nl_begin_veth(nlh, DEV + 1);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "fuzz1");
	nl_end_veth(nlh, nests);
	must(talk(nlh), "add the devices");
	must(change_qdisc(RTM_NEWQDISC), "add clsact");
}

static void delete_device(int ifindex)
{
	struct nlmsghdr *nlh = nl_request(RTM_DELLINK, 0);

	nl_put_link(nlh, ifindex);
	talk(nlh);
}

static void put_link(void)
{
	union bpf_attr attr = {
		.link_create.prog_fd = FD_XDP,
		.link_create.target_ifindex = DEV,
		.link_create.attach_type = BPF_XDP,
		.link_create.flags = XDP_FLAGS_DRV_MODE | (holds ? HOLD_XDP : 0),
	};
	int fd = sys_bpf(BPF_LINK_CREATE, &attr, sizeof(attr));

	if (fd < 0 || dup2(fd, FD_LINK) < 0)
		err(1, "link");
	close(fd);
}

/* Held, where the kernel can: on an error that makes no difference. */
static void begin(enum start start)
{
	__u32 hold = holds ? HOLD_XDP : 0;
	struct nlmsghdr *nlh;

	if (start == DRV) {
		must(attach_xdp(DEV, FD_XDP, XDP_FLAGS_DRV_MODE | hold), "drv");
	} else if (start == GENERIC) {
		must(attach_xdp(DEV, FD_XDP, XDP_FLAGS_SKB_MODE | hold), "generic");
	} else if (start == BPF_LINK) {
		put_link();
	} else if (start == FILTER) {
		nlh = nl_request(RTM_NEWTFILTER, NLM_F_CREATE);
		nl_put_tc(nlh, DEV, NL_INGRESS, 1, 1);
		nl_put_bpf(nlh, FD_TC, TCA_BPF_FLAG_ACT_DIRECT |
			   (holds ? HOLD_TC : 0), 0);
		must(talk(nlh), "filter");
	}
}

/* ---- what is seen of it ------------------------------------------------- */

struct seen {
	struct attachment xdp, filters[8];
	__u32 count, link_prog, link_flags, maps[3];
};

static __u32 nr_maps(int fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		err(1, "prog info");
	return info.nr_map_ids;
}

/* Of the device, as far as it is there */
static struct seen look(void)
{
	struct bpf_link_info info;
	__u32 len = sizeof(info);
	struct seen seen;
	char name[IF_NAMESIZE];

	memset(&seen, 0, sizeof(seen));
	if (if_indextoname(DEV, name)) {
		seen.xdp = nl_query_xdp(nl, DEV);
		seen.count = nl_list_filters(nl, DEV, NL_INGRESS, seen.filters,
					     8);
		seen.count += nl_list_filters(nl, DEV, NL_EGRESS, seen.filters +
					      seen.count, 8 - seen.count);
	}
	memset(&info, 0, len);
	if (!bpf_link_get_info_by_fd(FD_LINK, &info, &len)) {
		seen.link_prog = info.prog_id;
		seen.link_flags = info.xdp.flags;
	}
	seen.maps[0] = nr_maps(FD_XDP);
	seen.maps[1] = nr_maps(FD_XDP2);
	seen.maps[2] = nr_maps(FD_TC);
	return seen;
}

/* Takes away what is attached; "all" if devices may be changed, too */
static void end(const struct seen *seen, bool all)
{
	/* A closed link is a link that is gone: last reference, synchronous */
	close(FD_LINK);
	close(FD_NEW);
	if (all) {
		delete_device(DEV);
		delete_device(DEV + 1);
		must(attach_xdp(LO, -1, XDP_FLAGS_SKB_MODE), "detach lo");
		add_devices();
		return;
	}
	if (seen->xdp.id) {
		must(attach_xdp(DEV, -1, XDP_FLAGS_DRV_MODE), "detach drv");
		must(attach_xdp(DEV, -1, XDP_FLAGS_SKB_MODE), "detach generic");
	}
	if (seen->count) {
		must(change_qdisc(RTM_DELQDISC), "delete clsact");
		must(change_qdisc(RTM_NEWQDISC), "add clsact");
	}
}

/* ---- programs, who sends, and all of it --------------------------------- */

static int to_number(int fd, int number)
{
	if (fd < 0 || dup2(fd, number) < 0)
		err(1, "fd %d", number);
	close(fd);
	return number;
}

static void load(enum bpf_prog_type type, int map, int number)
{
	const struct jump jump = { map, 0 };

	to_number(load_jumper(type, "fuzz", &jump, 1, 2, NULL), number);
}

static void set_capabilities(__u32 permitted)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {
		{ .effective = permitted, .permitted = permitted },
	};

	if (prctl(PR_SET_KEEPCAPS, 1) || setresuid(65534, 65534, 65534) ||
	    syscall(SYS_capset, &header, data))
		err(1, "capabilities");
}

/* Once the devices are there; each of them is in a network of its own. */
static void become(const char *who)
{
	if (!strcmp(who, "admin"))
		set_capabilities(1U << CAP_NET_ADMIN);
	else if (!strcmp(who, "nobody"))
		set_capabilities(0);
}

static void enter(const char *who)
{
	if (strcmp(who, "userns")) {
		if (unshare(CLONE_NEWNET))
			err(1, "unshare");
		return;
	}
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		err(1, "unshare");
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", "0 0 1");
	write_file("/proc/self/gid_map", "0 0 1");
}

static void dump_request(const struct request *r)
{
	size_t i;

	fprintf(stderr, "%zu bytes:", r->size);
	for (i = 0; i < r->size && i < 512; i++)
		fprintf(stderr, "%s%02x", i % 4 ? "" : " ",
			(unsigned char)r->data[i]);
	fputc('\n', stderr);
}

static void complain(const struct request *r, __u64 number, int result,
		     const char *what)
{
	dump_request(r);
	errx(1, "number %llu, %s in state %s, answer %d: %s", number,
	     kind_names[r->kind], start_names[r->start], result, what);
}

/* An attach that is as it was built must leave what its flag says. */
static void check_flag(const struct request *r, const struct seen *now,
		       __u64 number, bool flagged)
{
	const struct ifinfomsg *ifi = (void *)r->data + NLMSG_HDRLEN;

	if (!r->pristine || r->kind == UPDATE || r->kind == BINDMAP)
		return;
	if (r->kind == NEWTFILTER && !r->other) {
		__u32 i, held = 0;

		for (i = 0; i < now->count; i++)
			held += !!(now->filters[i].flags & HOLD_TC);
		/* the other one may be the filter of the start */
		if (flagged && !held)
			complain(r, number, 0, "no filter holds");
		if (!flagged && held > (holds && r->start == FILTER))
			complain(r, number, 0, "a filter holds");
	} else if (r->kind != NEWTFILTER && now->xdp.id && r->start == NOTHING &&
		   (r->kind == CREATE || ifi->ifi_index == DEV)) {
		if (!!(now->xdp.flags & HOLD_XDP) != flagged)
			complain(r, number, 0, "the flag is another one");
	}
}

/* Whether the request can have changed no more than end() takes away: of a
 * device anything, part of it even if the answer was an error.
 */
static bool harmless(struct request *r, int result)
{
	const struct ifinfomsg *ifi = (void *)r->data + NLMSG_HDRLEN;
	struct nlattr *attr = (void *)(ifi + 1);
	char *end = r->data + r->size;

	if (r->kind >= CREATE || result == 1)
		return true;
	if (!result && ifi->ifi_index != DEV)
		return false;
	if (r->pristine)
		return true;
	if (((struct nlmsghdr *)r->data)->nlmsg_len != r->size)
		return false;
	if (r->kind == NEWTFILTER)
		return true;
	if (ifi->ifi_flags || ifi->ifi_change)
		return false;
	for (; end - (char *)attr >= NLA_HDRLEN &&
	     attr->nla_len >= NLA_HDRLEN && attr->nla_len <= end - (char *)attr;
	     attr = (void *)attr + NLA_ALIGN(attr->nla_len))
		if ((attr->nla_type & NLA_TYPE_MASK) != IFLA_XDP)
			return false;
	return true;
}

static void one(struct request *r, __u64 number, bool flagged, bool can_begin)
{
	static enum start there = NOTHING;
	static struct seen before;
	struct seen now;
	char answer[16];
	int result;

	if (can_begin && there != r->start) {
		if (there != NOTHING)
			end(&before, false);
		begin(r->start);
		there = r->start;
	}
	before = look();
	result = send_request(r);
	snprintf(answer, sizeof(answer), "%d", -result);
	printf("%llu %s %s %s %s\n", number, kind_names[r->kind],
	       start_names[r->start], flagged ? "flagged" : "plain",
	       result == 1 ? "none" : answer);
	if (verbose) {
		dump_request(r);
		fflush(stdout);
	}
	now = look();
	if (result && memcmp(&before, &now, sizeof(now)))
		complain(r, number, result, "the state changed");
	if (!result)
		check_flag(r, &now, number, flagged);
	if (!can_begin && r->kind < CREATE &&
	    memcmp(&before, &now, sizeof(now)))
		complain(r, number, result, "nobody changed it");
	if (!can_begin) {
		/* which takes no capability, once one has the program */
		close(FD_NEW);
		return;
	}
	if (!result || !harmless(r, result)) {
		end(&now, !harmless(r, result));
		there = NOTHING;
	}
}

static void send_all(const char *who, __u64 seed, __u64 first, __u64 count)
{
	bool can_begin = strcmp(who, "nobody");
	static struct request r;
	__u32 flag;
	__u64 i;

	enter(who);
	nl = nl_open();
	add_devices();
	holds = !attach_xdp(DEV, FD_XDP, XDP_FLAGS_DRV_MODE | HOLD_XDP);
	must(attach_xdp(DEV, -1, XDP_FLAGS_DRV_MODE), "detach");
	become(who);
	for (i = first; i < first + count; i++) {
		make_request(&r, seed, i);
		flag = r.kind == NEWTFILTER ? HOLD_TC : HOLD_XDP;
		if (r.flag) {
			*r.flag &= ~flag;
			one(&r, i, false, can_begin);
			/* the kernel writes nothing into a request */
			*r.flag |= flag;
		}
		one(&r, i, r.flag, can_begin);
	}
	fflush(stdout);
}

/* What the sender left: all its fds are closed, its devices are gone. */
static void nothing_is_left(const __u32 *ids)
{
	struct kernel_map left[3];
	double end = now() + DEADLINE;
	int i;

	do {
		for (i = 0; i < 3; i++)
			kernel_map(ids[i], &left[i]);
		if (left[0].urefs == 1 && left[1].urefs == 1 &&
		    left[2].urefs == 1)
			return;
	} while (nap(end, 20));
	errx(1, "user references at the end: %lld %lld %lld", left[0].urefs,
	     left[1].urefs, left[2].urefs);
}

int main(int argc, char **argv)
{
	__u64 seed = 1, count = 1000, first = 0;
	int opt, map, tc_map, late, status;
	__u32 ids[3];
	pid_t pid;

	while ((opt = getopt(argc, argv, "s:n:f:v")) != -1) {
		switch (opt) {
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			count = strtoull(optarg, NULL, 0);
			break;
		case 'f':
			first = strtoull(optarg, NULL, 0);
			break;
		case 'v':
			verbose = true;
			break;
		default:
			return 2;
		}
	}
	if (optind + 1 != argc)
		errx(2, "usage: fuzz [-s SEED] [-n COUNT] [-f FIRST] [-v] WHO");

	kernel_open();
	map = make_prog_array("fuzz", 1, &ids[0]);
	late = make_prog_array("fuzz", 1, &ids[1]);
	/* programs of two types cannot share one */
	tc_map = make_prog_array("fuzz", 1, &ids[2]);
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		to_number(map, FD_MAP);
		to_number(late, FD_LATE);
		load(BPF_PROG_TYPE_XDP, FD_MAP, FD_XDP);
		load(BPF_PROG_TYPE_XDP, FD_MAP, FD_XDP2);
		load(BPF_PROG_TYPE_SCHED_CLS, tc_map, FD_TC);
		close(tc_map);
		send_all(argv[optind], seed, first, count);
		return 0;
	}
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		errx(1, "the sender ended with %x", status);
	nothing_is_left(ids);
	return 0;
}
