// SPDX-License-Identifier: GPL-2.0-only
/* objects.sh links this before table.bpf.o: a static function with the name of a
 * program there.
 */
#include "arrays.h"

static __noinline int verdict_hit(void)
{
	return bpf_get_prandom_u32() & 1;
}

SEC(TARGET) int unrelated(CTX *ctx)
{
	return verdict_hit();
}

char _shadow_license[] SEC("license") = "GPL";
