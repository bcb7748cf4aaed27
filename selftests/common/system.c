// SPDX-License-Identifier: GPL-2.0-only
/* Time, CPUs, files, devices and packets */
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <sys/socket.h>
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
	if (now() > end)
		return false;
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000,
				      .tv_nsec = ms % 1000 * 1000000 }, NULL);
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

__u64 next_random(__u64 *state, __u64 below)
{
	__u64 z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) % below;
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
