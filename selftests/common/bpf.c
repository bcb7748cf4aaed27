// SPDX-License-Identifier: GPL-2.0-only
/* Maps and programs */
#include <bpf/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "code.h"
#include "common.h"

int sys_bpf(int cmd, void *attr, size_t size)
{
	return syscall(SYS_bpf, cmd, attr, size);
}

int open_pinned(const char *path)
{
	int fd = bpf_obj_get(path);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

int open_map(__u32 id)
{
	int fd = bpf_map_get_fd_by_id(id);

	if (fd < 0)
		err(1, "map %u", id);
	return fd;
}

int open_prog(__u32 id)
{
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		err(1, "prog %u", id);
	return fd;
}

int make_prog_array(const char *name, __u32 slots, __u32 *id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int fd;

	fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, name, 4, 4, slots, NULL);
	if (fd < 0 || bpf_map_get_info_by_fd(fd, &info, &len))
		err(1, "prog array");
	if (id)
		*id = info.id;
	return fd;
}

void fill_slot(int map, __u32 slot, int prog)
{
	if (bpf_map_update_elem(map, &slot, &prog, BPF_ANY))
		err(1, "fill slot %u", slot);
}

void fill_slot_by_id(__u32 map_id, __u32 slot, int prog)
{
	int map = open_map(map_id);

	fill_slot(map, slot, prog);
	close(map);
}

int load_code_opts(enum bpf_prog_type type, const char *name,
		   const struct bpf_insn *insns, size_t count,
		   struct bpf_prog_load_opts *opts, __u32 *id)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd;

	fd = bpf_prog_load(type, name, "GPL", insns, count, opts);
	if (fd < 0 || (id && bpf_prog_get_info_by_fd(fd, &info, &len)))
		err(1, "program");
	if (id)
		*id = info.id;
	return fd;
}

int load_code(enum bpf_prog_type type, const char *name,
	      const struct bpf_insn *insns, size_t count, __u32 *id)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);

	opts.expected_attach_type = type == BPF_PROG_TYPE_XDP ? BPF_XDP : 0;
	return load_code_opts(type, name, insns, count, &opts, id);
}

int load_jumper(enum bpf_prog_type type, const char *name,
		const struct jump *jumps, int count, int verdict, __u32 *id)
{
	struct code c = {};
	int i;

	emit(&c, MOV64_REG(BPF_REG_6, BPF_REG_1));
	for (i = 0; i < count; i++) {
		emit(&c, MOV64_IMM(BPF_REG_3, jumps[i].slot));
		emit_tail_call(&c, jumps[i].map);
	}
	emit_return(&c, verdict);
	return load_code(type, name, c.insn, c.n, id);
}

__u32 run_prog(int prog)
{
	char packet[64] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
		    .data_size_in = sizeof(packet));

	if (bpf_prog_test_run_opts(prog, &opts))
		err(1, "bpf_prog_test_run_opts");
	return opts.retval;
}
