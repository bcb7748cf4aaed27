// SPDX-License-Identifier: GPL-2.0-only
/* A sleepable program with a function that can be replaced */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__attribute__((noinline)) int first(int arg)
{
	volatile int ret = arg;

	return ret;
}

SEC("syscall") int dispatcher(void *ctx)
{
	return first(1);
}

char _license[] SEC("license") = "GPL";
