// SPDX-License-Identifier: GPL-2.0-only
/*
 * stress [OPTION]...: see stress.h
 *
 *   --seed N	determines the operations of each process, not their order (1)
 *   --ops N	operations of all processes together (10000)
 *   --procs N	processes (4)
 *   --every N	operations of each process between two quiet points (100)
 *   --deadline N	seconds until the kernel must match the model at a quiet point
 *		(60); with --break, after the model was made wrong
 *   --no-flag	never ask for a hold, for kernels without the flag
 *   --break hold|filter|tcx|freplace|uref|prog
 *		from the middle of the run on, make the model wrong: it
 *		assumes holds of XDP programs, filters, programs of tcx or
 *		freplace links that have none, or misses file descriptors of
 *		arrays or programs
 *   --verbose	print each operation
 *
 * Runs in network and mount namespaces of its own, leaves nothing behind, and
 * fails at the first difference between the kernel and the model.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

#define RENEW 8		/* quiet points for which shared objects live */
#define PATIENCE 300	/* seconds for the slowest worker to reach one */

struct shared *sh;
struct worker *me;
int home_netns;

static char command[128];
static time_t started, told;
static double settling;
static long points;

void note(const char *fmt, ...)
{
	int line = sh->lines[me->index]++ % LOG_LINES;
	char *to = sh->log[me->index][line];
	va_list args;
	int n;

	n = snprintf(to, LOG_LINE, "%d op %ld: ", me->index, me->op);
	va_start(args, fmt);
	vsnprintf(to + n, LOG_LINE - n, fmt, args);
	va_end(args);
	if (sh->verbose)
		printf("%s\n", to);
}

/* All operations since the last quiet point */
static void print_log(void)
{
	int w, i;

	for (w = 0; w < sh->procs && !sh->verbose; w++)
		for (i = 0; i < sh->lines[w] && i < LOG_LINES; i++)
			printf("%s\n", sh->log[w][i]);
}

static void __attribute__((noreturn)) give_up(void)
{
	int w;

	for (w = 0; w < sh->procs; w++) {
		if (sh->worker[w].pid) {
			kill(sh->worker[w].pid, SIGKILL);
			waitpid(sh->worker[w].pid, NULL, 0);
		}
		/* other devices are deleted with the namespaces */
		if (!netdevsim(w, false) && errno != ENOENT)
			warn("netdevsim");
	}
	print_log();
	for (w = 0; w < sh->procs; w++)
		printf("worker %d is at operation %ld\n", w,
		       sh->worker[w].op);
	printf("FAILED with %s: %s\n", command, sh->failure);
	fflush(stdout);
	exit(1);
}

void fail(const char *fmt, ...)
{
	int error = errno, n = 0;
	va_list args;

	if (!__atomic_exchange_n(&sh->failed, 1, __ATOMIC_SEQ_CST)) {
		if (me->index != PARENT)
			n = snprintf(sh->failure, sizeof(sh->failure),
				     "worker %d, operation %ld: ", me->index,
				     me->op);
		errno = error;
		va_start(args, fmt);
		vsnprintf(sh->failure + n, sizeof(sh->failure) - n, fmt, args);
		va_end(args);
	}
	if (me->index == PARENT)
		give_up();
	sem_post(&sh->done);
	_exit(1);
}

void expect(const char *what, long wanted, long seen)
{
	if (wanted != seen)
		fail("%s: expected %ld, saw %ld", what, wanted, seen);
}

/* Again and again from the middle of the run on, because a single lie may have no
 * effect at the next quiet point
 */
bool lying(const char *how)
{
	if (!sh->lie || strcmp(sh->lie, how) ||
	    me->op <= sh->ops / sh->procs / 2)
		return false;
	sh->lied = true;
	return true;
}

static void worker(void)
{
	long ops = sh->ops / sh->procs;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	seed_random(sh->seed, me->index);
	sem_wait(&sh->go[me->index]);
	while (me->op < ops) {
		handles_renew();
		me->op++;
		op_random();
		model_floors();
		if (me->op % sh->every && me->op < ops)
			continue;
		sem_post(&sh->done);
		sem_wait(&sh->go[me->index]);
	}
	everything_off();
	sem_post(&sh->done);
	/* with --break, file descriptors that the model misses are closed only now */
	sem_wait(&sh->go[me->index]);
	_exit(0);
}

/* The caller becomes this worker. */
static void init_worker(struct worker *w, int index)
{
	int what, i, f;

	w->index = index;
	for (i = 0; i < HANDLES; i++)
		for (f = 0; f < FDS; f++)
			w->handle[i].fd[f] = -1;
	me = w;
	for (what = 0; what < WHATS; what++) {
		for (i = 0; i < handles_of(what); i++) {
			handle(what, i)->what = what;
			handle(what, i)->index = i;
		}
	}
	for (i = 0; i < DEVS; i++)
		w->dev[i].netns = -1;
}

/* For each kind, two arrays, a program that uses both, one that uses the first
 * and may have others bound to it, and a leaf. The parent keeps only the
 * programs open: user references to the arrays are up to the workers.
 */
static void renew(void)
{
	struct handle *maps[SHARED_MAPS], *h;
	struct obj *prog;
	int i, k, n;

	for (i = 0; i < SHARED_MAPS; i++) {
		maps[i] = handle(MAP, MAP_HANDLES + i);
		handle_drop(maps[i]);
		map_new(maps[i], i / 2, sh->procs * OWN_SLOTS);
		sh->current[i] = maps[i]->obj;
	}
	for (i = 0; i < SHARED_PROGS; i++) {
		h = handle(PROG, PROG_HANDLES + i);
		handle_drop(h);
		n = i % 3;
		prog_new(h, i / 3, draw(sh->procs * OWN_SLOTS), n,
			 &maps[i / 3 * 2], 0);
		sh->current[SHARED_MAPS + i] = h->obj;
		prog = obj_of(h);
		for (k = 0; k < SHARED_MAPS; k++)
			if (k < i / 3 * 2 || k >= i / 3 * 2 + n)
				prog->maps[prog->n++].map = maps[k]->obj;
	}
	for (i = 0; i < SHARED_MAPS; i++) {
		close(maps[i]->fd[0]);
		maps[i]->fd[0] = -1;
	}
	sh->generation++;
}

/* Also notices a worker that was killed, or that exited in a library. */
static void wait_for_workers(void)
{
	double end = now() + PATIENCE;
	struct timespec t;
	int w = 0;

	while (w < sh->procs) {
		clock_gettime(CLOCK_REALTIME, &t);
		t.tv_sec++;
		if (!sem_timedwait(&sh->done, &t))
			w++;
		else if (!sh->failed && waitpid(-1, NULL, WNOHANG) > 0)
			fail("a process ended before its time");
		if (sh->failed)
			give_up();
		if (now() > end) {
			/* is the kernel slow, or are tasks blocked? */
			write_file("/proc/sysrq-trigger", "w");
			write_file("/proc/sysrq-trigger", "l");
			fail("a worker does not reach the quiet point");
		}
	}
}

static void tell(bool always)
{
	long n = 0;
	int w;

	if (!always && time(NULL) < told + 30)
		return;
	told = time(NULL);
	for (w = 0; w < sh->procs; w++)
		n += sh->worker[w].op;
	printf("%ld operations in %ld s, %ld quiet points, %.3f s each\n", n,
	       told - started, points, points ? settling / points : 0);
	fflush(stdout);
}

static void quiet_point(void)
{
	wait_for_workers();
	settling += model_quiet();
	points++;
	tell(false);
	memset(sh->lines, 0, sizeof(sh->lines));
}

static void go_on(void)
{
	int w;

	for (w = 0; w < sh->procs; w++)
		sem_post(&sh->go[w]);
}

static void setup(void)
{
	struct rlimit limit = { 4096, 4096 };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "setup");
	/* only the first namespace has this */
	sh->jit = !access("/proc/sys/net/core/bpf_jit_enable", F_OK);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("stress", "/sys", "sysfs", 0, NULL) ||
	    mount("stress", "/sys/fs/bpf", "bpf", 0, NULL))
		err(1, "namespaces");
	home_netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home_netns < 0)
		err(1, "netns");
	sh->counts = bpf_map_create(BPF_MAP_TYPE_ARRAY, "counts", 4,
				    COUNTERS * 8, 1, NULL);
	if (sh->counts < 0)
		err(1, "counts");
	if (sh->jit)
		freplace_open();
	state_open();
	libbpf_set_print(NULL); /* many requests are meant to fail */
}

static void start_workers(void)
{
	int w, pid;

	for (w = 0; w < sh->procs; w++) {
		init_worker(&sh->worker[w], w);
		sem_init(&sh->go[w], 1, 0);
	}
	sem_init(&sh->done, 1, 0);
	init_worker(&sh->worker[PARENT], PARENT);
	seed_random(sh->seed, PARENT);
	/* workers have priority */
	senders_start(&sh->target[0][0][0], sizeof(sh->target) / sizeof(int),
		      10);
	fflush(stdout);
	for (w = 0; w < sh->procs; w++) {
		pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (!pid) {
			me = &sh->worker[w];
			worker();
		}
		sh->worker[w].pid = pid;
	}
}

/* The workers have dropped everything: nothing may be left. */
static void see_the_end(void)
{
	int i;

	quiet_point();
	for (i = 0; i < HANDLES; i++)
		handle_drop(&me->handle[i]);
	model_quiet();
	for (i = 1; i < OBJS; i++)
		if (sh->obj[i].used && sh->obj[i].what == MAP)
			fail("map id %u is left over", sh->obj[i].id);
	go_on();
	for (i = 0; i < sh->procs; i++)
		waitpid(sh->worker[i].pid, NULL, 0);
}

static void print_results(void)
{
	__u64 counts[COUNTERS] = {}, sent[MAX_SENDERS];
	int cpu, cpus = senders_stop(sent), zero = 0;
	bool all_sent = true;

	printf("frames sent on each CPU:");
	for (cpu = 0; cpu < cpus; cpu++) {
		printf(" %llu", sent[cpu]);
		all_sent &= sent[cpu] > 0;
	}
	printf("\n");
	tell(true);
	bpf_map_lookup_elem(sh->counts, &zero, counts);
	printf("programs entered %llu times, leaves reached %llu, both tail calls missed %llu\n",
	       counts[ENTERED], counts[HIT], counts[MISSED]);
	if (!all_sent || !counts[ENTERED] || !counts[HIT])
		fail("there was no traffic");
	if (sh->lie && !sh->lied)
		fail("there was no opportunity to lie");
	if (state_leaked)
		printf("%d maps leaked by the second clear, as expected of the base kernel\n",
		       state_leaked);
}

static int run(void)
{
	long i, epochs = (sh->ops / sh->procs + sh->every - 1) / sh->every;

	start_workers();
	/* only now, or the workers would inherit the file descriptors */
	renew();
	go_on();
	for (i = 1; i <= epochs; i++) {
		quiet_point();
		if (!(i % RENEW))
			renew();
		go_on();
	}
	see_the_end();
	print_results();
	return 0;
}

static bool parse(int argc, char **argv)
{
	long *const numbers[] = {
		&sh->seed, &sh->ops, &sh->procs, &sh->every, &sh->deadline,
	};
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 0 },
		{ "ops", required_argument, NULL, 1 },
		{ "procs", required_argument, NULL, 2 },
		{ "every", required_argument, NULL, 3 },
		{ "deadline", required_argument, NULL, 4 },
		{ "no-flag", no_argument, NULL, 'n' },
		{ "break", required_argument, NULL, 'b' },
		{ "verbose", no_argument, NULL, 'v' },
		{}
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt < (int)ARRAY_SIZE(numbers))
			*numbers[opt] = strtol(optarg, NULL, 0);
		else if (opt == 'n')
			sh->no_flag = true;
		else if (opt == 'b')
			sh->lie = optarg;
		else if (opt == 'v')
			sh->verbose = true;
		else
			return false;
	}
	return optind == argc && sh->procs >= 1 && sh->procs <= MAX_PROCS &&
	       sh->ops >= sh->procs && sh->every >= 1 &&
	       sh->every <= LOG_LINES;
}

int main(int argc, char **argv)
{
	sh = mmap(NULL, sizeof(*sh), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sh == MAP_FAILED)
		err(1, "mmap");
	sh->seed = 1;
	sh->ops = 10000;
	sh->procs = 4;
	sh->every = 100;
	sh->deadline = DEADLINE;
	if (!parse(argc, argv))
		errx(2, "see the first lines of main.c");
	setlinebuf(stdout);
	snprintf(command, sizeof(command),
		 "--seed %ld --ops %ld --procs %ld --every %ld%s", sh->seed,
		 sh->ops, sh->procs, sh->every, sh->no_flag ? " --no-flag" : "");
	printf("stress %s\n", command);
	setup();
	if (!sh->patched)
		printf("this kernel has no holds\n");
	started = time(NULL);
	told = started;
	return run();
}
