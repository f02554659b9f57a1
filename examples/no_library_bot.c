/* A bot in C without any library: it reads "NICK TEXT" lines, answers !ping, and tells Botdeck by appending lines of JSON
   to the file that BOTDECK_EVENTS names.

   cc -o no_library_bot examples/no_library_bot.c */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int events = -1;

/* `fields` is printf's format of what follows the fields that every line has. One write(2) with O_APPEND, so lines of
   several processes do not mix; a line that does not fit is not told, rather than told in halves. */
__attribute__((format(printf, 2, 3))) static void tell(const char *event, const char *fields, ...) {
    char line[4096], day[32];
    struct timespec now;
    struct tm utc;
    if (events < 0 || clock_gettime(CLOCK_REALTIME, &now) || !gmtime_r(&now.tv_sec, &utc)) return;
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
    int used = snprintf(line, sizeof line, "\n{\"v\":1,\"event\":\"%s\",\"time\":\"%s.%06ldZ\",\"run\":\"%s\"", event, day,
                        now.tv_nsec / 1000, getenv("BOTDECK_RUN"));
    if (used >= (int)sizeof line) return;
    va_list values;
    va_start(values, fields);
    used += vsnprintf(line + used, sizeof line - used, fields, values);
    va_end(values);
    if (used + 2 >= (int)sizeof line) return;
    memcpy(line + used, "}\n", 2);
    /* What a full disk took of it, nobody can write again; the bot goes on. */
    if (write(events, line, used + 2) < 0) return;
}

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/* What goes into JSON between quotes must hold no quote, backslash or control character. */
static void keep_plain(char *nick) {
    char *to = nick;
    for (const char *from = nick; *from; from++)
        if (strchr("\"\\", *from) == NULL && (unsigned char)*from >= ' ') *to++ = *from;
    *to = '\0';
}

int main(void) {
    char line[1024];
    const char *file = getenv("BOTDECK_EVENTS");
    if (file && getenv("BOTDECK_RUN")) events = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    tell("bot.started", ",\"framework\":\"c\",\"process.pid\":%d", getpid());
    for (int number = 1; fgets(line, sizeof line, stdin); number++) {
        line[strcspn(line, "\n")] = '\0';
        char *text = strchr(line, ' ');
        if (text) *text++ = '\0';
        keep_plain(line);
        tell("message.received", ",\"user.id\":\"console:%s\",\"chat.message.id\":\"%d\",\"chat.platform\":\"console\"",
             line, number);
        if (!text || strcmp(text, "!ping")) continue;
        double began = now_ms();
        tell("command.started", ",\"id\":\"%d\",\"command.name\":\"ping\",\"kind\":\"prefix\",\"user.id\":\"console:%s\"",
             number, line);
        printf("pong, %s\n", line);
        fflush(stdout);
        tell("message.sent", ",\"chat.platform\":\"console\",\"size\":%zu", strlen(line) + strlen("pong, "));
        tell("command.finished", ",\"id\":\"%d\",\"command.name\":\"ping\",\"duration_ms\":%.3f,\"outcome\":\"ok\"", number,
             now_ms() - began);
    }
    return 0;
}
