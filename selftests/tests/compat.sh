#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# Callers that were built against libbpf's header without hold_maps and against
# the one with it, on the library without it and on the one with it. U5
. "$(dirname "$0")/../lib/testing.sh"

# caller HEADER LIBRARY COMMAND...
caller()
{
	local library=base

	[ "$2" != new ] || library=patched
	LD_LIBRARY_PATH=$top/build/libbpf/$library/usr/lib64 \
		"$objs/caller-$1" eth0 "${@:3}"
}

case_old_on_old() { add_pair eth0; caller old old plain; }
case_old_on_new() { add_pair eth0; caller old new plain; }
case_new_on_old() { add_pair eth0; caller new old plain; }
case_new_on_new() { add_pair eth0; caller new new plain; }
case_new_holds() { add_pair eth0; caller new new hold; }

case_old_library_refuses()
{
	add_pair eth0
	caller new old refused "non-zero extra bytes"
}

# Who knows nothing of it does not hold by accident.
case_old_replaces_what_holds()
{
	add_pair eth0
	caller new new filter
	present 'pref 77 * hold-maps' tc filter show dev eth0 ingress
	caller old new filter
	present 'pref 77 * handle 0x1 ' tc filter show dev eth0 ingress
	absent hold-maps tc filter show dev eth0 ingress
	detach ingress eth0
}

run_cases "$@"
