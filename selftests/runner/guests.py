# SPDX-License-Identifier: GPL-2.0-only
"""Runs as many jobs at a time as the cores and the memory of the host allow, and prints their output."""
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from declared import SELFTESTS, TOP
from kernels import KERNELS

sys.path.append(str(TOP / 'build/src/linux/tools/testing/kunit'))
LOGS = Path(os.environ.get('CHECK_LOGS') or TOP / 'build/log/check')
LAST_LOOK = 'last-look'


class Result:
    """The result of a part or of a guest; log is the file with its full output."""

    def __init__(self, kernel, test, log):
        self.kernel, self.test, self.log = kernel, test, log
        self.lines, self.seconds = [], 0
        self.passed = self.failed = self.skipped = 0

    def judge(self, planned):
        """Count the cases with kunit's KTAP parser. A report that does not match its plan is an error."""
        import kunit_parser
        from kunit_printer import null_printer
        parsed = kunit_parser.parse_run_tests(self.lines, null_printer)
        counts = parsed.counts
        # last-look is not counted as a test, because the number of guests varies
        self.passed, self.skipped = counts.passed if self.test != LAST_LOOK else 0, counts.skipped
        self.failed = counts.failed + counts.crashed
        ran = counts.passed + self.failed + self.skipped
        if ran == 0 or (planned and ran < planned):
            self.failed += max(planned - ran, 1)
            say(f'{self.kernel}: not ok - {self.test}: ended after {ran} of {planned} cases, see {self.log}')
        elif counts.errors and not self.failed:
            self.failed += 1
            say(f'{self.kernel}: not ok - {self.test}: invalid KTAP, see {self.log}')


lock = threading.Lock()


def say(text):
    with lock:
        print(text, flush=True)


def command(job):
    """One shell command for all parts. A part that hangs must not use up the time of those after it."""
    line = ''
    for part in job.parts:
        cases = ' '.join(f'case_{case}' for case in part.cases if case)
        seconds = job.timeout * part.test.timeout // sum(p.test.timeout for p in job.parts)
        line += f'echo "=== {part.test.name}"; timeout -k 10 {seconds} {part.test.path} {cases} 2>&1 || :; '
    if job.kernel != 'host':
        line += f'echo "=== {LAST_LOOK}"; {SELFTESTS}/lib/{LAST_LOOK} 2>&1 || :; '
    return line + 'echo "=== end"'


def start(job, log):
    environment = dict(os.environ, KERNEL=job.kernel, TIMEOUT=os.environ.get('TIMEOUT') or str(job.timeout + 60),
                       VM_CPUS=os.environ.get('VM_CPUS') or str(job.cpus))
    for name in ('MAKEFLAGS', 'MAKELEVEL', 'MFLAGS', 'T', 'RUN'):
        environment.pop(name, None)
    where = ['bash', '-c'] if job.kernel == 'host' else [str(SELFTESTS / 'vm/vm.sh')]
    return subprocess.Popen(where + [command(job)], env=environment, cwd=TOP, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=open(log, 'w'), text=True, errors='replace')


class Listener:
    """Splits the output of one guest by test for the logs, and by case for the screen, which several guests share."""

    def __init__(self, job, number, seconds):
        self.job, self.seconds = job, seconds
        self.name = f'{job.kernel}-{number}'
        self.results, self.result, self.block, self.out = [], None, [], None
        self.since = time.monotonic()

    def marker(self, name):
        if self.out:
            self.out.close()
        if name == 'end':
            self.result = None
            return
        log = LOGS / f'{self.name}-{name}'
        self.out = open(log, 'w')
        self.result = Result(self.job.kernel, name, os.path.relpath(log, TOP))
        self.results.append(self.result)
        self.since = time.monotonic()

    def line(self, line):
        if line.startswith('=== '):
            return self.marker(line[4:])
        if not self.result:
            return None
        self.out.write(line + '\n')
        self.out.flush()
        self.result.lines.append(line)
        if line.startswith('# ... '):
            say(f'{self.job.kernel}: {line[6:]}')
        elif line.startswith(('ok ', 'not ok ')):
            self.case(line)
        elif not line.startswith(('1..', 'TAP ', 'KTAP ', '# Totals:')):
            self.block.append(line)
        return None

    def case(self, line):
        now = time.monotonic()
        took, self.since = now - self.since, now
        self.result.seconds += took
        words = line.split(': ')
        if len(words) > 1 and self.result.test != LAST_LOOK:
            self.seconds.saw(self.job.kernel, self.result.test, words[-1].split(' #')[0], took)
        say('\n'.join(self.block + [f'{self.job.kernel}: {line} ({took:.1f} s)']))
        self.block = []


def run(job, number, seconds):
    """Run one job and evaluate its results."""
    listener = Listener(job, number, seconds)
    log = LOGS / f'{listener.name}-guest'
    process = start(job, log)
    ended = False
    for line in process.stdout:
        line = line.rstrip('\r\n')
        ended = ended or line == '=== end'
        listener.line(line)
    status = process.wait()
    planned = {part.test.name: len([c for c in part.cases if c]) for part in job.parts}
    if job.kernel != 'host':
        planned[LAST_LOOK] = 1
    by_test = {result.test: result for result in listener.results}
    for name, count in planned.items():
        if name not in by_test:
            by_test[name] = Result(job.kernel, name, os.path.relpath(log, TOP))
        by_test[name].judge(count)
    if status or not ended:
        result = Result(job.kernel, 'its end', os.path.relpath(log, TOP))
        result.failed = 1
        by_test['its end'] = result
        text = log.read_text(errors='replace')
        say(''.join(f'# {line}\n' for line in listener.block + text.splitlines()[-40:]) +
            f'{job.kernel}: not ok - the guest ended early (status {status})')
    return list(by_test.values())


def memory_available():
    """Returns MiB."""
    with open('/proc/meminfo') as info:
        return next(int(line.split()[1]) for line in info if line.startswith('MemAvailable:')) // 1024


def run_all(jobs, seconds):
    """Each worker takes the longest remaining job that fits into the remaining memory."""
    cores, room = os.cpu_count(), memory_available()
    waiting, results, used = list(jobs), [], [0]
    change = threading.Condition()

    def take():
        with change:
            while waiting:
                for job in waiting:
                    if not used[0] or used[0] + KERNELS[job.kernel].memory <= room:
                        waiting.remove(job)
                        used[0] += KERNELS[job.kernel].memory
                        return job, len(jobs) - len(waiting)
                change.wait()
        return None

    def worker():
        while taken := take():
            job, number = taken
            try:
                done = run(job, number, seconds)
            except Exception as error:  # is counted as a failure
                done = [Result(job.kernel, 'the runner', '')]
                done[0].failed = 1
                say(f'{job.kernel}: not ok - the runner: {error!r}')
            with change:
                results.extend(done)
                used[0] -= KERNELS[job.kernel].memory
                change.notify_all()

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(cores, len(jobs)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
