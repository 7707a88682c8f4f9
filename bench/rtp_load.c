/*
 * Load for a media relay: sends RTP on both legs of many calls and measures what comes back.
 *
 *   rtp_load HOST WARM_S MEASURE_S PAYLOAD < pairs
 *
 * `pairs`: one call a line, two relay ports. Each leg has a socket of its own and sends one packet of
 * 172 bytes every 20 ms; the legs are spread evenly over the 20 ms. The payload carries the time of
 * sending; the time of arrival is the kernel's (SO_TIMESTAMPNS), so that waking up here counts for
 * nothing. Prints `begin` and `end` around the measured time, then one line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define MAX_LEGS 8192
#define STEPS 100000 /* delays of 0 to 1 s in steps of 10 us */
#define PACKET 172

static int sockets[MAX_LEGS];
static uint32_t sequences[MAX_LEGS];
static uint32_t delays[STEPS];
static int legs;
static uint64_t window_begin, window_end, sent, received, worst;

static uint64_t now_ns(void)
{
	struct timespec at;
	clock_gettime(CLOCK_REALTIME, &at);
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void open_leg(const char *host, int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int on = 1, fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int room = 1 << 20;
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1 || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to)) {
		perror("rtp_load: leg");
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	sockets[legs++] = fd;
}

static void send_one(int leg, int payload)
{
	uint8_t packet[PACKET];
	uint32_t sequence = sequences[leg]++;
	uint64_t at;
	memset(packet, 0x55, sizeof packet);
	packet[0] = 0x80;
	packet[1] = (uint8_t)payload;
	*(uint16_t *)(void *)(packet + 2) = htons((uint16_t)sequence);
	*(uint32_t *)(void *)(packet + 4) = htonl(sequence * 160);
	*(uint32_t *)(void *)(packet + 8) = htonl(0x1000u + (uint32_t)leg);
	at = now_ns();
	memcpy(packet + 12, &at, sizeof at);
	if (send(sockets[leg], packet, sizeof packet, 0) == PACKET && at >= window_begin && at < window_end)
		sent++;
}

static void drain(int leg)
{
	uint8_t packet[2048], control[256];
	for (;;) {
		struct iovec part = {.iov_base = packet, .iov_len = sizeof packet};
		struct msghdr message = {
			.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
		struct cmsghdr *item;
		uint64_t at, arrived = 0, delay;
		ssize_t size = recvmsg(sockets[leg], &message, 0);
		if (size < 0)
			return;
		if (size != PACKET)
			continue;
		memcpy(&at, packet + 12, sizeof at);
		for (item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item))
			if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_TIMESTAMPNS) {
				struct timespec stamp;
				memcpy(&stamp, CMSG_DATA(item), sizeof stamp);
				arrived = (uint64_t)stamp.tv_sec * 1000000000u + (uint64_t)stamp.tv_nsec;
			}
		if (at < window_begin || at >= window_end || arrived < at)
			continue;
		received++;
		delay = arrived - at;
		if (delay > worst)
			worst = delay;
		delays[delay / 10000 < STEPS ? delay / 10000 : STEPS - 1]++;
	}
}

static double quantile(double part)
{
	uint64_t seen = 0, wanted = (uint64_t)(part * (double)received);
	for (int step = 0; step < STEPS; step++) {
		seen += delays[step];
		if (seen > wanted)
			return (step + 1) * 0.01;
	}
	return 0;
}

int main(int count, char **words)
{
	int a, b, payload, begun = 0, drained = 0;
	if (count != 5)
		return 2;
	payload = atoi(words[4]);
	while (legs + 2 <= MAX_LEGS && scanf("%d %d", &a, &b) == 2) {
		open_leg(words[1], a);
		open_leg(words[1], b);
	}
	if (!legs)
		return 2;
	uint64_t start = now_ns() + 50000000u, step = 20000000u / (uint64_t)legs;
	window_begin = start + (uint64_t)(atof(words[2]) * 1e9);
	window_end = window_begin + (uint64_t)(atof(words[3]) * 1e9);
	for (uint64_t turn = 0;; turn++) {
		uint64_t due = start + turn * step;
		if (due >= window_begin && !begun) {
			begun = 1;
			puts("begin");
			fflush(stdout);
		}
		if (due >= window_end)
			break;
		struct timespec at = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
		if (now_ns() < due)
			clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL);
		send_one((int)(turn % (uint64_t)legs), payload);
		drain(drained++ % legs);
	}
	puts("end");
	fflush(stdout);
	struct timespec rest = {0, 400000000};
	nanosleep(&rest, NULL);
	for (int leg = 0; leg < legs; leg++)
		drain(leg);
	printf("{\"sent\": %llu, \"received\": %llu, \"p50_ms\": %.2f, \"p99_ms\": %.2f, \"worst_ms\": %.2f}\n",
	       (unsigned long long)sent, (unsigned long long)received, quantile(0.5), quantile(0.99),
	       (double)worst / 1e6);
	return 0;
}
