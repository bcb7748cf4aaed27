#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @long host
# @cpus 1
# @timeout 14400
# @build build/fuzz/patched build/fuzz/patched-nolibbpf build/fuzz/base-nolibbpf selftests
# A million object files for each of both loaders. U3, U4
RUNS=1000000 exec "$(dirname "$0")/../tests/fuzz_objects.sh" "$@"
