#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @long um
# @timeout 7200
# Loaders that die at each of their system calls. S3, S5, U2
CRASH=1 exec "$(dirname "$0")/../tests/crash.sh" "$@"
