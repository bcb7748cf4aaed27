# SPDX-License-Identifier: GPL-2.0-only
"""What is to be run, cut into jobs: each is one guest, or one process of the host, with the tests that it runs in turn."""
import json
import os
from dataclasses import dataclass, field

from declared import TOP
from kernels import KERNELS

FILE = TOP / 'build/state/seconds.json'
LIMIT = 60  # seconds after which a job is cut, so that no core is left without work at the end


class Seconds:
    """What each case took the last time, by kernel."""

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
        """The cases of a test are one part of it in each guest."""
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
    """Parts of a test that take no longer than LIMIT each, where its cases are that short."""
    parts = []
    for case in cases:
        took = seconds.of(kernel, test.name, case)
        if not parts or (parts[-1].seconds + took > LIMIT and not test.whole):
            parts.append(Part(test, [], 0))
        parts[-1].cases.append(case)
        parts[-1].seconds += took
    return parts


def plan(chosen, seconds):
    """The jobs, longest first. A guest that takes long to start gets several parts, any other guest gets one."""
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
