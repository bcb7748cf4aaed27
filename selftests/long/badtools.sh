#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @long um
# @timeout 7200
# Five thousand command lines and 1500 broken objects. U4
BADTOOLS=500 exec "$(dirname "$0")/../tests/badtools.sh" "$@"
