#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @check um
# @all um-debug
# Holding needs the same privileges as attaching. In a network namespace that a
# user owns, both are allowed until the namespace is destroyed. S4, S6
. "$(dirname "$0")/../lib/testing.sh"
. "$(dirname "$0")/../lib/refs.sh"

NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups)

# Everybody can open the pins, so only the attach is checked.
load_for_all() {
	local mode

	load_two "$1"
	mode=$(stat -c %a "$pins")
	defer chmod "$mode" "$pins"
	chmod 755 "$pins"
	chmod 666 "$pins"/{entry,other}
}

case_xdp() {
	add_pair eth0
	load_for_all xdp
	says ok xdp eth0 "$pins/entry" drv,hold
	for flags in drv,hold drv; do
		for program in "$pins/entry" "$pins/other" none; do
			expect "the answer to nobody" EPERM \
				"$("${NOBODY[@]}" agent xdp eth0 "$program" "$flags")"
		done
	done
	held "after what nobody did" 1
	# the control: the same request by root
	says ok xdp eth0 none drv,hold
	back "detach"
	rm "$pins"/{entry,other}
	kill_loader
}

case_tc() {
	add_pair eth0
	tc qdisc add dev eth0 clsact
	load_for_all ingress
	expect "the answer to nobody" EPERM \
		"$("${NOBODY[@]}" agent tc eth0 "$pins/entry" direct,hold)"
	held "after what nobody did" 0
	# the control
	says ok tc eth0 "$pins/entry" direct,hold
	held "after what root did" 1
	tc filter del dev eth0 ingress
	back "delete"
	rm "$pins"/{entry,other}
	kill_loader
}

# A user who is root in namespaces of his own attaches there, with and without
# the flag. When he exits, his holds are dropped.
case_user_namespace() {
	local fd owner

	load_for_all xdp
	# shellcheck disable=SC2016 # expanded inside
	coproc OWNER { exec "${NOBODY[@]}" unshare --user --map-root-user --net bash -c '
		ip link add eth0 type veth peer name peer0
		agent xdp eth0 "$1" "$2"
		exec sleep 1000' - "$pins/entry" drv,hold; }
	# shellcheck disable=SC2153
	owner=$OWNER_PID fd=${OWNER[0]}
	defer eval "kill -KILL $owner 2>/dev/null || :"
	read -r -t "$DEADLINE" -u "$fd" answer || answer=nothing
	expect "the answer in the namespace" ok "$answer"
	held "in the namespace" 1
	kill -KILL "$owner"
	wait "$owner" || :
	back "the end of the namespace"
	rm "$pins"/{entry,other}
	kill_loader
}

run_cases "$@"
