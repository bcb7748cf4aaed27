// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own counters, from its memory: /proc/kallsyms says where map_idr
 * and prog_idr are, the kernel's BTF where members of structures are, and
 * /proc/kcore has the memory.
 *
 * On user-mode Linux /proc/kcore has the vmalloc area only, and headers that do
 * not say so. /dev/mem has the rest, from the first page of the kernel's image to
 * high_memory. Slab pages are mapped: reading /dev/mem runs instrumented kernel
 * code, which KASAN would stop at an object that was just freed. The image itself
 * is no page of /dev/mem, and can only be read.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common.h"

#define LARGEST 8192	/* bytes of a structure */
#define WINDOW (1UL << 20)	/* of user-mode Linux's memory */
#define MAX_WINDOWS 16384

static int kcore = -1, dev_mem = -1;

/* ---- where things are ---------------------------------------------------- */

static struct {
	unsigned long start, size, offset;
} segments[64];
static size_t nr_segments;
static unsigned long map_idr, prog_idr, physmem, high_memory;

/* libelf cannot be used: for it, a file without a size is empty. */
static void read_segments(void)
{
	Elf64_Ehdr header;
	Elf64_Phdr at;
	int i;

	kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	if (kcore < 0 || read(kcore, &header, sizeof(header)) != sizeof(header))
		err(1, "/proc/kcore");
	for (i = 0; i < header.e_phnum && nr_segments < ARRAY_SIZE(segments);
	     i++) {
		if (pread(kcore, &at, sizeof(at), header.e_phoff +
			  i * sizeof(at)) != sizeof(at))
			err(1, "/proc/kcore");
		if (at.p_type != PT_LOAD)
			continue;
		segments[nr_segments].start = at.p_vaddr;
		segments[nr_segments].size = at.p_memsz;
		segments[nr_segments++].offset = at.p_offset;
	}
}

/* Only user-mode Linux has __binary_start. */
static void read_symbols(void)
{
	const struct {
		const char *name;
		unsigned long *at;
	} wanted[] = {
		{ "map_idr", &map_idr }, { "prog_idr", &prog_idr },
		{ "high_memory", &high_memory }, { "__binary_start", &physmem },
	};
	FILE *in = fopen("/proc/kallsyms", "re");
	char line[512], *name;
	size_t i;

	if (!in)
		err(1, "/proc/kallsyms");
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = 0;
		name = strrchr(line, ' ');
		for (i = 0; name && i < ARRAY_SIZE(wanted); i++)
			if (!strcmp(name + 1, wanted[i].name))
				*wanted[i].at = strtoul(line, NULL, 16);
	}
	fclose(in);
	if (!map_idr || !prog_idr)
		errx(1, "/proc/kallsyms: no address of map_idr and prog_idr");
}

enum { IDR, XARRAY, NODE, MAP, ARRAY, PROG, AUX, STRUCTS };
static struct {
	const char *name;
	size_t size;
} structs[STRUCTS] = {
	[IDR] = { "idr" }, [XARRAY] = { "xarray" }, [NODE] = { "xa_node" },
	[MAP] = { "bpf_map" }, [ARRAY] = { "bpf_array" }, [PROG] = { "bpf_prog" },
	[AUX] = { "bpf_prog_aux" },
};

enum {
	ROOT, HEAD, SHIFT, SLOTS, M_ID, M_TYPE, M_NAME, M_ENTRIES, M_REFS,
	M_UREFS, PTRS, P_TYPE, P_AUX, P_ID, P_NAME, P_REFS, P_MAPS, P_HOLDS,
	MEMBERS
};

/* The counters are atomic64_t, which is a structure of one 64 bit number. */
static struct {
	int of;
	const char *name;
	size_t at, size;	/* size 0: this kernel does not have it */
} members[MEMBERS] = {
	[ROOT] = { IDR, "idr_rt" },
	[HEAD] = { XARRAY, "xa_head" },
	[SHIFT] = { NODE, "shift" },
	[SLOTS] = { NODE, "slots" },
	[M_ID] = { MAP, "id" },
	[M_TYPE] = { MAP, "map_type" },
	[M_NAME] = { MAP, "name" },
	[M_ENTRIES] = { MAP, "max_entries" },
	[M_REFS] = { MAP, "refcnt" },
	[M_UREFS] = { MAP, "usercnt" },
	[PTRS] = { ARRAY, "ptrs" },
	[P_TYPE] = { PROG, "type" },
	[P_AUX] = { PROG, "aux" },
	[P_ID] = { AUX, "id" },
	[P_NAME] = { AUX, "name" },
	[P_REFS] = { AUX, "refcnt" },
	[P_MAPS] = { AUX, "used_map_cnt" },
	[P_HOLDS] = { AUX, "hold_cnt" },
};

/* Also in unions and structures without a name. Returns whether it is there. */
static bool find_member(const struct btf *btf, __u32 type, size_t at, int which)
{
	const struct btf_type *t = btf__type_by_id(btf, type);
	const struct btf_member *m = btf_members(t);
	__u32 i;

	for (i = 0; i < btf_vlen(t); i++) {
		size_t offset = at + btf_member_bit_offset(t, i) / 8;
		const char *name = btf__name_by_offset(btf, m[i].name_off);
		int inner = btf__resolve_type(btf, m[i].type);

		if (!strcmp(name, members[which].name)) {
			members[which].at = offset;
			members[which].size = btf__resolve_size(btf, m[i].type);
			return true;
		}
		if (!*name && btf_is_composite(btf__type_by_id(btf, inner)) &&
		    find_member(btf, inner, offset, which))
			return true;
	}
	return false;
}

static void read_layout(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int types[STRUCTS], i;

	if (!btf)
		err(1, "the kernel's BTF");
	for (i = 0; i < STRUCTS; i++) {
		types[i] = btf__find_by_name_kind(btf, structs[i].name,
						  BTF_KIND_STRUCT);
		if (types[i] < 0)
			errx(1, "no BTF of struct %s", structs[i].name);
		structs[i].size = btf__resolve_size(btf, types[i]);
		if (structs[i].size > LARGEST)
			errx(1, "struct %s is too large", structs[i].name);
	}
	for (i = 0; i < MEMBERS; i++)
		if (!find_member(btf, types[members[i].of], 0, i) &&
		    i != P_HOLDS)
			errx(1, "no BTF of %s in struct %s", members[i].name,
			     structs[members[i].of].name);
	btf__free(btf);
}

/* ---- reading ------------------------------------------------------------- */

static bool read_kcore(unsigned long from, void *to, size_t size, bool *there)
{
	size_t i;

	for (i = 0; i < nr_segments; i++)
		if (from >= segments[i].start &&
		    from - segments[i].start < segments[i].size)
			break;
	*there = i < nr_segments;
	return *there && pread(kcore, to, size, from - segments[i].start +
			       segments[i].offset) == (ssize_t)size;
}

/* Each window is mapped when it is first needed, and stays. */
static const unsigned char *map_window(size_t i)
{
	static const unsigned char *windows[MAX_WINDOWS];
	size_t left = high_memory - physmem - i * WINDOW;
	void *at;

	if (i >= MAX_WINDOWS)
		errx(1, "the guest has too much memory");
	if (!windows[i]) {
		at = mmap(NULL, left < WINDOW ? left : WINDOW, PROT_READ,
			  MAP_SHARED, dev_mem, i * WINDOW);
		if (at == MAP_FAILED)
			err(1, "/dev/mem");
		windows[i] = at;
	}
	return windows[i];
}

static bool read_dev_mem(unsigned long from, void *to, size_t size)
{
	size_t skip = (from - physmem) % WINDOW, n = WINDOW - skip;

	if (!physmem || from < physmem || from >= high_memory ||
	    size > high_memory - from)
		return false;
	if (n > size)
		n = size;
	memcpy(to, map_window((from - physmem) / WINDOW) + skip, n);
	return n == size || read_dev_mem(from + n, to + n, size - n);
}

/* Reads allocated objects. */
static bool read_object(unsigned long from, void *to, size_t size)
{
	bool there;

	return read_kcore(from, to, size, &there) ||
	       (!there && read_dev_mem(from, to, size));
}

/* Reads static variables of the kernel. */
static void read_image(unsigned long from, void *to, size_t size)
{
	bool there;

	if (read_kcore(from, to, size, &there) ||
	    (!there && physmem &&
	     pread(dev_mem, to, size, from - physmem) == (ssize_t)size))
		return;
	errx(1, "the kernel's memory at %#lx cannot be read", from);
}

static bool read_struct(unsigned long from, void *to, int which)
{
	return read_object(from, to, structs[which].size);
}

static __u64 get(const void *object, int member)
{
	__u64 value = 0;

	/* little-endian */
	memcpy(&value, object + members[member].at,
	       members[member].size < 8 ? members[member].size : 8);
	return value;
}

/* The entry of an IDR: a pointer, or 0. Nodes are told from entries by the two
 * lowest bits; the small numbers with these bits are the xarray's own marks.
 */
static unsigned long find_entry(unsigned long idr, __u32 index)
{
	size_t slots = members[SLOTS].size / sizeof(long);
	unsigned char node[LARGEST];
	unsigned long entry;

	read_image(idr + members[ROOT].at + members[HEAD].at, &entry,
		   sizeof(entry));
	while ((entry & 3) == 2 && entry > 4096) {
		if (!read_struct(entry - 2, node, NODE))
			return 0;
		if (index >> get(node, SHIFT) >= slots)
			return 0;
		memcpy(&entry, node + members[SLOTS].at +
		       (index >> get(node, SHIFT)) * sizeof(long),
		       sizeof(entry));
		index &= (1UL << get(node, SHIFT)) - 1;
	}
	return entry & 3 ? 0 : entry;
}

static __u32 prog_id_at(unsigned long prog)
{
	unsigned char object[LARGEST];
	__u32 id;

	if (!prog || !read_struct(prog, object, PROG) ||
	    !read_object(get(object, P_AUX) + members[P_ID].at, &id,
			 sizeof(id)))
		return 0;
	return id;
}

static void read_slots(unsigned long array, struct kernel_map *map)
{
	unsigned long ptrs[KERNEL_SLOTS];
	__u32 count = map->slots < KERNEL_SLOTS ? map->slots : KERNEL_SLOTS, i;

	if (!read_object(array + members[PTRS].at, ptrs, count * sizeof(long)))
		return;
	for (i = 0; i < count; i++)
		map->slot[i] = prog_id_at(ptrs[i]);
}

/* ---- public functions ---------------------------------------------------- */

static void open_dev_mem(void)
{
	dev_mem = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	if (dev_mem < 0)
		err(1, "/dev/mem");
	physmem &= -sysconf(_SC_PAGESIZE);
	read_image(high_memory, &high_memory, sizeof(high_memory));
	if (nr_segments)
		return;
	/* the offset that the header would have */
	segments[nr_segments].start = high_memory;
	segments[nr_segments].size = -high_memory;
	segments[nr_segments++].offset = high_memory - physmem;
}

void kernel_open(void)
{
	read_segments();
	read_symbols();
	read_layout();
	if (physmem)
		open_dev_mem();
}

bool kernel_has_holds(void)
{
	return members[P_HOLDS].size;
}

bool kernel_map(__u32 id, struct kernel_map *map)
{
	unsigned long at = find_entry(map_idr, id);
	unsigned char object[LARGEST];

	memset(map, 0, sizeof(*map));
	map->id = id;
	if (!at || !read_struct(at, object, MAP) || get(object, M_ID) != id)
		return false;
	map->type = get(object, M_TYPE);
	memcpy(map->name, object + members[M_NAME].at, sizeof(map->name));
	map->refs = get(object, M_REFS);
	map->urefs = get(object, M_UREFS);
	if (map->type == BPF_MAP_TYPE_PROG_ARRAY) {
		map->slots = get(object, M_ENTRIES);
		read_slots(at, map);
	}
	return true;
}

bool kernel_prog(__u32 id, struct kernel_prog *prog)
{
	unsigned long at = find_entry(prog_idr, id);
	unsigned char object[LARGEST], aux[LARGEST];

	memset(prog, 0, sizeof(*prog));
	prog->id = id;
	if (!at || !read_struct(at, object, PROG) ||
	    !read_struct(get(object, P_AUX), aux, AUX) ||
	    get(aux, P_ID) != id)
		return false;
	prog->type = get(object, P_TYPE);
	memcpy(prog->name, aux + members[P_NAME].at, sizeof(prog->name));
	prog->refs = get(aux, P_REFS);
	prog->holds = kernel_has_holds() ? (__s64)get(aux, P_HOLDS) : -1;
	prog->maps = get(aux, P_MAPS);
	return true;
}

int kernel_maps(struct kernel_map *maps, int max)
{
	__u32 id = 0;
	int n = 0;

	while (!bpf_map_get_next_id(id, &id)) {
		if (n == max)
			errx(1, "more than %d maps", max);
		n += kernel_map(id, &maps[n]);
	}
	return n;
}

int kernel_progs(struct kernel_prog *progs, int max)
{
	__u32 id = 0;
	int n = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		if (n == max)
			errx(1, "more than %d programs", max);
		n += kernel_prog(id, &progs[n]);
	}
	return n;
}
