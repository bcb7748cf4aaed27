// SPDX-License-Identifier: GPL-2.0-only
/* Selects the next operation, and ends a worker */
#include "stress.h"

static const struct op *const ops[] = {
	bpf_ops, xdp_ops, tc_ops, mprog_ops, freplace_ops, dev_ops,
};

#define for_each_op(i, op) \
	for (i = 0; i < (int)ARRAY_SIZE(ops); i++) \
		for (op = ops[i]; op->fn; op++)

static const struct op *draw_op(void)
{
	static int total;
	const struct op *op;
	int i, n;

	if (!total)
		for_each_op(i, op)
			total += op->weight;
	n = draw(total);
	for_each_op(i, op) {
		n -= op->weight;
		if (n < 0)
			return op;
	}
	return NULL;
}

/* Operations that can do nothing are not counted. */
void op_random(void)
{
	const struct op *op;

	do
		op = draw_op();
	while (!op->fn(op->what));
}

/* Drops everything that the worker has. */
void everything_off(void)
{
	int i;

	note("everything off");
	for (i = 0; i < HANDLES; i++)
		handle_drop(&me->handle[i]);
	for (i = 0; i < DEVS; i++)
		if (me->dev[i].alive)
			dev_destroy(i);
}
