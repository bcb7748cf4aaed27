#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @long kcsan
# @timeout 3000
# Twenty thousand operations under the race detector. S1-S9, S12, S13, S16, S17
OPS=20000 SEED=7 exec "$(dirname "$0")/../tests/stress.sh" case_kernel_agrees_with_model
