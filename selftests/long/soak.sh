#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @long um-debug
# @timeout 7200
# An hour of packets while what is attached is replaced. S3, S5
SOAK=3600 EVERY=30 exec "$(dirname "$0")/../tests/soak.sh" "$@"
