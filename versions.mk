# SPDX-License-Identifier: GPL-2.0-only
# Every version, suite and minimum that this project depends on. Read by make and by the scripts: NAME := value, no more.

# The kernel: the Debian package linux-source-$(KERNEL_SERIES), and the point release that the series were made on.
KERNEL_SERIES := 7.3
KERNEL_VERSION := 7.3.4
KERNEL_SUITE := trixie-backports

# Debian's stable kernel, which kernel-patches/6.12 is for.
LTS_SERIES := 6.12
LTS_VERSION := 6.12.117
LTS_SUITE := trixie

# iproute2: the upstream tarball of Debian's source package.
IPROUTE2_SERIES := 7.2
IPROUTE2_VERSION := 7.2.0
IPROUTE2_SUITE := testing
# Where to look for its packaging after that, newest first
IPROUTE2_OLDER_SUITES := trixie-backports trixie bookworm-backports bookworm

# Standalone libbpf, that the library part applies to as well: the upstream tarball of Debian's source package.
LIBBPF_SERIES := 1.7
LIBBPF_SUITE := testing

# Minimum tools. What Debian 12 has is enough.
MIN_GCC := 12
MIN_CLANG := 14
MIN_PAHOLE := 1.24
MIN_QEMU := 7.0

# The LLVM for what needs a newer one than MIN_CLANG: the kernel in make lint (17 at least), upstream's BPF tests.
# Debian 12 and 13 both have it.
NEW_LLVM := 19

# Packages: the releases that they can be built for, and the number behind the version of Debian's, as in 7.2.0-1+holdmaps1.
DEB_RELEASES := bookworm trixie
HOLDMAPS_REVISION := 1

# Gigabytes: what a full build needs, the two downloads, the packages of the tools, and that of a kernel.
DISK_BUILD := 14
DISK_CACHE := 1
DISK_DEB := 5
DISK_DEB_KERNEL := 30
