# SPDX-License-Identifier: GPL-2.0-only
"""Reads the declarations of tests, which are comments in their files: see docs/writing-tests.md."""
import re
from dataclasses import dataclass, field
from pathlib import Path

from kernels import EMULATED, KERNELS, NEEDS

TIERS = ('check', 'all', 'long', 'upstream', 'lint')
LINE = re.compile(r'# @([a-z]+)(?: (.*))?$')
CASE = re.compile(r'case_([a-z0-9_]+)\(\)')
SELFTESTS = Path(__file__).resolve().parent.parent
TOP = SELFTESTS.parent


class Wrong(Exception):
    """A mistake in a declaration or in the arguments. The message lists the valid values."""


@dataclass
class Case:
    name: str
    tiers: dict     # the kernels of each tier
    needs: set
    files: list     # to be built first

    def kernels(self, tier):
        return [k for k in self.tiers.get(tier, ()) if not self.needs & KERNELS[k].lacks]


@dataclass
class Test:
    name: str
    path: Path
    tiers: dict = field(default_factory=dict)
    needs: set = field(default_factory=set)
    files: list = field(default_factory=list)
    timeout: int = 600                          # seconds in user-mode Linux; other guests get six times as many
    alone: bool = False                         # needs a guest of its own, because it leaves changes behind
    whole: bool = False                         # is not split, because its cases share a slow setup
    cpus: int = 2                               # of its guest
    rules: str = ''
    cases: dict = field(default_factory=dict)

    def chosen(self, tier, only=None):
        """The cases of this tier by kernel."""
        by_kernel = {}
        for case in self.cases.values():
            if only and case.name not in only:
                continue
            for kernel in case.kernels(tier):
                by_kernel.setdefault(kernel, []).append(case.name)
        return by_kernel


def declare(found, key, value, where):
    words = (value or '').split()
    if key in TIERS:
        unknown = [k for k in words if k not in KERNELS]
        if unknown:
            raise Wrong(f"{where}: unknown kernel {' '.join(unknown)}; the kernels are: {' '.join(KERNELS)}")
        found.setdefault('tiers', {})[key] = words
    elif key == 'needs':
        found['needs'] = set(words)
        if found['needs'] - NEEDS:
            raise Wrong(f"{where}: unknown @needs {' '.join(found['needs'] - NEEDS)}; possible are: {' '.join(sorted(NEEDS))}")
    elif key == 'build':
        found.setdefault('files', []).extend(words)
    elif key in ('timeout', 'cpus'):
        found[key] = int(value)
    elif key in ('alone', 'whole'):
        found[key] = True
    else:
        raise Wrong(f"{where}: unknown declaration @{key}; the declarations are: {' '.join(TIERS)} needs build timeout cpus alone whole")


def read(path):
    """Declarations in the first comment are the file's; those right above a case are that case's."""
    name = path.stem if path.parent.name == 'tests' else f'{path.parent.name}_{path.stem}'
    test = Test(name, path)
    found, header, text = {}, True, []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match, case = LINE.match(line), CASE.match(line)
        if match:
            declare(found, *match.groups(), f'{path.name}:{number}')
        elif header and line.startswith('#'):
            text.append(line)
        elif header:
            header = False
            test.__dict__.update(found)
            test.rules = ' '.join(dict.fromkeys(re.findall(r'\b[SU]\d+(?:-[SU]\d+)?\b', '\n'.join(text))))
            found = {}
        elif case:
            tiers = found.get('tiers', test.tiers)
            test.cases[case[1]] = Case(case[1], tiers, test.needs | found.get('needs', set()),
                                       test.files + found.get('files', []))
            found = {}
        elif not line.startswith('#'):
            found = {}
    # a test that generates its cases has a single one without a name here
    if not test.cases:
        test.cases[''] = Case('', test.tiers, test.needs, test.files)
    for case in test.cases.values():
        if not any(case.kernels(tier) for tier in case.tiers):
            raise Wrong(f"{path.name}: {case.name} needs {' '.join(case.needs)}, and none of its kernels provides it")
    return test


def read_all():
    """The names of tests outside tests/ start with their folder."""
    found = [read(path) for folder in ('tests', 'long', 'upstream', 'lint')
             for path in sorted((SELFTESTS / folder).glob('*.sh'))]
    return {test.name: test for test in found}


def on_kernel(test, kernel, only):
    """The cases that run on a kernel with the same source, and that this kernel supports."""
    cases = []
    for case in test.cases.values():
        homes = {k for tier in ('check', 'all') for k in case.tiers.get(tier, ())}
        same = any(KERNELS[k].patched == KERNELS[kernel].patched and k != 'host' for k in homes)
        if kernel == 'host':
            same = 'host' in homes
        if (not only or case.name in only) and same and not case.needs & KERNELS[kernel].lacks:
            cases.append(case.name)
    return {kernel: cases} if cases else {}


def without_uml(by_kernel):
    moved = {}
    for kernel, cases in by_kernel.items():
        there = moved.setdefault(EMULATED.get(kernel, kernel), [])
        there += [case for case in cases if case not in there]
    return moved


def find(tests, names):
    """The named cases by test; an empty set stands for all cases of a test."""
    wanted = {}
    for name in names:
        test, _, case = name.partition('.')
        if test not in tests and test.startswith('long_'):
            parts = ' '.join(other[5:] for other in tests if other.startswith('long_'))
            raise Wrong(f'unknown PART={name[5:]}; the parts are: {parts}')
        if test not in tests:
            raise Wrong(f"unknown test T={name}; the tests are: {' '.join(tests)}")
        if case and case not in tests[test].cases:
            raise Wrong(f"unknown case T={name}; the cases of {test} are: {' '.join(tests[test].cases)}")
        wanted.setdefault(test, set()).update({case} if case else ())
    return wanted


def choose(tests, tier, kernel, names):
    """Select the cases of the named tests, or of all tests, and the kernels that they run on. With the tier "check" and a
    kernel, select every case that can run there."""
    wanted, chosen = find(tests, names), []
    for test in tests.values():
        if names and test.name not in wanted:
            continue
        only = wanted.get(test.name)
        if kernel and tier == 'check':
            by_kernel = on_kernel(test, kernel, only)
        elif names and tier == 'check':
            # the first tier that contains any of them
            by_kernel = next(filter(None, (test.chosen(t, only) for t in TIERS)), {})
        elif tier == 'all':
            by_kernel = test.chosen('check', only)
            for name, cases in test.chosen('all', only).items():
                by_kernel.setdefault(name, []).extend(c for c in cases if c not in by_kernel.get(name, ()))
        else:
            by_kernel = test.chosen(tier, only)
        chosen += [(test, name, cases) for name, cases in by_kernel.items() if kernel in ('', name)]
    if not chosen:
        if kernel:
            raise Wrong(f"KERNEL={kernel} runs none of these tests: {' '.join(names) or tier}; "
                        'without KERNEL= they run on the kernels that they declare')
        raise Wrong(f"the tier {tier} has none of these tests: {' '.join(names)}")
    return chosen
