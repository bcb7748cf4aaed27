#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @long host
# @timeout 7200
# A hundred thousand bad requests to both kernels. S1, S6, S11, S15
FUZZ=25000 exec "$(dirname "$0")/../tests/badinput.sh" "$@"
