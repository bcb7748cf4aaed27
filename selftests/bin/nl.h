/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The netlink requests that attach programs, each of them one message, and
 * what the kernel's dumps say of them.
 */
#ifndef NL_H
#define NL_H

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The UAPI of the series, which the build host's headers do not have */
#define HOLD_XDP	(1U << 5)	/* XDP_FLAGS_HOLD_PROG_ARRAYS */
#define HOLD_TC		(1U << 1)	/* TCA_BPF_FLAG_HOLD_MAPS */

/* bpf(2) itself: libbpf's functions may make more calls than one. */
static inline int sys_bpf(int cmd, void *attr, size_t size)
{
	return syscall(SYS_bpf, cmd, attr, size);
}

static inline int nl_open(void)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		err(1, "netlink");
	return mnl_socket_get_fd(nl);
}

static inline struct nlmsghdr *nl_begin(void *buf, int type, int flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return nlh;
}

/* fd -1 detaches */
static inline void nl_put_xdp(struct nlmsghdr *nlh, int ifindex, int fd,
			      __u32 flags)
{
	struct ifinfomsg *ifi;
	struct nlattr *nest;

	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	nest = mnl_attr_nest_start(nlh, IFLA_XDP);
	mnl_attr_put_u32(nlh, IFLA_XDP_FD, fd);
	mnl_attr_put_u32(nlh, IFLA_XDP_FLAGS, flags);
	mnl_attr_nest_end(nlh, nest);
}

/* The filter with this handle and preference 1 at clsact's ingress */
static inline void nl_put_filter(struct nlmsghdr *nlh, int ifindex,
				 __u32 handle)
{
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));

	tc->tcm_ifindex = ifindex;
	tc->tcm_handle = handle;
	tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
	tc->tcm_info = TC_H_MAKE(1 << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
}

static inline void nl_put_tc(struct nlmsghdr *nlh, int ifindex, __u32 handle,
			     int fd, const char *name, __u32 flags)
{
	struct nlattr *nest;

	nl_put_filter(nlh, ifindex, handle);
	nest = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put_u32(nlh, TCA_BPF_FD, fd);
	mnl_attr_put_strz(nlh, TCA_BPF_NAME, name);
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, flags);
	mnl_attr_nest_end(nlh, nest);
}

/* An attachment as the kernel tells of it */
struct attachment {
	__u32 id;	/* of the program, 0 if there is none */
	__u32 flags;	/* IFLA_XDP_FLAGS or TCA_BPF_FLAGS */
};

static inline const struct nlattr *nl_find(const struct nlattr *from,
					   size_t size, int type)
{
	const struct nlattr *attr;

	for (attr = from; mnl_attr_ok(attr, (char *)from + size - (char *)attr);
	     attr = mnl_attr_next(attr))
		if (mnl_attr_get_type(attr) == type)
			return attr;
	return NULL;
}

static inline __u32 nl_find_u32(const struct nlattr *nest, int type)
{
	const struct nlattr *attr;

	attr = nl_find(mnl_attr_get_payload(nest),
		       mnl_attr_get_payload_len(nest), type);
	return attr ? mnl_attr_get_u32(attr) : 0;
}

static inline struct attachment nl_attachment(const struct nlmsghdr *nlh)
{
	bool link = nlh->nlmsg_type == RTM_NEWLINK;
	size_t skip = link ? sizeof(struct ifinfomsg) : sizeof(struct tcmsg);
	struct attachment seen = {};
	const struct nlattr *nest;

	nest = nl_find(mnl_nlmsg_get_payload_offset(nlh, skip),
		       mnl_nlmsg_get_payload_len(nlh) - MNL_ALIGN(skip),
		       link ? IFLA_XDP : TCA_OPTIONS);
	if (!nest)
		return seen;
	seen.id = nl_find_u32(nest, link ? IFLA_XDP_PROG_ID : TCA_BPF_ID);
	seen.flags = nl_find_u32(nest, link ? IFLA_XDP_FLAGS : TCA_BPF_FLAGS);
	return seen;
}

/* What is attached to the device; the answer to an unlucky question is not
 * told from nothing, so ask with everything as it should be.
 */
static inline struct attachment nl_ask(int nl, bool xdp, int ifindex)
{
	static char buf[1 << 16];
	struct nlmsghdr *nlh;
	int len;

	memset(buf, 0, 1024);
	if (xdp) {
		struct ifinfomsg *ifi;

		nlh = nl_begin(buf, RTM_GETLINK, 0);
		ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
		ifi->ifi_index = ifindex;
	} else {
		nlh = nl_begin(buf, RTM_GETTFILTER, 0);
		nl_put_filter(nlh, ifindex, 1);
	}
	if (send(nl, nlh, nlh->nlmsg_len, 0) < 0)
		err(1, "netlink send");
	len = recv(nl, buf, sizeof(buf), 0);
	nlh = (void *)buf;
	if (len < 0 || !mnl_nlmsg_ok(nlh, len))
		err(1, "netlink receive");
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

		/* a filter that is not there, or nothing that it could be in */
		if (xdp || (e->error != -ENOENT && e->error != -EINVAL))
			errx(1, "read back: %s", strerror(-e->error));
		return (struct attachment){};
	}
	return nl_attachment(nlh);
}

#endif
