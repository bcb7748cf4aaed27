// SPDX-License-Identifier: GPL-2.0-only
/* Replaces first() of sleepable.bpf.c. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("freplace/first") int entry(int arg)
{
	return 2;
}

char _license[] SEC("license") = "GPL";
