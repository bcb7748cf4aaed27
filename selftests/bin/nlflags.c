// SPDX-License-Identifier: GPL-2.0-only
/*
 * nlflags [-t ROUNDS] xdp DEV PINNED|-1 FLAGS [EXPECTED]
 * nlflags [-t ROUNDS] tc DEV PINNED|classic BPF_FLAGS [GEN_FLAGS]
 *
 * One netlink request with flags that no library would send. Prints the name
 * of the error, or "ok", and the kernel's extended ack behind it. EXPECTED is
 * the pinned program that XDP_FLAGS_REPLACE is about. The tc filter goes to
 * clsact's ingress with handle 1 and preference 1.
 *
 * With -t toggle: ROUNDS times the request without the flag to hold and then
 * as it was given; prints what differs from "ok" and stops there.
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
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE 8192
/* newer than the system's headers */
#define HOLD_XDP (1u << 5)
#define HOLD_TC (1u << 1)

static int program(const char *path)
{
	int fd = bpf_obj_get(path);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void put_xdp(struct nlmsghdr *nlh, int ifindex, char **argv,
		    __u32 flags)
{
	struct ifinfomsg *ifi;
	struct nlattr *nest;

	nlh->nlmsg_type = RTM_SETLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	nest = mnl_attr_nest_start(nlh, IFLA_XDP);
	mnl_attr_put_u32(nlh, IFLA_XDP_FD, strcmp(argv[0], "-1") ?
			 program(argv[0]) : -1);
	mnl_attr_put_u32(nlh, IFLA_XDP_FLAGS, flags);
	if (argv[2])
		mnl_attr_put_u32(nlh, IFLA_XDP_EXPECTED_FD, program(argv[2]));
	mnl_attr_nest_end(nlh, nest);
}

static void put_tc(struct nlmsghdr *nlh, int ifindex, char **argv,
		   __u32 flags)
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
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, flags);
	if (argv[2])
		mnl_attr_put_u32(nlh, TCA_BPF_FLAGS_GEN,
				 strtoul(argv[2], NULL, 0));
	mnl_attr_nest_end(nlh, nest);
}

/* argv: "xdp" or "tc", DEV, and what belongs to it */
static void build(char *buf, char **argv, __u32 drop)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	int ifindex = if_nametoindex(argv[1]);
	__u32 flags = strtoul(argv[3], NULL, 0) & ~drop;

	if (!ifindex)
		err(1, "%s", argv[1]);
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	if (!strcmp(argv[0], "xdp"))
		put_xdp(nlh, ifindex, argv + 2, flags);
	else
		put_tc(nlh, ifindex, argv + 2, flags);
}

/* Returns if the kernel did what it was asked to, without a warning. */
static bool talk(struct mnl_socket *nl, const char *request, char *answer)
{
	const struct nlmsghdr *nlh = (const void *)request;
	const struct nlmsgerr *e;

	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		err(1, "netlink send");
	if (mnl_socket_recvfrom(nl, answer, SIZE) < 0)
		err(1, "netlink receive");
	nlh = (const void *)answer;
	e = mnl_nlmsg_get_payload(nlh);
	return !e->error && !(nlh->nlmsg_flags & NLM_F_ACK_TLVS);
}

static void print_answer(const void *answer)
{
	const struct nlmsghdr *nlh = answer;
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
	char with[SIZE] = {}, without[SIZE] = {}, answer[SIZE];
	struct mnl_socket *nl;
	long rounds = 0;

	if (argc > 2 && !strcmp(argv[1], "-t")) {
		rounds = strtol(argv[2], NULL, 0);
		argv += 2;
		argc -= 2;
	}
	if (argc < 5)
		errx(2, "usage: nlflags [-t ROUNDS] {xdp|tc} DEV PROGRAM FLAGS [EXPECTED|GEN_FLAGS]");
	argv++;
	build(with, argv, 0);
	build(without, argv, strcmp(argv[0], "xdp") ? HOLD_TC : HOLD_XDP);

	nl = mnl_socket_open(NETLINK_ROUTE);
	if (!nl || mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &(int){ 1 },
					 sizeof(int)))
		err(1, "netlink");
	if (!rounds)
		talk(nl, with, answer);
	while (rounds-- > 0)
		if (!talk(nl, without, answer) || !talk(nl, with, answer))
			break;
	print_answer(answer);
	return 0;
}
