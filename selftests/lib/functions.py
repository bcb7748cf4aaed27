#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
functions.py BASE PATCHED: compare the machine code of two kernel builds,
function by function. BASE and PATCHED are two folders of objects, or two
objects. Prints a line for each function of each object,

    VERDICT OBJECT FUNCTION

where VERDICT is
    same     the same instructions, with the same targets and constants
    moved    the same except for source line numbers in warnings
    changed  anything else
    added    only in PATCHED
    gone     only in BASE

Addresses are ignored. What an instruction refers to is compared by name, by
text (strings) or by content (constants, the targets of a jump table).
"""
import bisect
import difflib
import os
import re
import struct
import subprocess
import sys
import tempfile

SHF_ALLOC, SHF_EXECINSTR, SHF_STRINGS = 2, 4, 0x20
SHT_SYMTAB, SHT_RELA, SHT_NOBITS = 2, 4, 8
STT_OBJECT, STT_FUNC, STT_SECTION = 1, 2, 3
R_64, PC_RELATIVE = 1, (2, 4)  # R_X86_64_PC32, R_X86_64_PLT32


class Section:
    pass


class Symbol:
    pass


class Object:
    """An x86-64 ELF object: its sections, symbols and relocations."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as f:
            data = f.read()
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is no 64-bit ELF object")
        shoff, = struct.unpack_from("<Q", data, 0x28)
        entsize, count, names = struct.unpack_from("<HHH", data, 0x3A)
        if count == 0:
            count, = struct.unpack_from("<Q", data, shoff + 0x20)
        if names == 0xFFFF:
            names, = struct.unpack_from("<I", data, shoff + 0x28)
        self.sections = []
        for i in range(count):
            s = Section()
            (s.name, s.type, s.flags, _, offset, s.size, s.link, s.info, _,
             s.entsize) = struct.unpack_from("<IIQQQQIIQQ", data,
                                             shoff + i * entsize)
            s.data = b"" if s.type == SHT_NOBITS else \
                data[offset:offset + s.size]
            s.relocs, s.symbols = {}, []
            self.sections.append(s)
        for s in self.sections:
            s.name = text_at(self.sections[names].data, s.name)
        self.symbols = []
        for s in self.sections:
            if s.type == SHT_SYMTAB:
                self.read_symbols(s)
        for s in self.sections:
            target = self.sections[s.info] if s.type == SHT_RELA else None
            if target and target.flags & SHF_ALLOC:
                for off, info, add in struct.iter_unpack("<QQq", s.data):
                    target.relocs[off] = (info & 0xFFFFFFFF,
                                          self.symbols[info >> 32], add)

    def read_symbols(self, table):
        strings = self.sections[table.link].data
        for name, info, _, shndx, value, size in struct.iter_unpack(
                "<IBBHQQ", table.data):
            sym = Symbol()
            sym.type, sym.value, sym.size = info & 15, value, size
            sym.name = text_at(strings, name)
            sym.section = self.sections[shndx] \
                if 0 < shndx < len(self.sections) else None
            self.symbols.append(sym)
            if sym.section and sym.type in (STT_FUNC, STT_OBJECT) and size:
                sym.section.symbols.append(sym)
        for s in self.sections:
            s.symbols.sort(key=lambda sym: (sym.value, sym.name))
            s.starts = [sym.value for sym in s.symbols]

    def functions(self):
        for section in self.sections:
            if section.flags & SHF_EXECINSTR:
                for sym in section.symbols:
                    if sym.type == STT_FUNC:
                        yield section, sym

    def image(self):
        """All loaded content, in a form that is equal for equal objects."""
        return [(s.name, s.data, [
                    (off, type, sym.name or sym.section.name, add)
                    for off, (type, sym, add) in sorted(s.relocs.items())],
                 [(sym.name, sym.value, sym.size) for sym in s.symbols])
                for s in self.sections if s.flags & SHF_ALLOC]

    def target(self, section, offset):
        """What is at OFFSET of SECTION, without its address."""
        at = bisect.bisect_right(section.starts, offset) - 1
        while at >= 0:
            sym = section.symbols[at]
            if sym.value <= offset < sym.value + sym.size:
                return f"{unnumbered(sym.name)}+{offset - sym.value:#x}"
            if offset - sym.value > 1 << 20:
                break
            at -= 1
        if section.name == "__bug_table":
            # struct bug_entry: ignore the line number, which patches change
            return "bug " + section.data[offset + 14:offset + 16].hex() + \
                "".join(" " + self.target(sym.section, sym.value + add)
                        for _, sym, add in map(
                            section.relocs.get, (offset + 4, offset + 8)))
        if section.flags & SHF_STRINGS:
            return repr(text_at(section.data, offset))
        table = []
        while offset + 8 * len(table) in section.relocs:
            type, sym, add = section.relocs[offset + 8 * len(table)]
            if type != R_64 or not sym.section or \
               not sym.section.flags & SHF_EXECINSTR:
                break
            table.append(self.target(sym.section, sym.value + add))
        if table:
            # The end of the table is unknown: the table of another function may
            # follow.
            owner = table[0].split("+")[0]
            return "table " + " ".join(
                t for t in table if t.split("+")[0] == owner)
        content = section.data[offset:offset + (section.entsize or 16)]
        return f"{section.name} {content.hex()}"

    def code(self):
        """{(section, address): instruction}, as disassembled by objdump"""
        out = subprocess.run(
            ["objdump", "-d", "-z", "-w", "--no-show-raw-insn", self.path],
            check=True, capture_output=True, text=True).stdout
        code, section = {}, None
        for line in out.splitlines():
            found = re.match(r" *([0-9a-f]+):\t(.*)", line)
            if found:
                section.append((int(found[1], 16), found[2]))
            elif line.startswith("Disassembly of section "):
                section = code.setdefault(line[23:-1], [])
        return code

    def normal(self, section, sym, code):
        """The instructions of function SYM of SECTION."""
        out = []
        insns = code[section.name]
        starts = section.addresses
        at = bisect.bisect_left(starts, sym.value)
        end = sym.value + sym.size
        while at < len(insns) and insns[at][0] < end:
            start, text = insns[at]
            at += 1
            after = insns[at][0] if at < len(insns) else section.size
            text = re.sub(r"\s*#.*", "", text)
            relocs = [off for off in range(start, after)
                      if off in section.relocs]
            branch = re.match(r"(.*?)([0-9a-f]+) <.*>$", text)
            if branch:
                text = branch[1]
                if not relocs:
                    text += self.target(section, int(branch[2], 16))
            for off in relocs:
                type, to, add = section.relocs[off]
                if type in PC_RELATIVE:
                    add += after - off
                if to.type == STT_SECTION:
                    text += f" [{type} {self.target(to.section, add)}]"
                elif to.section and to.name.startswith(".L"):
                    text += f" [{type} " \
                            f"{self.target(to.section, to.value + add)}]"
                else:
                    text += f" [{type} {unnumbered(to.name)}+{add:#x}]"
            out.append(re.sub(r"\s+", " ", text))
        return out

    def read_code(self):
        """{function: its instructions}"""
        code = self.code()
        for section in self.sections:
            section.addresses = [a for a, _ in code.get(section.name, [])]
        functions = {}
        for section, sym in self.functions():
            name, n = sym.name, 1
            while name in functions:
                n += 1
                name = f"{sym.name}#{n}"
            functions[name] = self.normal(section, sym, code)
        return functions


def text_at(data, offset):
    end = data.find(b"\0", offset)
    return data[offset:end if end >= 0 else None].decode("utf-8", "replace")


def unnumbered(name):
    """Strip the numbers that the compiler adds to static variables and clones,
    and BTF_ID() to its lists."""
    return re.sub(r"(?:\.|(?<=__))\d+$", "", name)


def moved_lines(base, patched):
    """{line in the source of BASE: line in that of PATCHED}"""
    sources = []
    for path in base, patched:
        command = os.path.join(os.path.dirname(path),
                               f".{os.path.basename(path)}.cmd")
        if not os.path.exists(command):
            return {}
        with open(command) as f:
            source = re.search(r"^source_(\S*) := (\S*)", f.read(), re.M)
        top = path[:-len(source[1])]
        with open(os.path.join(top, source[2])) as f:
            sources.append(f.readlines())
    lines = {}
    for a, b, n in difflib.SequenceMatcher(
            None, *sources, autojunk=False).get_matching_blocks():
        lines.update((a + i + 1, b + i + 1) for i in range(n))
    return lines


def only_moved(base, patched, lines):
    """Do they differ only in line numbers?"""
    number = re.compile(r"0x[0-9a-f]+")
    return len(base) == len(patched) and all(
        number.sub("N", one) == number.sub("N", other) and
        all(a == b or lines.get(int(a, 16)) == int(b, 16)
            for a, b in zip(number.findall(one), number.findall(other)))
        for one, other in zip(base, patched) if one != other)


def stripped(path):
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run(["objcopy", "--strip-debug", path, copy.name], check=True)
        return copy.read()


def compare(name, base, patched):
    with open(base, "rb") as f:
        bits = f.read(5)[-1:]
    if bits != b"\x02":
        # 16-bit and 32-bit boot code: compare it as a whole, without the debug
        # information, which has the build folder
        print("same" if stripped(base) == stripped(patched) else "changed", name, "-")
        return
    base, patched = Object(base), Object(patched)
    if base.image() == patched.image():
        for _, sym in base.functions():
            print("same", name, sym.name)
        return
    lines = moved_lines(base.path, patched.path)
    base, patched = base.read_code(), patched.read_code()
    for function in sorted(base.keys() | patched.keys()):
        if function not in patched:
            verdict = "gone"
        elif function not in base:
            verdict = "added"
        elif base[function] == patched[function]:
            verdict = "same"
        elif only_moved(base[function], patched[function], lines):
            verdict = "moved"
        else:
            verdict = "changed"
        print(verdict, name, function)


def objects(top):
    """The compiled objects of the kernel itself under TOP."""
    found = set()
    for folder, folders, files in os.walk(top):
        if folder == top:
            folders[:] = set(folders) - {"tools", "scripts", "source", "usr"}
        for file in files:
            # linked objects would repeat the objects that they are made of
            command = os.path.join(folder, f".{file}.cmd")
            if file.endswith(".o") and os.path.exists(command):
                with open(command) as f:
                    if " -c -o " in f.readline():
                        found.add(os.path.relpath(
                            os.path.join(folder, file), top))
    return found


def main():
    base, patched = sys.argv[1:]
    if not os.path.isdir(base):
        compare(os.path.basename(base), base, patched)
        return
    have, want = objects(base), objects(patched)
    if not have:
        sys.exit(f"{base} has no objects")
    for name in sorted(have | want):
        if name in have and name in want:
            compare(name, os.path.join(base, name), os.path.join(patched, name))
        else:
            print("gone" if name in have else "added", name, "-")


main()
