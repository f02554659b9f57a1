/* The limit: a server that does nothing but write() the finished frame to each of its clients.

     writer PORT MESSAGE

   It reads no frames and answers every upgrade alike; load.c does not check the key. Messages of one burst are joined into
   one write. Orders on the standard input: "FIRST COUNT".                                                            */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CLIENTS = 65536, MOST_JOINED = 64, LISTENER = MOST_CLIENTS, ORDERS };

static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static int upgraded[MOST_CLIENTS], connected_fds[MOST_CLIENTS], queue, listener, how_many;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void watch(int fd, unsigned what) {
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};
    epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
}

static void write_all(int fd, const char *data, size_t length) {
    while (length) {
        ssize_t written = write(fd, data, length);
        if (written < 0) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            if (poll(&room, 1, 1000) <= 0 || room.revents & (POLLERR | POLLHUP)) return;
            continue;
        }
        data += written, length -= written;
    }
}

static size_t put_frame(char *at, long number, const char *message, size_t length) {
    at[0] = (char)0x81, at[1] = 126, at[2] = length >> 8, at[3] = length & 255;
    memcpy(at + 4, message, length);
    char marker[40], *place = memmem(at + 4, length, "#fan ", 5);
    snprintf(marker, sizeof marker, "#fan %07ld %016lld#", number, (long long)now_ns());
    memcpy(place, marker, strlen(marker));
    return length + 4;
}

static void obey(const char *message, size_t length) {
    static char joined[MOST_JOINED * 4096];
    char order[256] = "";
    long first, count;
    size_t size = 0;
    if (read(0, order, sizeof order - 1) <= 0) exit(0);
    if (sscanf(order, "%ld %ld", &first, &count) != 2 || count > MOST_JOINED || length > 4000) exit(2);
    for (long i = 0; i < count; i++) size += put_frame(joined + size, first + i, message, length);
    for (int i = 0; i < how_many; i++) write_all(connected_fds[i], joined, size);
}

static void on_client(int fd) {
    char said[4096];
    ssize_t got = read(fd, said, sizeof said);
    if (got == 0) epoll_ctl(queue, EPOLL_CTL_DEL, fd, NULL);
    if (got <= 0 || upgraded[fd]) return;
    upgraded[fd] = 1;
    write_all(fd, answer, sizeof answer - 1);
    connected_fds[how_many++] = fd;
}

static void on_listener(void) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), on = 1;
    if (fd < 0) return;
    if (fd >= MOST_CLIENTS) { close(fd); return; }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(fd, fd);
}

int main(int many, char **words) {
    if (many != 3) return 2;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (void *)&at, sizeof at) || listen(listener, 1024)) return 1;
    queue = epoll_create1(0);
    watch(listener, LISTENER), watch(0, ORDERS);
    struct epoll_event events[64];
    for (;;) {
        int some = epoll_wait(queue, events, 64, -1);
        for (int i = 0; i < some; i++) {
            unsigned what = events[i].data.u32;
            if (what == LISTENER) on_listener();
            else if (what == ORDERS) obey(words[2], strlen(words[2]));
            else on_client(what);
        }
    }
}
