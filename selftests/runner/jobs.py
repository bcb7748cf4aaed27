# SPDX-License-Identifier: GPL-2.0-only
"""Splits the chosen tests into jobs: each is one guest, or one process on the host, that runs tests one after another."""
import json
import os
from dataclasses import dataclass, field

from declared import TOP
from kernels import KERNELS

FILE = TOP / 'build/state/seconds.json'
LIMIT = 60  # seconds: longer jobs are split, so that no core is idle at the end


class Seconds:
    """The duration of each case in its last run, by kernel."""

    def __init__(self):
        try:
            self.seen = json.loads(FILE.read_text())
        except (OSError, ValueError):
            self.seen = {}

    def of(self, kernel, test, case):
        return self.seen.get(f'{kernel} {test}.{case}', KERNELS[kernel].seconds)

    def saw(self, kernel, test, case, seconds):
        self.seen[f'{kernel} {test}.{case}'] = round(seconds, 2)

    def save(self):
        FILE.parent.mkdir(parents=True, exist_ok=True)
        new = FILE.with_suffix(f'.{os.getpid()}')
        new.write_text(json.dumps(self.seen, indent=0, sort_keys=True))
        new.replace(FILE)


@dataclass
class Part:
    """Some cases of one test on one kernel."""
    test: object
    cases: list
    seconds: float


@dataclass
class Job:
    kernel: str
    parts: list = field(default_factory=list)

    def add(self, part):
        """Add a part, or its cases to the part of the same test."""
        for own in self.parts:
            if own.test is part.test:
                own.cases += part.cases
                own.seconds += part.seconds
                return
        self.parts.append(part)

    @property
    def seconds(self):
        return KERNELS[self.kernel].boot + sum(part.seconds for part in self.parts)

    @property
    def cpus(self):
        return min(KERNELS[self.kernel].cpus, self.parts[0].test.cpus)

    @property
    def timeout(self):
        slow = 1 if KERNELS[self.kernel].uml or self.kernel == 'host' else 6
        return slow * sum(part.test.timeout for part in self.parts)


def cut(test, kernel, cases, seconds):
    """Split a test into parts of at most LIMIT seconds, unless a single case takes longer."""
    parts = []
    for case in cases:
        took = seconds.of(kernel, test.name, case)
        if not parts or (parts[-1].seconds + took > LIMIT and not test.whole):
            parts.append(Part(test, [], 0))
        parts[-1].cases.append(case)
        parts[-1].seconds += took
    return parts


def plan(chosen, seconds):
    """Return the jobs, longest first. A guest that boots slowly gets several parts, any other guest gets one."""
    jobs = []
    for kernel in KERNELS:
        parts = [part for test, name, cases in chosen if name == kernel for part in cut(test, kernel, cases, seconds)]
        parts.sort(key=lambda part: -part.seconds)
        shared = []
        for part in parts:
            fits = next((job for job in shared if job.parts[0].test.cpus == part.test.cpus and
                         job.seconds + part.seconds <= max(LIMIT, 12 * KERNELS[kernel].boot)), None)
            if fits and KERNELS[kernel].boot and not part.test.alone:
                fits.add(part)
                continue
            jobs.append(Job(kernel, [part]))
            if not part.test.alone:
                shared.append(jobs[-1])
    return sorted(jobs, key=lambda job: -job.seconds)
