// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's first process. Its root is the host's, through 9p or hostfs, read-only. It mounts a few file systems on top,
 * runs one command and passes its output and exit status to the host, each through a port of its own: a virtio port in
 * QEMU, a serial line in user-mode Linux.
 *
 * vm.sh writes the file named by HOLD_MAPS_SPEC. It consists of strings that end in NUL: struct spec, then environment.
 *
 * The command gets pipes, not the ports: a port can be open only once, and 'echo >/dev/stderr' opens it again.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <pthread.h>
#include <pty.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static struct spec {
	const char *mode;		/* "run", "merge" for one stream of stdout and stderr, or "shell" */
	const char *rows, *columns;	/* of the terminal */
	const char *cwd, *top;		/* directories that must stay visible */
	const char *command;
	const char *status, *out, *err;	/* the ports */
} spec;

/* QEMU runs with -no-reboot; user-mode Linux, whose ports are terminals, would reboot. */
static void end(void)
{
	reboot(strstr(spec.out, "tty") ? RB_POWER_OFF : RB_AUTOBOOT);
	for (;;)
		pause();
}

/* The host only gets this message on the console: without a status, vm.sh reports that the guest died. */
static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "init: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, ": %s\n", strerror(errno));
	va_end(args);
	end();
}

static void read_spec(void)
{
	static char buffer[1 << 20];
	const char **field = (const char **)&spec, **last = &spec.err;
	int fd = open(getenv("HOLD_MAPS_SPEC"), O_RDONLY | O_CLOEXEC);
	char *at = buffer;

	spec.out = "";
	if (fd < 0 || read(fd, buffer, sizeof(buffer) - 2) < 0)
		die("the specification");
	close(fd);
	clearenv();
	for (; field <= last || *at; at += strlen(at) + 1) {
		if (field <= last)
			*field++ = at;
		else
			putenv(at);
	}
}

static void make_path(char *path)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = 0;
		mkdir(path, 0755);
		*slash = '/';
	}
	mkdir(path, 0755);
}

/* Mount a directory that a tmpfs hides, such as a clone under /tmp, on top of it again. */
static void keep_visible(const char *path, int fd)
{
	char from[64], to[PATH_MAX];
	struct stat there, kept;

	if (fd < 0)
		return;
	if (fstat(fd, &kept))
		die("%s", path);
	if (stat(path, &there) || there.st_dev != kept.st_dev || there.st_ino != kept.st_ino) {
		snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
		snprintf(to, sizeof(to), "%s", path);
		make_path(to);
		if (mount(from, to, NULL, MS_BIND | MS_REC, NULL))
			die("bind %s", to);
	}
	close(fd);
}

static void make_root(void)
{
	static const struct {
		const char *type, *at, *options;
	} mounts[] = {
		{ "proc", "/proc", NULL },
		{ "sysfs", "/sys", NULL },
		{ "devtmpfs", "/dev", NULL },
		{ "devpts", "/dev/pts", "ptmxmode=0666" },
		{ "tmpfs", "/dev/shm", "mode=1777" },
		{ "bpf", "/sys/fs/bpf", NULL },
		{ "debugfs", "/sys/kernel/debug", NULL },
		{ "tracefs", "/sys/kernel/tracing", NULL },
		{ "cgroup2", "/sys/fs/cgroup", NULL },
		{ "tmpfs", "/tmp", "mode=1777" },
		{ "tmpfs", "/run", "mode=755" },
		{ "tmpfs", "/mnt", "mode=755" },
	};
	int top = open(spec.top, O_PATH | O_DIRECTORY | O_CLOEXEC), cwd = open(spec.cwd, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (unsigned int i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].at, 0755);
		/* User-mode Linux has no tracefs, and some hosts have no /mnt. */
		if (mount(mounts[i].type, mounts[i].at, mounts[i].type, 0, mounts[i].options) && errno != ENOENT)
			die("mount %s at %s", mounts[i].type, mounts[i].at);
	}
	keep_visible(spec.top, top);
	keep_visible(spec.cwd, cwd);
	if (symlink("/proc/self/fd", "/dev/fd") || symlink("/proc/self/fd/0", "/dev/stdin") ||
	    symlink("/proc/self/fd/1", "/dev/stdout") || symlink("/proc/self/fd/2", "/dev/stderr"))
		die("links in /dev");
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		die("lo up");
	close(fd);
}

/* A virtio port appears a moment after its bus. */
static int open_port(const char *path)
{
	struct termios termios;
	int fd, tries = 1000;

	while ((fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0 && errno == ENOENT && tries--)
		usleep(10000);
	if (fd < 0)
		die("%s", path);
	if (!tcgetattr(fd, &termios)) {
		cfmakeraw(&termios);
		tcsetattr(fd, TCSANOW, &termios);
	}
	return fd;
}

/* Copies until the end of a stream. A thread of this process, so kill(-1) does not end it. */
struct relay {
	int from, to;
	pthread_t thread;
};

static void *copy(void *arg)
{
	struct relay *relay = arg;
	ssize_t got, done;
	char buffer[65536];

	while ((got = read(relay->from, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < got; at += done) {
			done = write(relay->to, buffer + at, got - at);
			if (done < 0)
				die("write to the host");
		}
	}
	return NULL;
}

static void start(struct relay *relay, int from, int to)
{
	relay->from = from;
	relay->to = to;
	if (pthread_create(&relay->thread, NULL, copy, relay))
		die("pthread_create");
}

static void run(const char *option, const char *command)
{
	static const char tool[] = "/bin/bash";

	if (chdir(spec.cwd))
		fprintf(stderr, "no %s in the guest, starting in /: %s\n", spec.cwd, strerror(errno));
	execl(tool, "bash", option, command, NULL);
	fprintf(stderr, "%s: %s\n", tool, strerror(errno));
	_exit(127);
}

static pid_t start_shell(struct relay *relays, const int *ports)
{
	struct winsize size = { .ws_row = atoi(spec.rows), .ws_col = atoi(spec.columns) };
	int terminal;
	pid_t child = forkpty(&terminal, NULL, NULL, &size);

	if (child < 0)
		die("forkpty");
	if (!child)
		run("--norc", "-i");
	start(&relays[0], terminal, ports[0]);
	start(&relays[1], ports[0], terminal);
	/* vm.sh sends nothing before its line is open, see uml.sh. */
	if (ports[1] >= 0)
		dprintf(ports[1], "\n");
	return child;
}

static pid_t start_command(struct relay *relays, const int *ports, int streams)
{
	int pipes[2][2], null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t child;

	for (int i = 0; i < streams; i++)
		if (pipe2(pipes[i], O_CLOEXEC))
			die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (!child) {
		setsid();
		dup2(null, 0);
		dup2(pipes[0][1], 1);
		dup2(pipes[streams - 1][1], 2);
		run("-c", spec.command);
	}
	for (int i = 0; i < streams; i++) {
		close(pipes[i][1]);
		start(&relays[i], pipes[i][0], ports[i]);
	}
	return child;
}

int main(void)
{
	int ports[3], streams, status, tainted;
	struct relay relays[2];
	char taint[32] = "";
	pid_t child;

	read_spec();
	make_root();
	loopback_up();
	sethostname("guest", 5);
	streams = strcmp(spec.mode, "run") ? 1 : 2;
	ports[2] = open_port(spec.status);
	ports[1] = *spec.err ? open_port(spec.err) : -1;
	/*
	 * The last one: if it is a terminal, user-mode Linux sometimes fails to open another line after it (EALREADY). It
	 * probably keeps the interrupt of a closed descriptor, whose number the other line then gets.
	 */
	ports[0] = open_port(spec.out);
	if (strcmp(spec.mode, "shell"))
		child = start_command(relays, ports, streams);
	else
		child = start_shell(relays, ports);
	while (waitpid(-1, &status, 0) != child)
		;
	/* Its background processes would keep the streams open. */
	kill(-1, SIGKILL);
	for (int i = 0; i < streams; i++)
		pthread_join(relays[i].thread, NULL);

	tainted = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);
	if (tainted < 0 || read(tainted, taint, sizeof(taint) - 1) < 0)
		die("tainted");
	dprintf(ports[2], "%d %s", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), taint);
	/* Wait until serial lines have transmitted everything. */
	for (int i = 0; i < 3; i++)
		tcdrain(ports[i]);
	end();
}
