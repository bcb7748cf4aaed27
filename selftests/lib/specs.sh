# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Sourced after testing.sh: the kernel's own tool for its netlink specs, with
# the program that is pinned as "entry"

SPECS=linux-patched # the specs of this tree; linux is the base

# ynl SPEC OPTION...
ynl() {
	# shellcheck disable=SC2154 # top and pins are testing.sh's
	local tree=$top/build/src/$SPECS

	# shellcheck disable=SC2154
	withfd "$pins/entry" python3 "$tree/tools/net/ynl/pyynl/cli.py" \
		--no-schema --output-json \
		--spec "$tree/Documentation/netlink/specs/$1.yaml" "${@:2}"
}

index() { cat "/sys/class/net/$1/ifindex"; }

# set_xdp DEV FLAGS: attach the program
set_xdp() {
	ynl rt-link --do setlink --json "{\"ifi-index\": $(index "$1"),
		\"xdp\": {\"fd\": 9, \"flags\": $2}}"
}

# set_tc DEV FLAGS: add or replace it as an ingress filter
set_tc() {
	ynl tc --do newtfilter --create --json "{\"ifindex\": $(index "$1"),
		\"parent\": $((0xfffffff2)), \"handle\": 1, \"info\": $((0x10300)),
		\"kind\": \"bpf\",
		\"options\": {\"fd\": 9, \"name\": \"ynl\", \"flags\": $2}}"
}

# What the kernel reports: names, a number, or nothing
get_xdp() {
	ynl rt-link --do getlink --json "{\"ifi-index\": $(index "$1")}" |
		flags_of xdp
}

get_tc() {
	ynl tc --dump gettfilter --json "{\"ifindex\": $(index "$1"),
		\"parent\": $((0xfffffff2))}" | flags_of options
}

flags_of() {
	jq -c "[.. | objects | .$1 // empty] |
		if . == [] then error(\"no $1\") else .[0].flags // empty end"
}
