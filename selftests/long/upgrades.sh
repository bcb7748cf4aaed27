#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @long um patched
# @timeout 6000
# Ten thousand upgrades under traffic in each of four ways. S3, U1, U2
UPGRADES=10000 exec "$(dirname "$0")/../tests/upgrade.sh" "$@"
