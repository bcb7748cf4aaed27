// SPDX-License-Identifier: GPL-2.0-only
/* A program that is attached by a trampoline to a function of the kernel */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("fentry/bpf_fentry_test1") int entry(void *ctx)
{
	return 0;
}

char _license[] SEC("license") = "GPL";
