// SPDX-License-Identifier: GPL-2.0-only
/* Which operation is next, and how often each one is */
#include <bpf/bpf.h>
#include <unistd.h>

#include "stress.h"

static const struct {
	op_fn fn;
	int weight;
} ops[] = {
	{ op_map_new, 3 },
	{ op_map_open, 10 },
	{ op_map_close, 10 },
	{ op_map_pin, 3 },
	{ op_map_unpin, 4 },
	{ op_slot_set, 14 },
	{ op_slot_delete, 4 },
	{ op_slot_lookup, 6 },
	{ op_prog_new, 5 },
	{ op_prog_open, 5 },
	{ op_prog_close, 4 },
	{ op_prog_pin, 2 },
	{ op_prog_unpin, 3 },
	{ op_bind, 5 },
	{ op_poke, 6 },
	{ op_xdp_attach, 12 },
	{ op_xdp_detach, 4 },
	{ op_xdp_query, 2 },
	{ op_link_create, 4 },
	{ op_link_update, 6 },
	{ op_link_detach, 1 },
	{ op_link_close, 3 },
	{ op_link_pin, 2 },
	{ op_link_unpin, 2 },
	{ op_link_info, 2 },
	{ op_filter_set, 18 },
	{ op_filter_delete, 5 },
	{ op_filter_query, 4 },
	{ op_chain, 2 },
	{ op_qdisc, 3 },
	{ op_dev_new, 2 },
	{ op_dev_delete, 1 },
};

#define OPS (int)(sizeof(ops) / sizeof(ops[0]))

/* One that finds nothing to do does not count. */
void op_random(void)
{
	static int total;
	int i, n;

	for (i = 0; !total && i < OPS;)
		while (i < OPS)
			total += ops[i++].weight;
	do {
		n = draw(total);
		for (i = 0; n >= ops[i].weight; i++)
			n -= ops[i].weight;
	} while (!ops[i].fn());
}

/* The end of a worker: nothing of its is to be left. */
void everything_off(void)
{
	int i;

	note("everything off");
	for (i = 0; i < LINKS; i++) {
		struct link *l = &me->link[i];

		if (l->used && l->pin && unlink(pin_path("link", i, 0)))
			fail("unpin: %m");
		if (l->used && l->fd >= 0)
			close(l->fd);
		l->used = false;
	}
	for (i = 0; i < DEVS; i++) {
		struct dev *dev = &me->dev[i];

		if (dev->alive)
			expect("to delete a device", 0, dev_destroy(i));
		dev->alive = false;
		dev->prog = 0;
		dev->hold = false;
		tc_off(i);
	}
	for (i = 0; i < ALL_MAPS; i++)
		handle_drop(&me->map[i], true, i);
	for (i = 0; i < ALL_PROGS; i++)
		handle_drop(&me->prog[i], false, i);
}
