#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @upstream host
# @timeout 7500
# @build build/boot/base build/boot/patched build/tools/base/bpftool build/tools/patched/bpftool build/vm/init
# @build build/upstream/all/obj/test_progs build/upstream/iproute2-base/misc/ss build/upstream/iproute2-patched/misc/ss
# @build build/upstream/tdc/action-ebpf
# suites.sh [SUITE...]: run upstream's suites on the base kernel with the base tools, and on the patched kernel with the
# patched tools. Every test must pass on both. Only the tests that the series add differ: each part of the BPF test
# hold_prog_arrays must fail on the base kernel, and iproute2's new tests are not in the base tree. The output of the suites
# is in build/log/upstream/. Reports in KTAP.
. "$(dirname "$0")/../../.make/lib.sh"

logs=$build/log/upstream
suites=("$@")
[ $# -gt 0 ] || suites=(bpf iproute2 tdc)

# boot KERNEL: run the suites there
boot() {
	local kernel=$1 status=0 log=$logs/$1 what="the $1 kernel shut down without a warning"

	echo "# $kernel kernel: ${suites[*]}"
	KERNEL=$kernel TIMEOUT=${TIMEOUT:-3600} "$top/selftests/vm/vm.sh" "selftests/upstream/guest ${suites[*]}" \
		>"$log" 2>"$log.err" || status=$?
	if [ $status = 0 ] && [ "$(tail -n 1 "$log")" = '=== end' ] && ! grep -q "kernel warned" "$log.err"; then
		echo "ok - $what"
	else
		tail -n 20 "$log.err" | sed 's/^/# /' >&2
		echo "not ok - $what"
	fi >>"$logs/report"
}

# compare BASE PATCHED: print a line for each test or part of a test that has, or should have, a verdict. Repeated names are
# numbered.
compare() {
	awk -F '\t' -v tests="$build/src/iproute2/testsuite/tests" '
		BEGIN { kernel = "base" }
		FNR == 1 && NR > 1 { kernel = "patched"; split("", count) }
		NF != 4 || $1 != "" { next }
		{
			name = $2 ": " $4
			if ($3 != "wanted" && (n = ++count[name]) > 1)
				name = name " (" n ")"
			if (!(name in seen)) {
				seen[name] = ++names
				order[names] = name
				suite[name] = $2
				test[name] = $4
			}
			if ($3 != "wanted" || !((kernel, name) in verdict))
				verdict[kernel, name] = $3 == "wanted" ? "no verdict" : $3
		}
		function on(kernel, name) { return (kernel, name) in verdict ? verdict[kernel, name] : "absent" }
		END {
			for (i = 1; i <= names; i++) {
				name = order[i]
				want = "passed"
				if (suite[name] == "bpf" && test[name] ~ /^hold_prog_arrays($|\/)/)
					want = "failed"
				else if (suite[name] == "iproute2" && system("test -e " tests "/" test[name]))
					want = "absent"
				ok = on("base", name) == want && on("patched", name) == "passed"
				printf "%s - %s: %s on base, %s on patched\n", ok ? "ok" : "not ok", name,
				       on("base", name), on("patched", name)
			}
		}' "$@"
}

rm -rf "$logs"
mkdir -p "$logs"
boot base
boot patched
compare "$logs/base" "$logs/patched" >"$logs/compared"
cat "$logs/compared" >>"$logs/report"
for suite in "${suites[@]}"; do
	total=$(grep -c -- " - $suite: " "$logs/compared" || true)
	good=$(grep -c "^ok - $suite: " "$logs/compared" || true)
	echo "# $suite: $good of $total as expected"
	# A suite without results has not passed.
	[ "$total" != 0 ] || echo "not ok - $suite: no test ran" >>"$logs/report"
done
echo "KTAP version 1"
echo "1..$(wc -l <"$logs/report")"
awk '{ sub(/ - /, " " NR " - ") } 1' "$logs/report"
! grep -q '^not ok' "$logs/report"
