# SPDX-License-Identifier: GPL-2.0-only
"""The kernels on which tests run, and what a test can need that not all of them have."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Kernel:
    name: str
    patched: bool
    lacks: frozenset = frozenset()
    memory: int = 1200  # MiB of the host that its guest takes
    boot: int = 0       # seconds until its guest is there, and for its last look
    seconds: int = 4    # what a case takes about, before it has been timed
    uml: bool = False
    cpus: int = 8       # that it can have


# jit: the JIT and what only it can do: subprograms and callbacks, the XDP dispatcher, trampolines.
# tracing: perf events, kprobes, BPF iterators, fentry.
# faults: allocations that can be made to fail, kmemleak, lockdep.
# bond: a bond that drops its reference to an XDP program that is replaced; that of 6.12 leaks it.
NEEDS = {'jit', 'tracing', 'faults', 'bond'}
UML_LACKS = frozenset({'jit', 'tracing', 'faults'})

KERNELS = {kernel.name: kernel for kernel in (
    Kernel('host', True, frozenset({'faults'}), memory=0, seconds=10),
    Kernel('um-base', False, UML_LACKS, uml=True, cpus=4),
    Kernel('um', True, UML_LACKS, uml=True, cpus=4),
    Kernel('um-debug', True, UML_LACKS - {'faults'}, memory=2300, boot=10, seconds=8, uml=True, cpus=4),
    Kernel('base', False, frozenset({'faults'}), boot=10, seconds=10),
    Kernel('patched', True, frozenset({'faults'}), boot=10, seconds=10),
    Kernel('debug', True, memory=2300, boot=60, seconds=40),
    Kernel('lts', True, frozenset({'faults', 'bond'}), boot=10, seconds=10),
    Kernel('kcsan', True, frozenset({'faults'}), memory=2300, boot=40, seconds=40),
)}

# Where the tests of user-mode Linux go on a host that cannot run it
EMULATED = {'um': 'patched', 'um-base': 'base', 'um-debug': 'debug'}
