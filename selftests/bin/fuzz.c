// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz WHO SEED COUNT [FIRST]: bad requests to attach
 *
 * Sends COUNT requests for XDP, cls_bpf, tcx and BPF links: valid ones with
 * random changes. They have wrong fds and flags in every combination, and
 * attributes that are missing, too short, too long or repeated; then flipped
 * bits, and messages of the wrong length. WHO sends them: "root", with all
 * capabilities; "admin", only with CAP_NET_ADMIN; "userns", with all of them
 * in a user and network namespace of its own; "nobody", with none.
 *
 * Request N only depends on SEED and N, and meets one of six states of
 * attachments, so that the answers of two kernels can be compared. A request
 * with the flag is sent twice, first without it. Prints
 *
 *	N KIND STATE plain|flagged ANSWER
 *
 * ANSWER is 0 or the number of the error, or "none" if the kernel does not
 * answer. With FIRST, begins there and prints the requests too. Fails if an
 * error changed an attachment, if the dump disagrees with the flag of a
 * request, or if there are references to the attached programs at the end.
 */
#include <bpf/bpf.h>
#include <arpa/inet.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/common.h"

/* Short names, for expressions of many flags */
#define HOLD_XDP XDP_FLAGS_HOLD_PROG_ARRAYS
#define HOLD_TC	TCA_BPF_FLAG_HOLD_MAPS

#define DEADLINE 20 /* seconds */
#define DEV 70	/* fixed index of the tested device */
#define LO 1
#define LARGEST 70000
#define IN_A_ROW 16

enum kind { SETLINK, NEWTFILTER, CREATE, UPDATE, BINDMAP, TCX, TCX_LINK };
enum start { NOTHING, DRV, GENERIC, FILTER, BPF_LINK, LISTED, STARTS };
static const char * const start_names[] = {
	"nothing", "drv", "generic", "filter", "link", "listed",
};

/* In the child that sends: fixed numbers, for the messages have them in */
enum {
	FD_XDP = 100, FD_XDP2, FD_TC, FD_TC2, FD_MAP, FD_LATE, FD_LINK, FD_END,
	FD_NEW
};

struct request {
	__u64 number;
	enum kind kind;
	enum start start;
	size_t size;
	bool other;		/* for another classifier */
	bool pristine;		/* not changed since it was built */
	__u32 *flag;		/* the word with the flag, or NULL */
	char data[LARGEST];
};

static struct mnl_socket *nl;
static bool verbose;

/* ---- requests ----------------------------------------------------------- */

static __u32 maybe(__u32 n, __u32 value)
{
	return one_in(n) ? value : 0;
}

static __u32 some_bit(void)
{
	return 1U << draw(32);
}

static __u32 some_fd(void)
{
	return PICK(FD_XDP, FD_XDP, FD_XDP, FD_XDP2, FD_XDP2, FD_TC, FD_TC,
		    FD_MAP, FD_LINK, FD_END, -1, -1, -2, 0, 1000000,
		    0x80000000);
}

static int some_device(void)
{
	return one_in(16) ? draw(3) : DEV;
}

/* A u32, most of the time */
static void put_number(struct nlmsghdr *nlh, int type, __u32 value)
{
	__u32 size = one_in(6) ? PICK(0, 1, 2, 4 + draw(60)) : 4;
	__u64 wide[8] = { value };

	mnl_attr_put(nlh, type | maybe(24, NLA_F_NESTED), size, wide);
}

static __u32 xdp_flags(void)
{
	__u32 flags = PICK(0, 0, XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE,
			   XDP_FLAGS_DRV_MODE, XDP_FLAGS_HW_MODE,
			   XDP_FLAGS_MODES);

	flags |= maybe(4, XDP_FLAGS_UPDATE_IF_NOEXIST);
	flags |= maybe(4, XDP_FLAGS_REPLACE);
	flags |= maybe(2, HOLD_XDP);
	flags |= maybe(8, some_bit());
	return flags;
}

static void put_xdp(struct nlmsghdr *nlh)
{
	struct nlattr *nest;
	int i, end = 1 + draw(5);

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
		put_number(nlh, draw(IFLA_XDP_MAX + 2),
			   PICK(some_fd(), xdp_flags()));
	mnl_attr_nest_end(nlh, nest);
}

static void make_setlink(struct request *r)
{
	__u32 type = PICK(RTM_SETLINK, RTM_SETLINK, RTM_SETLINK, RTM_NEWLINK);
	struct nlmsghdr *nlh = nl_begin(r->data, type, NLM_F_ACK);

	nl_put_link(nlh, some_device())->ifi_family =
		PICK(AF_UNSPEC, AF_UNSPEC, AF_UNSPEC, AF_INET6);
	put_xdp(nlh);
	if (one_in(16))
		put_xdp(nlh);
	r->size = nlh->nlmsg_len;
}

static void put_options(struct nlmsghdr *nlh)
{
	const struct sock_filter ops[] = {
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff), BPF_STMT(BPF_RET | BPF_K, 0),
	};
	__u32 name_size = one_in(4) ? draw(400) : draw(30);
	bool classic = one_in(5);
	struct nlattr *nest;
	char name[400];

	nest = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	if (classic || one_in(20)) {
		mnl_attr_put_u16(nlh, TCA_BPF_OPS_LEN, PICK(1, 1, 1, 2, 0));
		mnl_attr_put(nlh, TCA_BPF_OPS, PICK(8, 8, 8, 16, 0, 7), ops);
	}
	if (!classic || one_in(20))
		put_number(nlh, TCA_BPF_FD, PICK(FD_TC, FD_TC, FD_TC,
						 some_fd()));
	memset(name, 'n', name_size);
	name[name_size] = 0;
	if (one_in(2))
		mnl_attr_put(nlh, TCA_BPF_NAME, name_size + !one_in(8), name);
	if (one_in(3))
		put_number(nlh, TCA_BPF_CLASSID, draw(1 << 20));
	if (!one_in(6))
		put_number(nlh, TCA_BPF_FLAGS, draw(4) | maybe(6, some_bit()));
	if (one_in(4))
		put_number(nlh, TCA_BPF_FLAGS_GEN,
			   draw(4) | maybe(6, some_bit()));
	while (one_in(8))
		put_number(nlh, draw(TCA_BPF_MAX + 2), PICK(FD_TC, draw(8)));
	mnl_attr_nest_end(nlh, nest);
}

static void make_newtfilter(struct request *r)
{
	__u32 parent = TC_H_MAKE(TC_H_CLSACT, PICK(TC_H_MIN_INGRESS,
						   TC_H_MIN_INGRESS,
						   TC_H_MIN_EGRESS, 0));
	struct nlmsghdr *nlh;

	nlh = nl_begin(r->data, RTM_NEWTFILTER, NLM_F_ACK |
		       PICK(NLM_F_CREATE, NLM_F_CREATE, NLM_F_CREATE, 0,
			    NLM_F_CREATE | NLM_F_EXCL, NLM_F_REPLACE,
			    NLM_F_CREATE | NLM_F_ECHO));
	nl_put_tc(nlh, some_device(), parent, 0, draw(3))->tcm_info =
		TC_H_MAKE(draw(3) << 16, htons(ETH_P_ALL));
	r->other = one_in(16);
	mnl_attr_put_strz(nlh, TCA_KIND, r->other ? "matchall" : "bpf");
	if (one_in(10))
		put_number(nlh, TCA_CHAIN, draw(3));
	put_options(nlh);
	if (one_in(16))
		put_options(nlh);
	r->size = nlh->nlmsg_len;
}

/* The first words of bpf(2)'s attribute, which is a union, and its size */
static void put_words(struct request *r, size_t size, __u32 first, __u32 second,
		      __u32 third, __u32 fourth)
{
	__u32 *words = (__u32 *)r->data;

	words[0] = first;
	words[1] = second;
	words[2] = third;
	words[3] = fourth;
	if (one_in(8))
		words[4 + draw(12)] = PICK(draw(200), some_fd());
	r->size = size;
}

static void make_create(struct request *r)
{
	__u32 flags = xdp_flags();

	/* flags that links do not support */
	if (!one_in(8))
		flags &= ~(XDP_FLAGS_REPLACE | XDP_FLAGS_UPDATE_IF_NOEXIST);
	put_words(r, PICK(64, 16, 16, 48, 12, draw(200)),
		  PICK(FD_XDP, FD_XDP, FD_XDP, some_fd()),
		  PICK(DEV, DEV, DEV, DEV, 1, 0, FD_TC),
		  PICK(BPF_XDP, BPF_XDP, BPF_XDP, BPF_XDP, draw(64)), flags);
}

static void make_update(struct request *r)
{
	put_words(r, PICK(16, 16, 64, 12, 8, draw(200)),
		  PICK(FD_LINK, FD_LINK, FD_LINK, some_fd()),
		  PICK(FD_XDP2, FD_XDP2, FD_XDP, some_fd()),
		  PICK(0, 0, BPF_F_REPLACE, HOLD_XDP, some_bit()),
		  PICK(0, 0, FD_XDP, some_fd()));
}

static void make_bindmap(struct request *r)
{
	put_words(r, PICK(12, 12, 64, 8, draw(200)),
		  PICK(FD_XDP, FD_XDP, FD_XDP2, FD_TC, some_fd()),
		  PICK(FD_LATE, FD_LATE, FD_MAP, some_fd()),
		  PICK(0, 0, 0, HOLD_XDP, some_bit()), 0);
}

static __u32 list_flags(void)
{
	__u32 flags = PICK(0, 0, 0, BPF_F_BEFORE, BPF_F_AFTER);

	flags |= maybe(4, BPF_F_REPLACE);
	flags |= maybe(8, BPF_F_ID);
	flags |= maybe(8, BPF_F_LINK);
	flags |= maybe(2, BPF_F_HOLD_MAPS);
	flags |= maybe(8, some_bit());
	return flags;
}

static __u32 some_hook(void)
{
	return PICK(BPF_TCX_INGRESS, BPF_TCX_INGRESS, BPF_TCX_INGRESS,
		    BPF_TCX_EGRESS, BPF_NETKIT_PEER, draw(64));
}

static void make_tcx(struct request *r)
{
	__u32 *words = (__u32 *)r->data;

	words[4] = PICK(0, FD_TC, FD_TC2, some_fd());	/* to be replaced */
	words[5] = maybe(4, PICK(FD_TC, FD_TC2, FD_LINK, some_fd()));
	put_words(r, PICK(32, 32, 64, 24, 16, draw(200)),
		  PICK(DEV, DEV, DEV, DEV, 1000, 0),
		  PICK(FD_TC, FD_TC, FD_TC2, some_fd()), some_hook(),
		  list_flags());
}

static void make_tcx_link(struct request *r)
{
	__u32 *words = (__u32 *)r->data;

	words[4] = maybe(4, PICK(FD_TC, FD_TC2, FD_LINK, some_fd()));
	put_words(r, PICK(32, 32, 64, 24, 16, draw(200)),
		  PICK(FD_TC, FD_TC, FD_TC2, some_fd()),
		  PICK(DEV, DEV, DEV, DEV, 1000, 0), some_hook(),
		  list_flags());
}

static const struct {
	const char *name;
	void (*make)(struct request *r);
	int cmd;	/* of bpf(2), or 0 for netlink */
	__u32 hold;	/* the flag */
} kinds[] = {
	[SETLINK] = { "setlink", make_setlink, 0, HOLD_XDP },
	[NEWTFILTER] = { "newtfilter", make_newtfilter, 0, HOLD_TC },
	[CREATE] = { "create", make_create, BPF_LINK_CREATE, HOLD_XDP },
	[UPDATE] = { "update", make_update, BPF_LINK_UPDATE, HOLD_XDP },
	[BINDMAP] = { "bindmap", make_bindmap, BPF_PROG_BIND_MAP, HOLD_XDP },
	[TCX] = { "tcx", make_tcx, BPF_PROG_ATTACH, BPF_F_HOLD_MAPS },
	[TCX_LINK] = { "tcx_link", make_tcx_link, BPF_LINK_CREATE,
		       BPF_F_HOLD_MAPS },
};

static bool is_netlink(const struct request *r)
{
	return !kinds[r->kind].cmd;
}

static void mutate(struct request *r)
{
	size_t i, junk, least = is_netlink(r) ? NLMSG_HDRLEN : 0;
	struct nlmsghdr *nlh = (void *)r->data;
	int flips = maybe(2, 1 + draw(4));
	__u16 type = nlh->nlmsg_type;

	r->pristine = !flips;
	for (; flips && r->size; flips--)
		r->data[draw(r->size)] ^= 1 << draw(8);
	if (one_in(10) && r->size > least) {
		r->size = least + draw(r->size - least);
		r->pristine = false;
	}
	if (one_in(10)) {
		junk = one_in(20) ? draw(60000) : draw(400);
		for (i = 0; i < junk; i++)
			r->data[r->size++] = maybe(3, draw(256));
		r->pristine = false;
	}
	if (!is_netlink(r))
		return;
	/* Other requests and dumps are not tested, and without an answer there
	 * is nothing to compare.
	 */
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (!one_in(6))
		nlh->nlmsg_len = r->size;
}

/* The flags to attach, if the request has them */
static __u32 *find_flags(struct request *r)
{
	struct nlmsghdr *nlh = (void *)r->data;
	const struct nlattr *attr;

	/* The kernel extends short attributes with zeros: the flag is in the
	 * first byte of its word.
	 */
	if ((r->kind == CREATE || r->kind == TCX || r->kind == TCX_LINK) &&
	    r->size > 12)
		return (__u32 *)r->data + 3;
	if (!is_netlink(r) || r->other || !mnl_nlmsg_ok(nlh, r->size))
		return NULL;
	if (r->kind == SETLINK) {
		attr = nl_find(nlh, sizeof(struct ifinfomsg), IFLA_XDP);
		attr = attr ? nl_find_in(attr, IFLA_XDP_FLAGS) : NULL;
	} else {
		attr = nl_find(nlh, sizeof(struct tcmsg), TCA_OPTIONS);
		attr = attr ? nl_find_in(attr, TCA_BPF_FLAGS) : NULL;
	}
	return attr && mnl_attr_get_payload_len(attr) >= 4 ?
	       mnl_attr_get_payload(attr) : NULL;
}

static void make_request(struct request *r, __u64 seed, __u64 number)
{
	/* several requests use one state, because an attach takes long */
	seed_random(seed, number / IN_A_ROW);
	r->number = number;
	r->start = draw(STARTS);
	seed_random(seed, ~number);
	r->kind = PICK(SETLINK, SETLINK, SETLINK, SETLINK, NEWTFILTER,
		       NEWTFILTER, NEWTFILTER, CREATE, BINDMAP, TCX, TCX_LINK,
		       r->start == BPF_LINK || one_in(8) ? UPDATE : CREATE);
	memset(r->data, 0, 4096);
	r->other = false;
	r->pristine = true;
	kinds[r->kind].make(r);
	if (one_in(2))
		mutate(r);
	r->flag = find_flags(r);
	if (r->flag && !(*r->flag & kinds[r->kind].hold))
		r->flag = NULL;
}

/* ---- attachments -------------------------------------------------------- */

/* 0, a negative error number, or 1 if the kernel did not answer */
static int send_request(struct request *r)
{
	int fd;

	if (is_netlink(r))
		return nl_talk_raw(nl, r->data, r->size);
	fd = sys_bpf(kinds[r->kind].cmd, r->data, r->size);
	if (fd < 0)
		return -errno;
	/* the attachment lasts as long as the link */
	if (kinds[r->kind].cmd == BPF_LINK_CREATE && dup2(fd, FD_NEW) >= 0)
		close(fd);
	return 0;
}

static void set_xdp(int ifindex, int fd, __u32 flags)
{
	struct nlmsghdr *nlh = nl_request(RTM_SETLINK, 0);

	nl_put_link(nlh, ifindex);
	nl_put_xdp(nlh, fd, flags, -1);
	nl_must(nl_talk(nl, nlh, NULL, NULL), "XDP");
}

static void set_clsact(bool add)
{
	nl_must(nl_talk(nl, nl_clsact_request(DEV, add), NULL, NULL), "clsact");
}

static void add_devices(void)
{
	nl_must(nl_add_pair(nl, "veth", "fuzz0", DEV, "fuzz1", DEV + 1, -1), "veth");
	set_clsact(true);
}

static void to_number(int fd, int number)
{
	if (fd < 0 || dup2(fd, number) < 0)
		err(1, "fd %d", number);
	close(fd);
}

/* Held if the kernel supports it; an error does not matter. */
static void begin(enum start start)
{
	__u32 hold = kernel_has_holds() ? HOLD_XDP : 0;
	union bpf_attr attr = {
		.link_create.prog_fd = FD_XDP,
		.link_create.target_ifindex = DEV,
		.link_create.attach_type = BPF_XDP,
		.link_create.flags = XDP_FLAGS_DRV_MODE | hold,
	}, listed = {
		.target_ifindex = DEV,
		.attach_bpf_fd = FD_TC,
		.attach_type = BPF_TCX_INGRESS,
		.attach_flags = hold ? BPF_F_HOLD_MAPS : 0,
	};
	struct nlmsghdr *nlh;

	switch (start) {
	case DRV:
		set_xdp(DEV, FD_XDP, XDP_FLAGS_DRV_MODE | hold);
		break;
	case GENERIC:
		set_xdp(DEV, FD_XDP, XDP_FLAGS_SKB_MODE | hold);
		break;
	case BPF_LINK:
		to_number(sys_bpf(BPF_LINK_CREATE, &attr, sizeof(attr)),
			  FD_LINK);
		break;
	case LISTED:
		if (sys_bpf(BPF_PROG_ATTACH, &listed, sizeof(listed)))
			err(1, "tcx");
		break;
	case FILTER:
		nlh = nl_request(RTM_NEWTFILTER, NLM_F_CREATE);
		nl_put_tc(nlh, DEV, NL_INGRESS, 1, 1);
		nl_put_bpf(nlh, FD_TC, TCA_BPF_FLAG_ACT_DIRECT |
			   (hold ? HOLD_TC : 0), 0);
		nl_must(nl_talk(nl, nlh, NULL, NULL), "filter");
		break;
	default:
		break;
	}
}

/* ---- state --------------------------------------------------------------- */

struct seen {
	struct attachment xdp, filters[8];
	__u32 count, link_prog, link_flags, maps[3];
	struct attachment listed[8];
	__u32 listed_count;
};

/* tcx of the device, in both directions */
static const enum bpf_attach_type directions[] = {
	BPF_TCX_INGRESS, BPF_TCX_EGRESS,
};

static void look_at_tcx(struct seen *seen)
{
	__u32 ids[4] = {}, flags[4] = {}, i, j;
	struct attachment *to;

	for (i = 0; i < ARRAY_SIZE(directions); i++) {
		LIBBPF_OPTS(bpf_prog_query_opts, opts, .prog_ids = ids,
			    .prog_attach_flags = flags, .count = 4);

		/* without privileges nothing was changed */
		if (bpf_prog_query_opts(DEV, directions[i], &opts))
			continue;
		for (j = 0; j < opts.count && seen->listed_count < 8; j++) {
			to = &seen->listed[seen->listed_count++];
			to->id = ids[j];
			to->flags = flags[j];
			to->handle = directions[i];
		}
	}
}

static void clear_tcx(void)
{
	const int fds[] = { FD_TC, FD_TC2 };
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(directions); i++) {
		for (j = 0; j < ARRAY_SIZE(fds); j++) {
			union bpf_attr attr = {
				.target_ifindex = DEV,
				.attach_bpf_fd = fds[j],
				.attach_type = directions[i],
			};

			/* it may not exist */
			sys_bpf(BPF_PROG_DETACH, &attr, sizeof(attr));
		}
	}
}

static __u32 nr_maps(int fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		err(1, "prog info");
	return info.nr_map_ids;
}

/* The state of the device, if it exists */
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
		look_at_tcx(&seen);
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

/* Detaches everything; ALL if devices may have been changed too */
static void end(const struct seen *seen, bool all)
{
	/* Closing the link drops its last reference, synchronously */
	close(FD_LINK);
	close(FD_NEW);
	if (all) {
		/* either of them may be deleted or in another namespace */
		nl_delete_link(nl, DEV);
		nl_delete_link(nl, DEV + 1);
		set_xdp(LO, -1, XDP_FLAGS_SKB_MODE);
		add_devices();
		return;
	}
	if (seen->xdp.id) {
		set_xdp(DEV, -1, XDP_FLAGS_DRV_MODE);
		set_xdp(DEV, -1, XDP_FLAGS_SKB_MODE);
	}
	/* not every sender may list the existing ones */
	clear_tcx();
	if (seen->count) {
		set_clsact(false);
		set_clsact(true);
	}
}

static void print_request(FILE *out, const struct request *r)
{
	size_t i;

	fprintf(out, "%zu bytes:", r->size);
	for (i = 0; i < r->size && i < 512; i++)
		fprintf(out, "%s%02x", i % 4 ? "" : " ",
			(unsigned char)r->data[i]);
	fputc('\n', out);
}

static void complain(const struct request *r, int result, const char *what)
{
	print_request(stderr, r);
	errx(1, "number %llu, %s in state %s, answer %d: %s", r->number,
	     kinds[r->kind].name, start_names[r->start], result, what);
}

/* An unchanged attach request must have the effect of its flag. */
static void check_flag(const struct request *r, const struct seen *now,
		       bool flagged)
{
	const struct ifinfomsg *ifi = (void *)r->data + NLMSG_HDRLEN;
	/* the initial filter may be another one that still exists */
	__u32 i, held = 0, others = kernel_has_holds() && r->start == FILTER;

	if (!r->pristine || r->other || r->kind == UPDATE || r->kind == BINDMAP)
		return;
	if (r->kind == TCX || r->kind == TCX_LINK) {
		/* the base kernel ignores the flag of a link in some cases */
		if (r->start == NOTHING && kernel_has_holds() &&
		    now->listed_count == 1 &&
		    !!(now->listed[0].flags & BPF_F_HOLD_MAPS) != flagged)
			complain(r, 0, "the flag in the list is another one");
		return;
	}
	if (r->kind == NEWTFILTER) {
		for (i = 0; i < now->count; i++)
			held += !!(now->filters[i].flags & HOLD_TC);
		if (flagged && !held)
			complain(r, 0, "no filter holds");
		if (!flagged && held > others)
			complain(r, 0, "a filter holds");
	} else if (now->xdp.id && r->start == NOTHING &&
		   (r->kind == CREATE || ifi->ifi_index == DEV)) {
		if (!!(now->xdp.flags & HOLD_XDP) != flagged)
			complain(r, 0, "the flag is another one");
	}
}

/* Can end() undo all that the request may have changed? Any change of a device
 * counts, even if the request failed.
 */
static bool harmless(const struct request *r, int result)
{
	const struct nlmsghdr *nlh = (void *)r->data;
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	if (!is_netlink(r) || result == 1)
		return true;
	if (!result && ifi->ifi_index != DEV)
		return false;
	if (r->pristine)
		return true;
	if (nlh->nlmsg_len != r->size)
		return false;
	if (r->kind == NEWTFILTER)
		return true;
	if (ifi->ifi_flags || ifi->ifi_change)
		return false;
	mnl_attr_for_each(attr, nlh, sizeof(*ifi))
		if (mnl_attr_get_type(attr) != IFLA_XDP)
			return false;
	return true;
}

static void one(struct request *r, bool flagged, bool can_begin)
{
	static enum start there = NOTHING;
	static struct seen before;
	struct seen now;
	char answer[16];
	int result;
	bool same;

	if (can_begin && there != r->start) {
		if (there != NOTHING)
			end(&before, false);
		begin(r->start);
		there = r->start;
	}
	before = look();
	result = send_request(r);
	snprintf(answer, sizeof(answer), "%d", -result);
	printf("%llu %s %s %s %s\n", r->number, kinds[r->kind].name,
	       start_names[r->start], flagged ? "flagged" : "plain",
	       result == 1 ? "none" : answer);
	if (verbose) {
		print_request(stdout, r);
		fflush(stdout);
	}
	now = look();
	same = !memcmp(&before, &now, sizeof(now));
	if (result && !same)
		complain(r, result, "the state changed");
	if (!result)
		check_flag(r, &now, flagged);
	if (!can_begin) {
		if (is_netlink(r) && !same)
			complain(r, result, "nobody changed it");
		/* this requires no capability, if one has the program */
		close(FD_NEW);
		clear_tcx();
		return;
	}
	if (!result || !harmless(r, result)) {
		end(&now, !harmless(r, result));
		there = NOTHING;
	}
}

/* ---- senders, main ------------------------------------------------------- */

static void load(enum bpf_prog_type type, int map, int number)
{
	const struct jump jump = { map, 0 };

	to_number(load_jumper(type, "fuzz", &jump, 1, 2, NULL), number);
}

/* Into a network namespace of its own */
static void enter(bool new_user)
{
	if (unshare(CLONE_NEWNET | (new_user ? CLONE_NEWUSER : 0)))
		err(1, "unshare");
	if (new_user) {
		write_file("/proc/self/setgroups", "deny");
		write_file("/proc/self/uid_map", "0 0 1");
		write_file("/proc/self/gid_map", "0 0 1");
	}
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

static void send_all(const char *who, __u64 seed, __u64 first, __u64 count)
{
	bool nobody = !strcmp(who, "nobody");
	static struct request r;
	__u64 i;

	enter(!strcmp(who, "userns"));
	nl = nl_open();
	add_devices();
	if (nobody)
		set_capabilities(0);
	else if (!strcmp(who, "admin"))
		set_capabilities(1U << CAP_NET_ADMIN);
	for (i = first; i < first + count; i++) {
		make_request(&r, seed, i);
		if (r.flag) {
			*r.flag &= ~kinds[r.kind].hold;
			one(&r, false, !nobody);
			/* the kernel writes nothing into a request */
			*r.flag |= kinds[r.kind].hold;
		}
		one(&r, r.flag, !nobody);
	}
	fflush(stdout);
}

/* The sender's fds are closed, and its devices are deleted. */
static void nothing_is_left(__u32 map_id)
{
	double end = now() + DEADLINE;
	struct kernel_map map;

	do {
		kernel_map(map_id, &map);
		if (map.urefs == 1)
			return;
	} while (nap(end, 20));
	errx(1, "%lld user references at the end", map.urefs);
}

int main(int argc, char **argv)
{
	int map, tc_map, late, status;
	__u32 ids[3];
	pid_t pid;

	if (argc < 4 || argc > 5)
		errx(2, "usage: fuzz WHO SEED COUNT [FIRST]");
	verbose = argc == 5;
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
		load(BPF_PROG_TYPE_SCHED_CLS, tc_map, FD_TC2);
		close(tc_map);
		send_all(argv[1], strtoull(argv[2], NULL, 0),
			 verbose ? strtoull(argv[4], NULL, 0) : 0,
			 strtoull(argv[3], NULL, 0));
		return 0;
	}
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "the sender ended with %x", status);
	nothing_is_left(ids[0]);
	nothing_is_left(ids[1]);
	nothing_is_left(ids[2]);
	return 0;
}
