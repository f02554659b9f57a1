/* N WebSocket clients in one thread, so that the server is what is measured.

     load PORT REQUEST HELLO READY PING PONG          (all but PORT in hexadecimal, "" for none)

   Each client sends REQUEST (an HTTP upgrade), after the 101 HELLO, and is ready once READY was in a message, or at once
   without one. A message that equals PING is answered with PONG; WebSocket's own pings are answered anyway. Compressed
   messages are inflated, for a browser does that too, and a count of frames alone would not tell which ones came.

   A message of the benchmark holds its number and when it was published: "#fan 0000012 0000001234567890#", in
   nanoseconds of CLOCK_MONOTONIC. Orders come on the standard input, and each is answered by one line of JSON:

     open N                     N more clients; answered when all are ready, or after a minute without any
     expect FIRST COUNT MS      {"expecting"} at once; then, when all clients had all numbers or after MS, what came
     counted                    what came, up to now                                                                  */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

enum { MOST_CLIENTS = 60000, AT_ONCE = 64, ROOM = 1 << 20, RETRY_MS = 500, PATIENCE_MS = 60000 };
enum state { NONE, CONNECTING, UPGRADING, GREETING, READY, WAITING, CLOSED };

typedef struct { unsigned char *at; size_t length; } bytes;
typedef struct { int fd; enum state state; unsigned char *rest; size_t have; z_stream *inflater; int64_t retry_ns; } client;

static client clients[MOST_CLIENTS];
static bytes request, hello, ready_mark, ping, pong;
static unsigned char buffer[2 * ROOM], plain[ROOM];
static int queue, port, wanted, opened, in_the_air, waiting, ready, opening, expecting;
static long turned_away, closed, frames, octets, others, twice, stray, received;
static long first, count, complete;
static int64_t deadline_ns, progress_ns;
static uint64_t *seen;
static int32_t *left;
static long *late_us;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static bytes from_hex(const char *text) {
    bytes value = {malloc(strlen(text) / 2 + 1), strlen(text) / 2};
    for (size_t i = 0; i < value.length; i++) sscanf(text + 2 * i, "%2hhx", &value.at[i]);
    return value;
}

static void say(client *one, const unsigned char *data, size_t length) {
    if (length && send(one->fd, data, length, MSG_NOSIGNAL) != (ssize_t)length && errno != EPIPE && errno != ECONNRESET)
        fail("a client could not send");
}

/* Coming and going. */

static void dial(client *one) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if ((one->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) < 0) fail("no socket");
    if (connect(one->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) fail("connect");
    struct epoll_event event = {.events = EPOLLOUT, .data.u32 = one - clients};
    epoll_ctl(queue, EPOLL_CTL_ADD, one->fd, &event);
    one->state = CONNECTING;
    in_the_air++;
}

static void hang_up(client *one) {
    close(one->fd);
    free(one->rest);
    if (one->inflater) inflateEnd(one->inflater), free(one->inflater);
    int was_ready = one->state == READY;
    *one = (client){.state = was_ready ? CLOSED : WAITING, .retry_ns = now_ns() + RETRY_MS * 1000000LL};
    if (was_ready) closed++, ready--;
    else turned_away++, waiting++, in_the_air--;
}

static void become_ready(client *one) {
    one->state = READY;
    in_the_air--, ready++;
    progress_ns = now_ns();
}

static void connected(client *one) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(one->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) { hang_up(one); return; }
    say(one, request.at, request.length);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = one - clients};
    epoll_ctl(queue, EPOLL_CTL_MOD, one->fd, &event);
    one->state = UPGRADING;
}

static void dial_more(void) {
    int64_t now = now_ns();
    for (int i = 0; waiting && i < opened && in_the_air < AT_ONCE; i++)
        if (clients[i].state == WAITING && clients[i].retry_ns < now) dial(&clients[i]), waiting--;
    while (opened < wanted && in_the_air < AT_ONCE) dial(&clients[opened++]);
}

/* What comes. */

static void count_markers(int who, const unsigned char *text, size_t length, int64_t now) {
    const unsigned char *end = text + length, *at = text;
    int any = 0;
    while ((at = memmem(at, end - at, "#fan ", 5))) {
        char *after;
        long number = strtol((const char *)at + 5, &after, 10) - first;
        int64_t published = strtoll(after, &after, 10);
        at += 5, any = 1, received++;
        if (number < 0 || number >= count) { stray++; continue; }
        uint64_t *word = &seen[(size_t)who * ((count + 63) / 64) + number / 64], bit = 1ULL << (number % 64);
        if (*word & bit) { twice++; continue; }
        *word |= bit;
        if (--left[number] == 0) late_us[number] = (now - published) / 1000, complete++;
    }
    others += !any;
}

static bytes inflated(client *one, unsigned char *data, size_t length) {
    static unsigned char tail[4] = {0, 0, 0xff, 0xff};
    if (!one->inflater) {
        one->inflater = calloc(1, sizeof(z_stream));
        if (inflateInit2(one->inflater, -15) != Z_OK) fail("inflateInit2");
    }
    z_stream *z = one->inflater;
    z->next_out = plain, z->avail_out = sizeof plain;
    for (int part = 0; part < 2; part++) {
        z->next_in = part ? tail : data, z->avail_in = part ? sizeof tail : length;
        int result = inflate(z, Z_SYNC_FLUSH);
        if (result != Z_OK && result != Z_BUF_ERROR) fail("a message did not inflate");
    }
    return (bytes){plain, sizeof plain - z->avail_out};
}

static void take_message(client *one, bytes message, int64_t now) {
    if (ping.length && message.length == ping.length && !memcmp(message.at, ping.at, ping.length))
        say(one, pong.at, pong.length);
    else if (one->state == READY) count_markers(one - clients, message.at, message.length, now);
    if (one->state == GREETING && ready_mark.length && memmem(message.at, message.length, ready_mark.at, ready_mark.length))
        become_ready(one);
}

static void answer_ping(client *one, const unsigned char *data, size_t length) {
    unsigned char frame[6 + 125] = {0x8a, 0x80 | length};  /* masked with zeros */
    memcpy(frame + 6, data, length);
    say(one, frame, 6 + length);
}

/* Returns the length of the whole frame at `at`, or 0 when there is more to come. */
static size_t take_frame(client *one, unsigned char *at, size_t have, int64_t now) {
    if (have < 2) return 0;
    size_t length = at[1] & 127, head = length == 126 ? 4 : length == 127 ? 10 : 2;
    if (have < head) return 0;
    if (head > 2) {
        length = 0;
        for (size_t i = 2; i < head; i++) length = length << 8 | at[i];
    }
    if (have < head + length) return 0;
    frames++, octets += head + length;
    int kind = at[0] & 15;
    if (kind == 9) answer_ping(one, at + head, length);
    if (kind < 8) take_message(one, at[0] & 0x40 ? inflated(one, at + head, length) : (bytes){at + head, length}, now);
    return head + length;
}

static size_t take_answer(client *one, unsigned char *at, size_t have) {
    unsigned char *end = memmem(at, have, "\r\n\r\n", 4);
    if (!end) return 0;
    if (have < 12 || memcmp(at + 9, "101", 3)) { hang_up(one); return 0; }
    one->state = GREETING;
    say(one, hello.at, hello.length);
    if (!ready_mark.length) become_ready(one);
    return end + 4 - at;
}

static void readable(client *one) {
    memcpy(buffer, one->rest, one->have);
    ssize_t got = recv(one->fd, buffer + one->have, ROOM, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) { hang_up(one); return; }
    int64_t now = now_ns();
    size_t have = one->have + got, at = 0, taken;
    do {
        taken = one->state == UPGRADING ? take_answer(one, buffer, have) : take_frame(one, buffer + at, have - at, now);
        at += taken;
    } while (taken && one->state != WAITING);
    if (one->state == WAITING) return;
    if (have - at > ROOM) fail("a message of more than a megabyte");
    if (have > at) one->rest = realloc(one->rest, have - at), memcpy(one->rest, buffer + at, have - at);
    one->have = have - at;
}

/* Orders and answers. */

static long missing(void) {
    long sum = 0;
    for (long i = 0; i < count; i++) sum += left[i];
    return sum;
}

static void tell_counted(int with_times) {
    printf("{\"complete\": %ld, \"missing\": %ld, \"twice\": %ld, \"stray\": %ld, \"received\": %ld, \"other_messages\": %ld, "
           "\"frames\": %ld, \"bytes\": %ld, \"closed\": %ld, \"late_us\": [",
           complete, missing(), twice, stray, received, others, frames, octets, closed);
    for (long i = 0, told = 0; with_times && i < count; i++)
        if (left[i] == 0) printf("%s%ld", told++ ? ", " : "", late_us[i]);
    printf("]}\n");
}

static void expect(long from, long how_many, long timeout_ms) {
    first = from, count = how_many, complete = twice = stray = received = others = frames = octets = 0;
    free(seen), free(left), free(late_us);
    seen = calloc((size_t)opened * ((count + 63) / 64), sizeof *seen);
    left = calloc(count, sizeof *left), late_us = calloc(count, sizeof *late_us);
    for (long i = 0; i < count; i++) left[i] = opened;
    deadline_ns = now_ns() + timeout_ms * 1000000LL, expecting = 1;
    printf("{\"expecting\": %ld}\n", count);
}

static void obey(const char *order) {
    long a, b, c;
    if (sscanf(order, "open %ld", &a) == 1 && wanted + a <= MOST_CLIENTS)
        wanted += a, opening = 1, progress_ns = now_ns();
    else if (sscanf(order, "expect %ld %ld %ld", &a, &b, &c) == 3) expect(a, b, c);
    else if (!strncmp(order, "counted", 7)) tell_counted(0);
    else fail("an order that makes no sense");
}

static void read_orders(void) {
    static char text[4096];
    static size_t have;
    ssize_t got = read(0, text + have, sizeof text - 1 - have);
    if (got <= 0) exit(0);  /* who started it is gone */
    have += got, text[have] = 0;
    for (char *end; (end = strchr(text, '\n'));) {
        *end = 0;
        obey(text);
        have -= end + 1 - text;
        memmove(text, end + 1, have + 1);
    }
}

static void tell_what_is_due(void) {
    if (opening) dial_more();
    if (opening && (ready + closed == wanted || now_ns() - progress_ns > PATIENCE_MS * 1000000LL)) {
        printf("{\"ready\": %d, \"turned_away\": %ld, \"closed\": %ld}\n", ready, turned_away, closed);
        opening = 0;
    }
    if (expecting && (complete == count || now_ns() > deadline_ns)) tell_counted(1), expecting = 0;
    fflush(stdout);
}

int main(int many, char **words) {
    if (many != 7) fail("usage: load PORT REQUEST HELLO READY PING PONG");
    port = atoi(words[1]);
    request = from_hex(words[2]), hello = from_hex(words[3]), ready_mark = from_hex(words[4]);
    ping = from_hex(words[5]), pong = from_hex(words[6]);
    queue = epoll_create1(0);
    struct epoll_event orders = {.events = EPOLLIN, .data.u32 = MOST_CLIENTS}, events[256];
    if (epoll_ctl(queue, EPOLL_CTL_ADD, 0, &orders)) fail("the standard input");
    for (;;) {
        int some = epoll_wait(queue, events, 256, opening || expecting ? 20 : -1);
        for (int i = 0; i < some; i++) {
            if (events[i].data.u32 == MOST_CLIENTS) { read_orders(); continue; }
            client *one = &clients[events[i].data.u32];
            if (one->state == CONNECTING) connected(one);
            else readable(one);
        }
        tell_what_is_due();
    }
}
