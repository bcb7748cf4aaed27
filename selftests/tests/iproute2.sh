#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @all um
# @build build/tools/base/ip build/tools/patched-nolibbpf/ip
# The cases that the series adds to iproute2's test suite, run by its runner,
# for both outcomes of ./configure. U1, U4
. "$(dirname "$0")/../lib/testing.sh"

# runs BUILD CASE...: each case must pass; a skipped one has not
runs() {
	local build=$1 suite=/tmp/suite/testsuite out test
	shift

	rm -rf /tmp/suite
	mkdir -p /tmp/suite/bin $suite/iproute2
	# root does not need sudo
	# shellcheck disable=SC2016 # for the other shell
	printf '#!/bin/sh\n[ "$1" != -E ] || shift\nexec "$@"\n' \
		>/tmp/suite/bin/sudo
	chmod +x /tmp/suite/bin/sudo
	cp -a "$top/build/src/iproute2-patched/"{testsuite,include} /tmp/suite
	cp -a "$top/build/obj/$build/"{lib,config.mk} /tmp/suite
	ln -s "$top/build/obj/$build" $suite/iproute2/iproute2-this
	for test; do
		out=$(PATH=/tmp/suite/bin:$PATH make -s -C $suite "$test" 2>&1)
		cat $suite/results/"$test".*
		[[ $out == *"Running $test "*PASS* ]] || fail "$out"
	done
}

case_ip() { runs iproute2-patched ip/link/xdp_hold_maps.t; }
case_tc() { runs iproute2-patched tc/bpf_hold_maps.t; }
case_ip_built_in() { runs iproute2-patched-nolibbpf ip/link/xdp_hold_maps.t; }
case_tc_built_in() { runs iproute2-patched-nolibbpf tc/bpf_hold_maps.t; }

# The control: with the base tools the cases are skipped, which fails the test.
case_base_skips() {
	expect_text SKIPPED runs iproute2-base ip/link/xdp_hold_maps.t
}

run_cases "$@"
