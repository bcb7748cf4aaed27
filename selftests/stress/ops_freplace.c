// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on links of freplace, which need a JIT. A program of kind EXT
 * replaces a function of a program of kind TARGET, of the same worker. A target
 * has one replacement at most, but a program can replace the function of several
 * targets. The link has a reference to both. Until a program is first attached,
 * it has one itself to the target that it was loaded for.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "stress.h"

/* The types of both: the function that is replaced is called with the context. */
static int btf_fd, main_type, slot_type;

/* Called once, by the parent. */
void freplace_open(void)
{
	struct btf *btf = btf__new_empty();
	int integer, context, type;

	integer = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	context = btf__add_ptr(btf, btf__add_struct(btf, "xdp_md", 0));
	type = btf__add_func_proto(btf, integer);
	if (btf__add_func_param(btf, "ctx", context))
		errx(1, "BTF");
	main_type = btf__add_func(btf, "main", BTF_FUNC_GLOBAL, type);
	slot_type = btf__add_func(btf, "slot", BTF_FUNC_GLOBAL, type);
	if (btf__load_into_kernel(btf))
		err(1, "BTF");
	btf_fd = btf__fd(btf);
}

/* Sets the options for loading a program of either kind. */
void freplace_opts(const struct obj *prog, struct bpf_prog_load_opts *opts)
{
	static struct bpf_func_info target[2], ext;

	target[0] = (struct bpf_func_info){ 0, main_type };
	target[1] = (struct bpf_func_info){ 2, slot_type };
	ext = (struct bpf_func_info){ 0, slot_type };
	if (prog->kind != EXT && prog->kind != TARGET)
		return;
	opts->prog_btf_fd = btf_fd;
	opts->func_info = prog->kind == EXT ? &ext : target;
	opts->func_info_cnt = prog->kind == EXT ? 1 : 2;
	opts->func_info_rec_size = sizeof(ext);
	if (prog->kind == EXT) {
		opts->attach_btf_id = slot_type;
		opts->attach_prog_fd = first_fd(handle_of(prog->target));
	}
}

/* If a kernel worker releases the link, the state of the target is unknown until
 * the next quiet point.
 */
void freplace_link_off(const struct obj *link, bool late)
{
	sh->obj[link->target].replaced_by = 0;
	sh->obj[link->target].busy |= late;
}

/* With a target, or with the one that the program was loaded for */
static bool op_freplace_create(int what)
{
	struct handle *h = draw_handle(what), *p = pick(PROG, EXT), *to;
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	int target, wanted = 0, fd;
	bool hold = flag();

	if (!p || h->obj)
		return false;
	to = draw(2) ? pick(PROG, TARGET) : NULL;
	target = to ? to->obj : obj_of(p)->target;
	if (sh->obj[target].busy)
		return false;
	if (!target)
		wanted = -EINVAL;
	else if (sh->obj[target].replaced_by)
		wanted = -EBUSY;
	note("link %d %s in prog id %u%s%s: %d", h->index, name(p),
	     sh->obj[target].id, to ? "" : ", of its load",
	     hold ? " hold" : "", wanted);
	if (to)
		opts.target_btf_id = slot_type;
	if (hold && !(!wanted && lying("freplace")))
		opts.flags = BPF_F_HOLD_MAPS;
	fd = bpf_link_create(first_fd(p), to ? first_fd(to) : 0, 0, &opts);
	expect("to create an freplace link", wanted, fd < 0 ? fd : 0);
	if (wanted)
		return true;
	obj_of(p)->target = 0;
	sh->obj[target].replaced_by = p->obj;
	h->fd[0] = fd;
	h->obj = new_obj(LINK);
	obj_of(h)->kind = EXT;
	obj_of(h)->id = read_link(h).id;
	obj_of(h)->prog = p->obj;
	obj_of(h)->target = target;
	obj_of(h)->hold = hold;
	return true;
}

static bool op_freplace_update(int what)
{
	struct handle *h = draw_link(EXT), *p = pick(PROG, EXT);

	if (!h || !p)
		return false;
	note("update %s to %s: %d", name(h), name(p), -EINVAL);
	expect("to update an freplace link", -EINVAL,
	       bpf_link_update(first_fd(h), first_fd(p), NULL));
	return true;
}

static bool op_freplace_info(int what)
{
	struct bpf_link_info info;
	struct obj *link = draw_link_info(EXT, &info);

	if (!link)
		return false;
	expect("the target of an freplace link", sh->obj[link->target].id,
	       info.tracing.target_obj_id);
	if (sh->patched && !sh->lied)
		expect("the freplace link holds",
		       link->hold ? BPF_F_HOLD_MAPS : 0, info.tracing.flags);
	return true;
}

const struct op freplace_ops[] = {
	{ op_freplace_create, 14, LINK },
	{ op_freplace_update, 1, LINK },
	{ op_freplace_info, 3, LINK },
	{}
};
