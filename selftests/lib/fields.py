#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""fields.py OBJECT BASE PATCHED: change each field of the ELF header and the section headers of OBJECT in turn, and print
which of these objects the tool BASE attaches to eth0 and the tool PATCHED does not."""
import re
import struct
import subprocess
import sys
import tempfile

HEADER = [(f'e_ident[{i}]', i, 1) for i in range(4, 9)] + [
    ('e_type', 16, 2), ('e_machine', 18, 2), ('e_version', 20, 4), ('e_entry', 24, 8), ('e_phoff', 32, 8),
    ('e_shoff', 40, 8), ('e_flags', 48, 4), ('e_ehsize', 52, 2), ('e_phentsize', 54, 2), ('e_phnum', 56, 2),
    ('e_shentsize', 58, 2), ('e_shnum', 60, 2), ('e_shstrndx', 62, 2)]
SECTION = [
    ('sh_name', 0, 4), ('sh_type', 4, 4), ('sh_flags', 8, 8), ('sh_addr', 16, 8), ('sh_offset', 24, 8),
    ('sh_size', 32, 8), ('sh_link', 40, 4), ('sh_info', 44, 4), ('sh_addralign', 48, 8), ('sh_entsize', 56, 8)]


def changed(data):
    """By name, the object with one field changed: to zero, to its value plus one, and to all ones."""
    start, = struct.unpack_from('<Q', data, 40)
    sections, = struct.unpack_from('<H', data, 60)
    fields = HEADER + [(f'section {i} {name}', start + 64 * i + at, size)
                       for i in range(sections) for name, at, size in SECTION]
    for name, at, size in fields:
        ones = (1 << 8 * size) - 1
        was = int.from_bytes(data[at:at + size], 'little')
        for value in sorted({0, (was + 1) & ones, ones} - {was}):
            yield f'{name} {value:#x}', data[:at] + value.to_bytes(size, 'little') + data[at + size:]


def attach(tool, files):
    """For each file None, or why it was not attached. One process handles as many as possible: ip exits on some errors."""
    reasons = []
    while len(reasons) < len(files):
        todo = files[len(reasons):]
        # the second of two lines fails, which shows that the first one was executed
        lines = ''.join(f'link set dev eth0 xdpdrv obj {file}\nlink show dev nothing\n' for file in todo)
        ran = subprocess.run([tool, '-force', '-batch', '-'], input=lines, stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True, errors='replace', check=False)
        failed = {int(n) for n in re.findall(r'^Command failed -:(\d+)$', ran.stderr, re.M)}
        over = sum(n % 2 == 0 for n in failed)
        reasons += ['refused' if 2 * i + 1 in failed else None for i in range(over)]
        if over < len(todo):
            reasons.append(f'killed by signal {-ran.returncode}' if ran.returncode < 0 else 'refused: ' +
                           ' '.join(ran.stderr.splitlines()[-2:]))
    return reasons


def main():
    path, *tools = sys.argv[1:]
    with open(path, 'rb') as file:
        objects = dict(changed(file.read()))
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, data in enumerate(objects.values()):
            files.append(f'{folder}/{i}.o')
            with open(files[-1], 'wb') as file:
                file.write(data)
        base, patched = (attach(tool, files) for tool in tools)
    bad = [f'{name}: {why}' for name, before, why in zip(objects, base, patched)
           if why and (before is None or 'killed' in why)]
    print(f'# {len(objects)} objects: the base tool loads {base.count(None)}, the patched one',
          f'{sum(a is None and b is None for a, b in zip(base, patched))} of these and {patched.count(None)} in all')
    print(*bad, sep='\n')
    # a test in which no object loads, or all do, tests nothing
    return bool(bad) or not 100 < base.count(None) < len(objects)


sys.exit(main())
