// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's first process: mounts the host's root (9p or hostfs, read-only) and a few file systems on top of it, runs
 * one command and passes its output and exit status to the host, each through a port of its own: a virtio port in QEMU, a
 * serial line in user-mode Linux.
 *
 * The specification from vm.sh is /spec or, in user-mode Linux, the file that HOLD_MAPS_SPEC names. It consists of strings
 * that end in NUL: mode ("run", "merge" for one stream of stdout and stderr, "shell"), rows and columns of the terminal,
 * working directory, a directory that must stay visible, command, then environment.
 *
 * The command gets pipes, not the ports: a port can be open only once, and 'echo >/dev/stderr' opens it again.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static bool uml; /* in user-mode Linux the host's root is already the root */

/* QEMU runs with -no-reboot; user-mode Linux would reboot. */
static void end(void)
{
	sync();
	reboot(uml ? RB_POWER_OFF : RB_AUTOBOOT);
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

static void must_mount(const char *type, const char *at, unsigned long flags, const char *options)
{
	if (mount(type, at, type, flags, options))
		die("mount %s at %s", type, at);
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

static const char *next_string(char **at)
{
	char *string = *at;

	*at += strlen(string) + 1;
	return string;
}

/* Mount the host's directories that a tmpfs hides, such as a clone under /tmp, on top of it again. */
static void keep_visible(const char *const *paths, const int *fds, int count)
{
	for (int i = 0; i < count; i++) {
		char from[64], to[PATH_MAX];
		struct stat there, kept;

		if (fds[i] < 0)
			continue;
		if (fstat(fds[i], &kept))
			die("%s", paths[i]);
		if (stat(paths[i], &there) || there.st_dev != kept.st_dev || there.st_ino != kept.st_ino) {
			snprintf(from, sizeof(from), "/proc/self/fd/%d", fds[i]);
			snprintf(to, sizeof(to), "%s", paths[i]);
			make_path(to);
			if (mount(from, to, NULL, MS_BIND | MS_REC, NULL))
				die("bind %s", to);
		}
		close(fds[i]);
	}
}

static void enter_root(void)
{
	if (mount("root", "/root", "9p", MS_RDONLY, "trans=virtio,version=9p2000.L,cache=loose,msize=512000"))
		die("mount the host's root");
	if (chdir("/root") || mount("/root", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		die("enter the host's root");
}

static void make_root(const char *const *keep, int count)
{
	static const struct {
		const char *at, *options;
	} own[] = { { "/tmp", "mode=1777" }, { "/run", "mode=755" }, { "/mnt", "mode=755" } };
	int fds[count];

	if (!uml)
		enter_root();
	must_mount("proc", "/proc", 0, NULL);

	for (int i = 0; i < count; i++)
		fds[i] = open(keep[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
	must_mount("sysfs", "/sys", 0, NULL);
	must_mount("devtmpfs", "/dev", 0, NULL);
	mkdir("/dev/pts", 0755);
	mkdir("/dev/shm", 01777);
	must_mount("devpts", "/dev/pts", 0, "ptmxmode=0666");
	must_mount("tmpfs", "/dev/shm", 0, "mode=1777");
	must_mount("bpf", "/sys/fs/bpf", 0, NULL);
	must_mount("debugfs", "/sys/kernel/debug", 0, NULL);
	if (!uml)
		must_mount("tracefs", "/sys/kernel/tracing", 0, NULL);
	must_mount("cgroup2", "/sys/fs/cgroup", 0, NULL);
	for (unsigned int i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (mount("tmpfs", own[i].at, "tmpfs", 0, own[i].options) && errno != ENOENT)
			die("mount tmpfs at %s", own[i].at);
	keep_visible(keep, fds, count);

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

/* A serial line of user-mode Linux, in raw mode */
static int open_line(int number)
{
	struct termios termios;
	char path[16];
	int fd;

	snprintf(path, sizeof(path), "/dev/ttyS%d", number);
	fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || tcgetattr(fd, &termios))
		die("%s", path);
	cfmakeraw(&termios);
	if (tcsetattr(fd, TCSANOW, &termios))
		die("%s", path);
	return fd;
}

/* The virtio port that vm.sh gave this name; ports appear a moment after their bus. */
static int open_virtio(const char *wanted)
{
	for (int tries = 0; tries < 1000; tries++) {
		DIR *dir = opendir("/sys/class/virtio-ports");
		struct dirent *entry;

		while (dir && (entry = readdir(dir))) {
			char path[PATH_MAX], name[64] = "";
			int fd;

			snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
			fd = open(path, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			if (read(fd, name, sizeof(name) - 1) < 0)
				name[0] = 0;
			close(fd);
			name[strcspn(name, "\n")] = 0;
			if (strcmp(name, wanted))
				continue;
			closedir(dir);
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			fd = open(path, O_RDWR | O_CLOEXEC);
			if (fd < 0)
				die("%s", path);
			return fd;
		}
		if (dir)
			closedir(dir);
		usleep(10000);
	}
	errno = ENODEV;
	die("virtio port %s", wanted);
	return -1;
}

/* The lines are in the order in which vm.sh names them. */
static int open_port(const char *name)
{
	static const char *const lines[] = { "out", "err", "status" };

	for (int i = 0; uml && i < 3; i++)
		if (!strcmp(lines[i], name))
			return open_line(i);
	return open_virtio(name);
}

static void write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t done = write(fd, data, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			die("write to the host");
		data += done;
		size -= done;
	}
}

/* Copy what can be read; return false at the end of the stream and if there is nothing to read. */
static bool relay(int from, int to)
{
	static char buffer[65536];
	ssize_t got = read(from, buffer, sizeof(buffer));

	if (got > 0)
		write_all(to, buffer, got);
	return got > 0;
}

static void on_child(int signal)
{
	(void)signal;
}

/* The specification from vm.sh, see the top of this file */
struct spec {
	const char *rows, *columns, *cwd, *command;
	const char *keep[2];	/* directories that must stay visible */
	bool shell, merge;
};

static void read_spec(struct spec *spec)
{
	static char buffer[1 << 20];
	const char *file = getenv("HOLD_MAPS_SPEC"), *mode;
	char *at = buffer;
	int fd;

	uml = file;
	fd = open(uml ? file : "/spec", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, buffer, sizeof(buffer) - 2) < 0)
		die("the specification");
	close(fd);
	mode = next_string(&at);
	spec->rows = next_string(&at);
	spec->columns = next_string(&at);
	spec->cwd = next_string(&at);
	spec->keep[0] = next_string(&at);
	spec->keep[1] = spec->cwd;
	spec->command = next_string(&at);
	clearenv();
	while (*at)
		putenv((char *)next_string(&at));
	spec->shell = !strcmp(mode, "shell");
	spec->merge = spec->shell || !strcmp(mode, "merge");
}

/* Both ends of the streams of the command, and the ports to the host */
struct streams {
	int in, out[2], err[2];	/* [0] is read here, [1] written by the command; err[0] is -1 if stderr goes to out */
	int ports[2], status_port;
};

static void open_ports(struct streams *streams, const struct spec *spec)
{
	streams->status_port = open_port("status");
	streams->ports[0] = open_port("out");
	streams->ports[1] = spec->merge ? streams->ports[0] : open_port("err");
	/* vm.sh sends nothing to the shell until its line is open, see uml.sh. */
	if (uml && spec->shell)
		write_all(open_port("err"), "\n", 1);
}

static void open_terminal(struct streams *streams, const struct spec *spec)
{
	struct winsize size = { .ws_row = atoi(spec->rows), .ws_col = atoi(spec->columns) };
	int *out = streams->out;

	out[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (out[0] < 0 || grantpt(out[0]) || unlockpt(out[0]))
		die("pseudo terminal");
	out[1] = open(ptsname(out[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (out[1] < 0 || (size.ws_row && ioctl(out[1], TIOCSWINSZ, &size)))
		die("pseudo terminal");
	streams->in = out[1];
}

static void open_streams(struct streams *streams, const struct spec *spec)
{
	if (spec->shell) {
		open_terminal(streams, spec);
	} else {
		streams->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (streams->in < 0 || pipe2(streams->out, O_CLOEXEC))
			die("pipe");
	}
	streams->err[0] = -1;
	streams->err[1] = streams->out[1];
	if (!spec->merge && pipe2(streams->err, O_CLOEXEC))
		die("pipe");
	fcntl(streams->out[0], F_SETFL, O_NONBLOCK);
	if (!spec->merge)
		fcntl(streams->err[0], F_SETFL, O_NONBLOCK);
}

static void run_command(const struct streams *streams, const struct spec *spec, const sigset_t *signals)
{
	static const char tool[] = "/bin/bash";

	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, signals, NULL);
	setsid();
	dup2(streams->in, 0);
	dup2(streams->out[1], 1);
	dup2(streams->err[1], 2);
	if (spec->shell)
		ioctl(0, TIOCSCTTY, 0);
	if (chdir(spec->cwd))
		fprintf(stderr, "no %s in the guest, starting in /: %s\n", spec->cwd, strerror(errno));
	if (spec->shell)
		execl(tool, "bash", "--norc", "-i", NULL);
	else
		execl(tool, "bash", "-c", spec->command, NULL);
	fprintf(stderr, "%s: %s\n", tool, strerror(errno));
	_exit(127);
}

/* Reap all children that have exited; return true if CHILD is one of them, with its status in *STATUS. */
static bool reap(pid_t child, int *status)
{
	bool done = false;
	int ended;
	pid_t pid;

	while ((pid = waitpid(-1, &ended, WNOHANG)) > 0) {
		if (pid != child)
			continue;
		*status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
		done = true;
	}
	return done;
}

/* Relay between the command and the host until the command exits; return its status. */
static int relay_until_exit(struct streams *streams, bool shell, pid_t child, const sigset_t *signals)
{
	int *out = streams->out, *err = streams->err, *ports = streams->ports, status = 0;

	do {
		struct pollfd poll_fds[] = {
			{ .fd = out[0], .events = POLLIN },
			{ .fd = err[0], .events = POLLIN },
			{ .fd = shell ? ports[0] : -1, .events = POLLIN },
		};

		ppoll(poll_fds, 3, NULL, signals);
		/* A stream that all writers have closed would wake ppoll() forever. */
		if (poll_fds[0].revents && !relay(out[0], ports[0]) && !shell && !(poll_fds[0].revents & POLLIN))
			out[0] = -1;
		if (poll_fds[1].revents && !relay(err[0], ports[1]) && !(poll_fds[1].revents & POLLIN))
			err[0] = -1;
		if (poll_fds[2].revents & POLLIN)
			relay(ports[0], out[0]);
	} while (!reap(child, &status));
	/* Kill its background processes before the rest of its output is relayed. */
	kill(-1, SIGKILL);
	while (out[0] >= 0 && relay(out[0], ports[0]))
		;
	while (err[0] >= 0 && relay(err[0], ports[1]))
		;
	return status;
}

/* Tell the host the command's status and the kernel's taint. */
static void report(const struct streams *streams, int status)
{
	char line[64] = "";
	int fd;

	fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, line, sizeof(line) - 1) < 0)
		die("tainted");
	dprintf(streams->status_port, "%d %s", status, line);
	/* Wait until the serial lines have transmitted everything. */
	if (uml && (tcdrain(streams->status_port) || tcdrain(streams->ports[0]) || tcdrain(streams->ports[1])))
		die("drain the serial lines");
}

int main(void)
{
	struct streams streams;
	sigset_t chld, none;
	struct spec spec;
	pid_t child;

	read_spec(&spec);
	umask(0);
	mkdir("/root", 0755);
	make_root(spec.keep, 2);
	umask(022);
	loopback_up();
	sethostname("guest", 5);
	open_ports(&streams, &spec);

	sigemptyset(&none);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	signal(SIGCHLD, on_child);

	open_streams(&streams, &spec);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		run_command(&streams, &spec, &none);
	close(streams.out[1]);
	if (!spec.merge)
		close(streams.err[1]);
	report(&streams, relay_until_exit(&streams, spec.shell, child, &none));
	end();
}
