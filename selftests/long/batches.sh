#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @long um
# @timeout 7200
# Batches of five thousand lines. U2
BATCH=5000 exec "$(dirname "$0")/../tests/leaks.sh" "$@"
