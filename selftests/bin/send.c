// SPDX-License-Identifier: GPL-2.0-only
/* send DEV COUNT: send COUNT frames that the test programs count out of DEV */
#include <arpa/inet.h>
#include <err.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ETH_P_TEST 0x88b5 /* as in progs/jump.h */

int main(int argc, char **argv)
{
	unsigned char frame[ETH_ZLEN] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, /* to everybody */
		0x02, 0, 0, 0, 0, 1,
		ETH_P_TEST >> 8, ETH_P_TEST & 0xff,
	};
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	long count;
	int fd;

	if (argc != 3)
		errx(2, "usage: send DEV COUNT");
	to.sll_ifindex = if_nametoindex(argv[1]);
	if (!to.sll_ifindex)
		err(1, "%s", argv[1]);
	count = strtol(argv[2], NULL, 0);

	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0)
		err(1, "socket");
	while (count-- > 0)
		if (sendto(fd, frame, sizeof(frame), 0, (void *)&to,
			   sizeof(to)) != sizeof(frame))
			err(1, "%s: sendto", argv[1]);
	return 0;
}
