# SPDX-License-Identifier: GPL-2.0-only
"""The kernels on which tests run, and the features that some of them lack."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Kernel:
    name: str
    patched: bool
    lacks: frozenset = frozenset()
    memory: int = 1200  # MiB that its guest uses on the host
    boot: int = 0       # seconds to boot its guest, and for last-look
    seconds: int = 4    # estimate for a case that has not been timed
    uml: bool = False
    cpus: int = 8       # maximum


# jit: the JIT and the features that require it: subprograms and callbacks, the XDP dispatcher, trampolines.
# tracing: perf events, kprobes, BPF iterators, fentry.
# faults: fault injection for allocations, kmemleak, lockdep.
# bond: a bonding driver that drops its reference to a replaced XDP program; that of 6.12 leaks it.
# verifier: the verifier of the tree that upstream's tests come from.
NEEDS = {'jit', 'tracing', 'faults', 'bond', 'verifier'}
UML_LACKS = frozenset({'jit', 'tracing', 'faults'})

KERNELS = {kernel.name: kernel for kernel in (
    Kernel('host', True, frozenset({'faults'}), memory=0, seconds=10),
    Kernel('um-base', False, UML_LACKS, uml=True, cpus=4),
    Kernel('um', True, UML_LACKS, uml=True, cpus=4),
    Kernel('um-debug', True, UML_LACKS - {'faults'}, memory=2300, boot=10, seconds=8, uml=True, cpus=4),
    Kernel('base', False, frozenset({'faults'}), boot=10, seconds=10),
    Kernel('patched', True, frozenset({'faults'}), boot=10, seconds=10),
    Kernel('debug', True, memory=2300, boot=60, seconds=40),
    Kernel('lts', True, frozenset({'faults', 'bond', 'verifier'}), boot=10, seconds=10),
    Kernel('kcsan', True, frozenset({'faults'}), memory=2300, boot=40, seconds=40),
)}

# The kernels to use instead on a host that cannot run user-mode Linux
EMULATED = {'um': 'patched', 'um-base': 'base', 'um-debug': 'debug'}
