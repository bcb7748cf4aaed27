// SPDX-License-Identifier: GPL-2.0-only
/* Time, CPUs, files, devices and packets */
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

bool nap(double end, unsigned int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	if (now() > end)
		return false;
	nanosleep(&time, NULL);
	return true;
}

void run_on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "CPU %d", cpu);
}

void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", path);
	close(fd);
}

static __u64 random_state;

/* splitmix64 */
static __u64 next_random(void)
{
	__u64 z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

void seed_random(__u64 seed, __u64 number)
{
	random_state = seed;
	random_state = next_random() + number;
	random_state = next_random();
}

__u32 draw(__u32 below)
{
	return next_random() % below;
}

int device_index(const char *name)
{
	int ifindex = if_nametoindex(name);

	if (!ifindex)
		err(1, "%s", name);
	return ifindex;
}

int frames_open(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "packet socket");
	return fd;
}

#define MOST_FRAMES 128	/* in one system call */

int send_burst(int socket, const int *ifindex, int count, unsigned char source,
	       int flags)
{
	unsigned char frame[ETH_ZLEN] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* broadcast */
		0x02, 0, 0, 0, 0, source,
		ETH_P_TEST >> 8, ETH_P_TEST & 0xff,
	};
	struct iovec data = { frame, sizeof(frame) };
	struct sockaddr_ll to[MOST_FRAMES];
	struct mmsghdr msg[MOST_FRAMES];
	int i, done, n, sent = 0;

	if (count > MOST_FRAMES)
		count = MOST_FRAMES;
	for (i = 0; i < count; i++) {
		to[i] = (struct sockaddr_ll){
			.sll_family = AF_PACKET, .sll_ifindex = ifindex[i],
		};
		msg[i] = (struct mmsghdr){ .msg_hdr = {
			.msg_name = &to[i], .msg_namelen = sizeof(to[i]),
			.msg_iov = &data, .msg_iovlen = 1,
		} };
	}
	for (done = 0; done < count; done += n > 0 ? n : 1) {
		n = sendmmsg(socket, msg + done, count - done, flags);
		if (n > 0)
			sent += n;
	}
	return sent;
}

bool send_frame(int socket, int ifindex, unsigned char source, int flags)
{
	return send_burst(socket, &ifindex, 1, source, flags) == 1;
}

static pid_t senders[MAX_SENDERS];
static struct {
	__u64 sent;
} __attribute__((aligned(64))) *counts;	/* a cache line for each */

static void __attribute__((noreturn)) send_frames(const int *ifindex, int count,
						  int cpu, int niceness)
{
	int targets[MOST_FRAMES], n, i, fd = frames_open();

	run_on_cpu(cpu);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) ||
	    setpriority(PRIO_PROCESS, 0, niceness))
		err(1, "CPU %d", cpu);
	for (;;) {
		for (i = n = 0; i < count && n < MOST_FRAMES; i++) {
			targets[n] = __atomic_load_n(&ifindex[i],
						     __ATOMIC_RELAXED);
			n += targets[n] != 0;
		}
		/* a device may be deleted at any time */
		counts[cpu].sent += send_burst(fd, targets, n, cpu + 1,
					       MSG_DONTWAIT);
		usleep(1000);
	}
}

void senders_start(const int *ifindex, int count, int niceness)
{
	int cpu, cpus = sysconf(_SC_NPROCESSORS_ONLN);

	counts = mmap(NULL, MAX_SENDERS * sizeof(*counts),
		      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		err(1, "mmap");
	for (cpu = 0; cpu < cpus && cpu < MAX_SENDERS; cpu++) {
		senders[cpu] = fork();
		if (senders[cpu] < 0)
			err(1, "fork");
		if (!senders[cpu])
			send_frames(ifindex, count, cpu, niceness);
	}
}

int senders_stop(__u64 sent[MAX_SENDERS])
{
	int cpu;

	for (cpu = 0; cpu < MAX_SENDERS && senders[cpu]; cpu++) {
		kill(senders[cpu], SIGKILL);
		waitpid(senders[cpu], NULL, 0);
		sent[cpu] = counts[cpu].sent;
	}
	return cpu;
}
