// SPDX-License-Identifier: GPL-2.0-only
/*
 * agent serve FILE: answers one request per line of its standard input, "TAG
 * REQUEST". It writes the answer to FILE, lines of text and a last line "= TAG
 * STATUS", and then an empty line to standard output, because bash reads pipes
 * byte by byte. See ask in lib/testing.sh.
 *
 * agent REQUEST: answers this request and exits with its status.
 *
 *   ids			list all maps, programs and links, one per line
 *   ids none			wait until there is none, otherwise list those
 *				that are left and fail
 *   ids newest {map|prog} NAME	the id of the newest one of this name, if any
 *   ids counts PROG		counters of progs/jump.h that the program uses
 *   ids filled PROG		how many slots of its prog arrays are filled
 *   ids slots MAP		how many slots of this map are filled
 *   ids verdict PROG		what it returns for a frame of zeros
 *   ids on DEV WHERE		the id of the program that is attached, if any
 *   ids state DEV WHERE	its name, with ",hold" if it is held, or "none"
 *   refs {map|prog} ID...	reference counters, read from kernel memory
 *   number {xdp|tc} FLAGS	their value
 *   xdp DEV PROGRAM FLAGS [EXPECTED]
 *   tc DEV PROGRAM FLAGS [GEN_FLAGS]
 *				one netlink request with flags that no library
 *				would send: "ok" or the name of the error, and
 *				the extended ack
 *   toggle ROUNDS {xdp|tc} ...	so many times without the flag and then as
 *				given; stops at an error
 *   link create PROGRAM FLAGS DEV PIN	an XDP link: "ok" or an error
 *   link update PIN PROGRAM
 *   link detach PIN
 *   link info PIN		"DEV flags FLAGS prog ID"
 *   hook attach HOOK DEV PROGRAM FLAGS [OTHER]	without a link; HOOK is
 *				tcx_ingress, tcx_egress, netkit or netkit_peer
 *   hook detach HOOK DEV PROGRAM [FLAGS]
 *   hook link HOOK DEV PROGRAM FLAGS PIN [OTHER]
 *   hook replace FUNCTION TARGET PROGRAM FLAGS PIN	an freplace link
 *   hook trace PROGRAM FLAGS PIN	a link of an fentry program
 *   hook list HOOK DEV		the names of the programs in order, with ",hold"
 *				if they are held, or "none"
 *   hook info PIN		as link info; of freplace the id of its target
 *   bind PROGRAM MAP		BPF_PROG_BIND_MAP, also with the base kernel
 *   bind_new PROGRAM COUNT	new prog arrays, filled, bound and closed
 *   relink PROGRAM DEV COUNT	held XDP links, created and closed; every other
 *				one is detached first
 *   pair DEV PEER		two new veth devices, which are up
 *   remove DEV			delete the device, if it exists
 *   send DEV COUNT		frames that the test programs count
 *   traffic PROG DEV COUNT	the same, and what they added to the counters of
 *				the program
 *   settle [CPUS], reopen, refill, clear	see clear.c
 *   in NETNS REQUEST		in this network namespace
 *   fail N REQUEST		xdp, tc, link, hook or bind, while its N-th
 *				allocation fails: "injected" or, if it has fewer,
 *				"complete", and its answer, "lost" if that could
 *				not be allocated
 *
 * PROGRAM, EXPECTED, OTHER, TARGET and PIN are paths in bpffs, other objects
 * are named by id. PROGRAM may be "none" (detach) or, for tc, "classic". FLAGS
 * are names separated by commas: noexist, skb, drv, hw, replace, hold; direct,
 * hold for tc; skip_hw, skip_sw for GEN_FLAGS; replace, before, after, hold for
 * a hook. "unknown" is an undefined bit, "none" is 0.
 *
 * A worker process answers. When it exits, e.g. by err(3) in a request, its
 * parent reports its status and starts another one.
 */
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../common/common.h"
#include "agent.h"

#define WORDS	256
#define TAG	32

static const struct request {
	const char *name;
	int (*answer)(char **argv);
	int least, most;	/* arguments */
} requests[] = {
	{ "ids", ids, 0, 3 },
	{ "refs", refs, 2, WORDS },
	{ "number", number, 2, 2 },
	{ "xdp", xdp, 3, 4 },
	{ "tc", tc, 3, 4 },
	{ "toggle", toggle, 5, 6 },
	{ "link", xdp_link, 2, 5 },
	{ "hook", hook, 2, 7 },
	{ "bind", bind_map, 2, 2 },
	{ "bind_new", bind_new, 2, 2 },
	{ "relink", relink, 3, 3 },
	{ "pair", pair, 2, 2 },
	{ "remove", remove_device, 1, 1 },
	{ "send", send_frames, 2, 2 },
	{ "traffic", traffic, 3, 3 },
	{ "settle", settle, 0, 1 },
	{ "reopen", reopen, 1, 1 },
	{ "refill", refill, 1, 1 },
	{ "clear", clear, 1, 1 },
	{ "fail", fail, 2, WORDS },
};

double deadline = 10;
static int first_temporary;	/* close all from this one on */
static int done = 3;		/* reports the end of an answer */
static char *tag;		/* of the request, shared with the parent */

void open_memory(void)
{
	static bool is_open;

	if (is_open)
		return;
	kernel_open();
	is_open = true;
	/* the descriptors that it keeps open are below the next free one */
	first_temporary = dup(0);
	close(first_temporary);
}

static int in_netns(char **argv)
{
	int home, netns, ret;
	char path[64];

	open_memory();
	home = open("/proc/self/ns/net", O_RDONLY);
	snprintf(path, sizeof(path), "/run/netns/%s", argv[0]);
	netns = open(path, O_RDONLY);
	if (home < 0 || netns < 0 || setns(netns, CLONE_NEWNET))
		err(1, "%s", path);
	ret = answer(argv + 1);
	if (setns(home, CLONE_NEWNET))
		err(1, "setns");
	return ret;
}

int answer(char **argv)
{
	const struct request *r;
	int count = 0;

	if (!argv[0])
		errx(2, "no request");
	while (argv[count + 1])
		count++;
	if (!strcmp(argv[0], "in") && count >= 2)
		return in_netns(argv + 1);
	for (r = requests; r < requests + ARRAY_SIZE(requests); r++) {
		if (strcmp(argv[0], r->name))
			continue;
		if (count < r->least || count > r->most)
			break;
		return r->answer(argv + 1);
	}
	errx(2, "unknown request: %s with %d words", argv[0], count);
}

static void end_answer(int status)
{
	printf("= %s %d\n", tag, status);
	fflush(stdout);
	tag[0] = 0;
	if (write(done, "\n", 1) != 1)
		exit(0);
}

/* Requests are read unbuffered: the next worker gets the next request. */
static void work(void)
{
	static char line[8192];
	char *argv[WORDS + 2];
	ssize_t len;
	int n;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		err(1, "prctl");
	while ((len = read(0, line, sizeof(line) - 1)) > 0) {
		line[len] = 0;
		if (ftruncate(1, 0))
			err(1, "the answer");
		snprintf(tag, TAG, "%s", strtok(line, " \n") ?: "?");
		argv[n = 0] = strtok(NULL, " \n");
		while (argv[n] && n < WORDS)
			argv[++n] = strtok(NULL, " \n");
		argv[n] = NULL;
		end_answer(answer(argv));
		close_range(first_temporary, ~0U, 0);
	}
}

static int serve(const char *file)
{
	int status, fd;
	pid_t pid;

	close_range(done, ~0U, 0);
	fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (fd < 0 || dup2(1, done + 1) < 0 || dup2(fd, 1) < 0 ||
	    dup2(fd, 2) < 0 || dup2(done + 1, done) < 0)
		err(1, "%s", file);
	close(done + 1);
	first_temporary = done + 1;

	tag = mmap(NULL, TAG, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tag == MAP_FAILED || prctl(PR_SET_PDEATHSIG, SIGKILL))
		err(1, "agent");
	for (;;) {
		pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (!pid) {
			work();
			return 0;
		}
		if (waitpid(pid, &status, 0) != pid)
			err(1, "waitpid");
		if (!status)
			return 0;
		if (tag[0])
			end_answer(WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status));
	}
}

int main(int argc, char **argv)
{
	const char *seconds = getenv("DEADLINE");

	if (seconds)
		deadline = atof(seconds);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	return answer(argv + 1);
}
