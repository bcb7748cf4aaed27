// SPDX-License-Identifier: GPL-2.0-only
/*
 * mangle FROM TO SEED: a broken copy of an object file
 *
 * Truncated, or with changed bits, bytes and words, half of them in the headers
 * and tables, where they have the largest effect.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "../common/common.h"

/* Anywhere, or in the ELF header, a section header, or the start of a section */
static size_t place(const Elf64_Ehdr *header, size_t size)
{
	const Elf64_Shdr *section;
	size_t at;

	switch (draw(4)) {
	case 0:
		return draw(sizeof(*header));
	case 1:
		return header->e_shoff +
		       draw(header->e_shnum * sizeof(Elf64_Shdr));
	case 2:
		section = (void *)header + header->e_shoff;
		section += draw(header->e_shnum);
		at = section->sh_offset + draw(64);
		return at < size ? at : draw(size);
	default:
		return draw(size);
	}
}

int main(int argc, char **argv)
{
	static const unsigned long long words[] = {
		0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff,
		0x7fffffffffffffff, 0xffffffffffffffff,
	};
	static char from[1 << 20], to[(1 << 20) + 8];
	size_t size, at;
	FILE *file;
	int n;

	if (argc != 4)
		errx(2, "usage: mangle FROM TO SEED");
	file = fopen(argv[1], "r");
	if (!file)
		err(1, "%s", argv[1]);
	size = fread(from, 1, sizeof(from), file);
	fclose(file);
	if (size < sizeof(Elf64_Ehdr) || size == sizeof(from))
		errx(1, "%s: %zu bytes", argv[1], size);
	memcpy(to, from, size);
	seed_random(strtoull(argv[3], NULL, 0), 0);

	for (n = 1 + draw(4); n; n--) {
		/* of the whole file, even if its headers are broken by now */
		at = place((void *)from, size);
		switch (draw(3)) {
		case 0:
			to[at] ^= 1 << draw(8);
			break;
		case 1:
			to[at] = draw(256);
			break;
		default:
			memcpy(to + at, &words[draw(ARRAY_SIZE(words))], 1 << draw(4));
		}
	}
	if (!draw(4))
		size = draw(size);
	file = fopen(argv[2], "w");
	if (!file || fwrite(to, 1, size, file) != size || fclose(file))
		err(1, "%s", argv[2]);
	return 0;
}
