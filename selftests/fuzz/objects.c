// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's input as the object of "ip link set dev D xdp obj FILE ..." and
 * of "tc filter ... bpf obj FILE ...", up to the message to the kernel.
 *
 * The last two bytes are not part of the object: they select the command, and
 * the request to the kernel that fails. No request reaches the kernel: where the
 * loader and libbpf call NAME, fake_NAME is called if it is defined here.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "bpf_util.h"

/* Defined by ip and tc, of which only the library is linked */
int show_details;

/* Called at the end of a command; the base iproute2 lacks it. */
int bpf_load_end(int ret) __attribute__((weak));

/* Of libbpf, which has FEATURES features to probe */
bool feat_supported(void *cache, int feature) __attribute__((weak));

size_t LLVMFuzzerMutate(unsigned char *data, size_t size, size_t max_size);

static char path[32];
static int zero, input, requests, fails_at, fails_with;
static bool pinned;

/* Reads all of it, as the kernel would, unless the address is NULL. */
static bool reads(__u64 address, size_t size)
{
	const volatile char *byte = (void *)(long)address;
	size_t i;

	for (i = 0; byte && i < size; i++)
		(void)byte[i];
	return byte || !size;
}

static long answer(int error)
{
	if (!error)
		return 0;
	errno = error;
	return -1;
}

/* File descriptors that can be mapped, and that are really closed */
static long descriptor(void)
{
	return fcntl(zero, F_DUPFD_CLOEXEC, 0);
}

/* How many of the first 64 file descriptors are unused */
static int unused_descriptors(void)
{
	struct pollfd fds[64];
	int i, unused = 0;

	for (i = 0; i < 64; i++)
		fds[i] = (struct pollfd) { .fd = i };
	poll(fds, 64, 0);
	for (i = 0; i < 64; i++)
		unused += fds[i].revents == POLLNVAL;
	return unused;
}

static long kernel_answers(int cmd, union bpf_attr *attr)
{
	if (fails_at && ++requests == fails_at)
		return answer(fails_with);

	switch (cmd & 0xffff) {
	case BPF_PROG_LOAD:
		if (!reads(attr->insns, attr->insn_cnt * sizeof(struct bpf_insn)))
			return answer(EFAULT);
		if (!attr->license || strnlen((void *)(long)attr->license, 128) > 127)
			return answer(EINVAL);
		return descriptor();
	case BPF_BTF_LOAD:
		if (!reads(attr->btf, attr->btf_size))
			return answer(EFAULT);
		return descriptor();
	case BPF_OBJ_GET:
		if (!pinned)
			return answer(ENOENT);
		return descriptor();
	case BPF_OBJ_GET_INFO_BY_FD:
		memset((void *)(long)attr->info.info, 0, attr->info.info_len);
		return 0;
	case BPF_MAP_CREATE:
		if (attr->max_entries > 1 << 16)
			return answer(E2BIG);
		return descriptor();
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_RAW_TRACEPOINT_OPEN:
	case BPF_LINK_CREATE:
	case BPF_TOKEN_CREATE:
		return descriptor();
	default:
		return 0;
	}
}

long fake_syscall(long number, long first, long second, long third)
{
	switch (number) {
	case __NR_bpf:
		return kernel_answers(first, (void *)second);
	case __NR_dup3:
	case __NR_memfd_create:
		return syscall(number, first, second, third);
	default:
		return answer(ENOSYS);
	}
}

/* The only files that exist: the object, and empty files in fdinfo */
int fake_open64(const char *name, int flags, ...)
{
	return strcmp(name, path) ? answer(ENOENT) : open(name, flags);
}

FILE *fake_fopen64(const char *name, const char *mode)
{
	if (strstr(name, "/fdinfo/"))
		return fopen("/dev/null", mode);
	errno = ENOENT;
	return NULL;
}

/* Allocating 16 MB for the verifier's log, which is empty here, would take most of the time. */
void *fake_realloc(void *memory, size_t size)
{
	return realloc(memory, size == UINT_MAX >> 8 ? 4096 : size);
}

void *fake_gzopen64(const char *name, const char *mode) { return NULL; }
int fake_access(const char *name, int mode) { return answer(ENOENT); }
int fake_faccessat(int dir, const char *name, int mode, int flags) { return answer(ENOENT); }
int fake_mkdir(const char *name, mode_t mode) { return 0; }
int fake_symlink(const char *to, const char *name) { return 0; }
int fake_unlink(const char *name) { return 0; }
int fake_setrlimit64(int resource, const struct rlimit64 *limit) { return 0; }

int fake_mount(const char *from, const char *to, const char *type, unsigned long flags,
	       const void *data)
{
	return answer(EPERM);
}

int fake_statfs64(const char *name, struct statfs64 *fs)
{
	fs->f_type = BPF_FS_MAGIC;
	return 0;
}

static void attach(void *nl, int fd, const char *annotation)
{
	if (fcntl(fd, F_GETFD) < 0)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int i;

	zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	input = memfd_create("object", MFD_CLOEXEC);
	if (zero < 0 || input < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", input);
	/* libbpf probes the features of the kernel once for all loads. */
	for (i = 0; i < FEATURES; i++)
		feat_supported(NULL, i);
	return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char *const words[][2] = {
		{}, { "section", "xdp" }, { "section", "tc" }, { "section", "ingress" },
		{ "section", ".text" }, { "program", "entry" }, { "program", "jump" },
		{ "program", "uses_own" },
	};
	static const int errors[] = { EPERM, EINVAL, ENOSPC, ENOENT };
	static const struct bpf_cfg_ops ops = { .ebpf_cb = attach };
	unsigned char choice, failure;
	char *argv[] = { "obj", path, "verbose", NULL, NULL, NULL };
	struct bpf_cfg_in cfg = { .argv = argv };
	int unused, ret;

	if (size < 2)
		return -1;
	size -= 2;
	choice = data[size];
	failure = data[size + 1];
	if (ftruncate(input, 0) || pwrite(input, data, size, 0) != size)
		abort();

	argv[3] = (char *)words[choice & 7][0];
	argv[4] = (char *)words[choice & 7][1];
	cfg.argc = argv[3] ? 5 : 3;
	if (!(choice & 8)) {	/* without "verbose" */
		memmove(argv + 2, argv + 3, sizeof(argv) - 3 * sizeof(*argv));
		cfg.argc--;
	}
	cfg.type = choice & 16 ? BPF_PROG_TYPE_SCHED_CLS : BPF_PROG_TYPE_XDP;
#ifdef XDP_FLAGS_HOLD_PROG_ARRAYS
	cfg.hold_maps = choice & 32;
#endif
	pinned = choice & 64;
	requests = 0;
	fails_at = failure & 63;
	fails_with = errors[failure >> 6];

	unused = unused_descriptors();
	ret = bpf_parse_and_load_common(&cfg, &ops, NULL);
	if (!bpf_load_end)
		return 0;
	bpf_load_end(ret);
	if (unused_descriptors() != unused)
		abort();	/* one was left open */
	return 0;
}

/*
 * Changes what matters most: one to eight bytes of the ELF header, of a section
 * header, of the contents of a section, or of the last two bytes.
 */
size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t size, size_t max_size, unsigned int seed)
{
	const Elf64_Ehdr *elf = (void *)data;
	size_t at = size - 2, room = 2, width = 1 << (seed >> 4) % 4;
	const Elf64_Shdr *section;

	srandom(seed);
	if (size < sizeof(*elf) + 2 || seed % 4 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	if (seed % 16 == 1) {
		at = 0;
		room = sizeof(*elf);
	} else if (seed % 16 != 2 && elf->e_shnum) {
		at = elf->e_shoff + random() % elf->e_shnum * sizeof(*section);
		room = sizeof(*section);
		section = (void *)data + at;
		if (at < size - room && seed % 4 != 1) {
			at = section->sh_offset;
			room = section->sh_size;
		}
	}
	at += (room ? random() % room : 0) / width * width;
	if (at < size - width)
		LLVMFuzzerMutate(data + at, width, width);
	return size;
}
