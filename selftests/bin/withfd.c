// SPDX-License-Identifier: GPL-2.0-only
/* withfd PINNED_PROG COMMAND...: run COMMAND with the program open as file
 * descriptor 9, for commands that have to pass a program and cannot open a pin
 */
#include <unistd.h>

#include "../common/common.h"

int main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: withfd PINNED_PROG COMMAND...");
	if (dup2(open_pinned(argv[1]), 9) < 0)
		err(1, "%s", argv[1]);
	execvp(argv[2], argv + 2);
	err(127, "%s", argv[2]);
}
