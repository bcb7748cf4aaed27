#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# @long um um-debug
# @timeout 20000
# @cpus 4
# A million operations on four CPUs. S1-S9, S12, S13, S16, S17
OPS=${OPS:-1000000} SEED=${SEED:-7} exec "$(dirname "$0")/../tests/stress.sh" case_kernel_agrees_with_model
