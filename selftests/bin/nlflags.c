// SPDX-License-Identifier: GPL-2.0-only
/*
 * nlflags xdp DEV PINNED|-1 FLAGS
 * nlflags tc DEV PINNED|classic BPF_FLAGS [GEN_FLAGS]
 *
 * One netlink request with flags that no library would send. Prints the name
 * of the error, or "ok", and the kernel's extended ack behind it. The tc
 * filter goes to clsact's ingress with handle 1 and preference 1.
 */
#include <bpf/bpf.h>
#include <err.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int program(const char *path)
{
	int fd = bpf_obj_get(path);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void put_xdp(struct nlmsghdr *nlh, int ifindex, char **argv)
{
	struct ifinfomsg *ifi;
	struct nlattr *nest;

	nlh->nlmsg_type = RTM_SETLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	nest = mnl_attr_nest_start(nlh, IFLA_XDP);
	mnl_attr_put_u32(nlh, IFLA_XDP_FD, strcmp(argv[0], "-1") ?
			 program(argv[0]) : -1);
	mnl_attr_put_u32(nlh, IFLA_XDP_FLAGS, strtoul(argv[1], NULL, 0));
	mnl_attr_nest_end(nlh, nest);
}

static void put_tc(struct nlmsghdr *nlh, int ifindex, char **argv)
{
	struct sock_filter accept = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
	struct nlattr *nest;
	struct tcmsg *tc;

	nlh->nlmsg_type = RTM_NEWTFILTER;
	nlh->nlmsg_flags |= NLM_F_CREATE;
	tc = mnl_nlmsg_put_extra_header(nlh, sizeof(*tc));
	tc->tcm_ifindex = ifindex;
	tc->tcm_handle = 1;
	tc->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
	tc->tcm_info = TC_H_MAKE(1 << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	nest = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	if (!strcmp(argv[0], "classic")) {
		mnl_attr_put_u16(nlh, TCA_BPF_OPS_LEN, 1);
		mnl_attr_put(nlh, TCA_BPF_OPS, sizeof(accept), &accept);
	} else {
		mnl_attr_put_u32(nlh, TCA_BPF_FD, program(argv[0]));
		mnl_attr_put_strz(nlh, TCA_BPF_NAME, "nlflags");
	}
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, strtoul(argv[1], NULL, 0));
	if (argv[2])
		mnl_attr_put_u32(nlh, TCA_BPF_FLAGS_GEN,
				 strtoul(argv[2], NULL, 0));
	mnl_attr_nest_end(nlh, nest);
}

static void print_answer(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*e);
	const struct nlattr *attr;

	printf("%s", e->error ? strerrorname_np(-e->error) : "ok");
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += e->msg.nlmsg_len - sizeof(e->msg);
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_for_each(attr, nlh, skip)
			if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
				printf(" %s", mnl_attr_get_str(attr));
	putchar('\n');
}

int main(int argc, char **argv)
{
	char buf[8192] = {};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct mnl_socket *nl;
	int ifindex, len;

	if (argc < 5)
		errx(2, "usage: nlflags {xdp|tc} DEV PROGRAM FLAGS [GEN_FLAGS]");
	ifindex = if_nametoindex(argv[2]);
	if (!ifindex)
		err(1, "%s", argv[2]);
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (!strcmp(argv[1], "xdp"))
		put_xdp(nlh, ifindex, argv + 3);
	else
		put_tc(nlh, ifindex, argv + 3);

	nl = mnl_socket_open(NETLINK_ROUTE);
	if (!nl || mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &(int){ 1 },
					 sizeof(int)))
		err(1, "netlink");
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		err(1, "netlink send");
	len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (len < 0)
		err(1, "netlink receive");
	print_answer((void *)buf);
	return 0;
}
