#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# The kernel's page on prog arrays: its program builds unchanged, and each of
# its commands does what the page says. U3
. "$(dirname "$0")/../lib/testing.sh"

page=$top/build/src/linux-patched/Documentation/bpf/map_prog_array.rst

# The first C program of the page
program() {
	awk '/^\.\. code-block:: c$/ { on = 1; next }
	     on && /^[^ ]/ { exit }
	     on { sub(/^    /, ""); print }' "$page"
}

# build OBJECT: from standard input
build() {
	clang -O2 -g -Wall -target bpf -I"$top/build/libbpf/patched/usr/include" \
		-idirafter "/usr/include/$(gcc -print-multiarch)" -x c -c - -o "$1"
}

# Builds the two objects of the page in the folder that its commands use
build_objects() {
	cd /tmp
	defer rm -f /tmp/x.o /tmp/tc.o
	program | build x.o
	# "the same with SEC("tc"), struct __sk_buff and the return codes of tc"
	program | sed 's/SEC("xdp")/SEC("tc")/; s/struct xdp_md/struct __sk_buff/
		s/XDP_PASS/0/; s/XDP_DROP/2/' | build tc.o
}

# on_page COMMAND: the page must have COMMAND; run it
on_page() {
	local words

	grep -qxF "    # $1" "$page" || fail "the page lacks: $1"
	read -r -a words <<<"$1"
	"${words[@]}"
}

# returns WHERE CODE: what the attached program returns for a frame
returns() {
	settle
	expect "what the program at $1 returns" "$2" \
		"$(verdict "$(prog_id "$1" eth0)")"
}

case_xdp() {
	add_pair eth0
	build_objects
	on_page "ip link set dev eth0 xdp obj x.o program entry"
	returns xdp 2 # XDP_PASS: missed
	detach xdp eth0
	on_page "ip link set dev eth0 xdp obj x.o program entry hold-maps"
	returns xdp 1 # XDP_DROP
	detach xdp eth0
}

case_tc() {
	add_pair eth0
	build_objects
	on_page "tc qdisc add dev eth0 clsact"
	on_page "tc filter add dev eth0 ingress bpf da obj tc.o program entry hold-maps"
	returns ingress 2 # TC_ACT_SHOT
	detach ingress eth0
	# the control
	tc filter add dev eth0 ingress bpf da obj tc.o program entry
	returns ingress 0
	detach ingress eth0
}

# The page has only the commands above.
case_no_other_command() {
	expect "commands of the page" 4 "$(grep -c '^    # ' "$page")"
}

run_cases "$@"
