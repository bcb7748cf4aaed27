// SPDX-License-Identifier: GPL-2.0-only
/*
 * refs OBJECT: for each line {map|prog} ID... that is read, print one with the
 * reference counts of these, as progs/refs.bpf.c (which OBJECT is) prints them
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <stdio.h>
#include <string.h>

#define SIZE 65536

static struct bpf_link *attach(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog;
	struct bpf_link *link;

	prog = bpf_object__find_program_by_name(obj, name);
	link = bpf_program__attach_iter(prog, NULL);
	if (!link)
		err(1, "%s", name);
	return link;
}

/* All that the iterator prints now, as one string that starts with '\n' */
static void iterate(struct bpf_link *link, char *all)
{
	int fd = bpf_iter_create(bpf_link__fd(link));
	size_t len;
	FILE *in;

	if (fd < 0)
		err(1, "bpf_iter_create");
	in = fdopen(fd, "r");
	all[0] = '\n';
	len = fread(all + 1, 1, SIZE - 2, in);
	if (ferror(in) || len == SIZE - 2)
		err(1, "iterator");
	all[len + 1] = 0;
	fclose(in);
}

static void print(const char *all, const char *what, const char *id)
{
	char start[64];
	const char *at;

	snprintf(start, sizeof(start), "\n%s %s ", what, id);
	at = strstr(all, start);
	if (at)
		printf("%.*s ", (int)strcspn(at + 1, "\n"), at + 1);
	else
		printf("%s %s refs 0 - 0 ", what, id);
}

int main(int argc, char **argv)
{
	static char maps[SIZE], progs[SIZE], line[4096];
	struct bpf_link *all_maps, *all_progs;
	struct bpf_object *obj;
	char *what, *id;

	if (argc != 2)
		errx(2, "usage: refs OBJECT");
	obj = bpf_object__open(argv[1]);
	if (!obj || bpf_object__load(obj))
		err(1, "%s", argv[1]);
	all_maps = attach(obj, "refs_maps");
	all_progs = attach(obj, "refs_progs");

	while (fgets(line, sizeof(line), stdin)) {
		iterate(all_maps, maps);
		iterate(all_progs, progs);
		for (what = strtok(line, " \n"); what;
		     what = strtok(NULL, " \n")) {
			id = strtok(NULL, " \n");
			if (!id)
				errx(2, "no ID behind '%s'", what);
			print(strcmp(what, "map") ? progs : maps, what, id);
		}
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}
