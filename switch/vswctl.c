/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * vswctl.c - runs one command on a running switch, from a shell or a script
 *
 * It opens a session on the management socket and sends one line. The command's data goes to
 * stdout, the switch's error message to stderr, and the exit status tells which.
 * vswitchd-console(7) describes the format of replies.
 */
#include "util/default_dir.h"
#include "util/version.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

enum {
    EXIT_REFUSED = 1,   /* the switch refused the command */
    EXIT_NO_ANSWER = 2, /* the command was not sent, or not answered */
};

enum {
    PATIENCE = 10,      /* seconds without a byte of the reply */
    LINE_MOST = 32767,  /* longest line that the switch accepts */
    REPLY_LINE = 65536, /* longer than any line of a reply */
};

static const char prompt[] = "vde$ ";

struct reply {
    FILE *session;
    char text[REPLY_LINE];
    bool in_data;
    int code; /* of the last status line; 0 if there was none */
};

enum part { PART_LINE, PART_PROMPT, PART_END };

static char *const *read_arguments(int argc, char *argv[], char path[PATH_MAX]);
static void join(char *const words[], char line[LINE_MOST + 1]);
static int open_session(const char *path);
static _Noreturn void explain(int code, const char *path);
static int ask(int fd, const char *line);
static enum part next_part(struct reply *reply);
static void take_line(struct reply *reply);
static int read_status(const char *line);
static void print_help(void);
static _Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

int main(int argc, char *argv[])
{
    char path[PATH_MAX], line[LINE_MOST + 1];
    int code;

    join(read_arguments(argc, argv, path), line);
    code = ask(open_session(path), line);
    if (fflush(stdout) != 0)
        give_up("cannot print the reply: %s", strerror(errno));
    return code == 1000 || code == 9999 ? EXIT_SUCCESS : EXIT_REFUSED;
}

/* Return: the words of the command; PATH receives the management socket's path. */
static char *const *read_arguments(int argc, char *argv[], char path[PATH_MAX])
{
    static const struct option options[] = {
        {"sock", required_argument, NULL, 's'},
        {"mgmt", required_argument, NULL, 'M'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    char own[PATH_MAX];
    const char *dir = own, *mgmt = NULL;
    int option;

    default_dir(own, sizeof(own));
    /* +: stop at the command's first word; what follows belongs to the command. */
    while ((option = getopt_long(argc, argv, "+s:M:hv", options, NULL)) != -1) {
        switch (option) {
        case 's':
            dir = optarg;
            break;
        case 'M':
            mgmt = optarg;
            break;
        case 'h':
            print_help();
            exit(EXIT_SUCCESS);
        case 'v':
            printf("vswctl %s\n", VSW_VERSION);
            exit(EXIT_SUCCESS);
        default: /* getopt_long() has printed the error */
            exit(EXIT_NO_ANSWER);
        }
    }
    if (optind == argc)
        give_up("which command? \"vswctl help\" lists the switch's, --help the options");
    /* A path that is truncated here exceeds sun_path by far, and open_session() reports that. */
    snprintf(path, PATH_MAX, mgmt ? "%s" : "%s/mgmt", mgmt ? mgmt : dir);
    return argv + optind;
}

/* Joins the words into one line. A line break would start a second command. */
static void join(char *const words[], char line[LINE_MOST + 1])
{
    size_t length = 0;

    for (; *words; words++) {
        size_t more = strlen(*words);

        if (strpbrk(*words, "\r\n"))
            give_up("a line break in an argument: one command at a time");
        if (length + more + 1 > LINE_MOST)
            give_up("a command has at most %d bytes", LINE_MOST - 1);
        memcpy(line + length, *words, more);
        length += more;
        line[length++] = words[1] ? ' ' : '\n';
    }
    line[length] = '\0';
}

static int open_session(const char *path)
{
    const struct timeval patience = {.tv_sec = PATIENCE};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (strlen(path) >= sizeof(address.sun_path))
        give_up("%s: the path of a socket has at most %zu bytes", path,
                sizeof(address.sun_path) - 1);
    strcpy(address.sun_path, path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    /* SO_SNDTIMEO limits connect() as well: socket(7). */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        explain(errno, path);
    return fd;
}

static void explain(int code, const char *path)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        give_up("there is no %s: is the switch running? -s names its directory", path);
    case ECONNREFUSED:
        give_up("nobody listens on %s: the switch has ended", path);
    case EACCES:
        give_up("%s is closed to you: only the switch's own user may connect", path);
    case EAGAIN:
        give_up("%s: the switch takes no connection for %d s", path, PATIENCE);
    default:
        give_up("cannot connect to %s: %s", path, strerror(code));
    }
}

/* The reply is what the switch sends between its first prompt and the second. There is no second
 * prompt if the command ends the session, and none at all if the session is refused. Return: the
 * reply's code. */
static int ask(int fd, const char *line)
{
    static struct reply reply;
    size_t length = strlen(line);
    unsigned prompts = 0;
    enum part part;

    reply.session = fdopen(fd, "r");
    if (!reply.session)
        give_up("no memory");
    if (send(fd, line, length, MSG_NOSIGNAL) != (ssize_t)length)
        give_up("the switch does not take the command: %s", strerror(errno));
    while (prompts < 2 && (part = next_part(&reply)) != PART_END) {
        prompts += part == PART_PROMPT;
        if (part == PART_LINE)
            take_line(&reply);
    }
    if (ferror(reply.session))
        give_up("no reply for %d s: has the switch been stopped?", PATIENCE);
    if (reply.in_data || reply.code == 0)
        give_up("the switch has no answer to that");
    fclose(reply.session);
    return reply.code;
}

/* A prompt has no newline, so it is recognized by its text; no line of a reply begins with it. */
static enum part next_part(struct reply *reply)
{
    size_t length = 0;
    int byte;

    while ((byte = getc(reply->session)) != EOF && byte != '\n') {
        /* Do not pass control characters to the terminal, whatever is at the other end. */
        reply->text[length++] = (char)(byte < ' ' || byte == 0x7f ? '?' : byte);
        reply->text[length] = '\0';
        if (!reply->in_data && !strcmp(reply->text, prompt))
            return PART_PROMPT;
        if (length == sizeof(reply->text) - 1)
            return PART_LINE;
    }
    reply->text[length] = '\0';
    return byte == EOF && length == 0 ? PART_END : PART_LINE;
}

/* Files run by "load" are echoed line by line, each command with a status of its own. */
static void take_line(struct reply *reply)
{
    const char *line = reply->text;
    int code;

    if (reply->in_data && !strcmp(line, "."))
        reply->in_data = false;
    else if (reply->in_data || !strncmp(line, "vde[", 4))
        puts(line);
    else if (!strncmp(line, "0000 ", 5))
        reply->in_data = true;
    else if ((code = read_status(line)) != 0) {
        reply->code = code;
        if (code != 1000 && code != 9999)
            fprintf(stderr, "vswctl: %s\n", line[4] ? line + 5 : line);
    }
}

/* Return: the status code that LINE begins with, 1000 to 1999 or 9999; else 0. */
static int read_status(const char *line)
{
    int code;

    if (strspn(line, "0123456789") != 4 || (line[4] != ' ' && line[4] != '\0'))
        return 0;
    code = atoi(line);
    return (code >= 1000 && code < 2000) || code == 9999 ? code : 0;
}

static void print_help(void)
{
    char dir[PATH_MAX];

    default_dir(dir, sizeof(dir));
    printf("usage: vswctl [-s DIR | -M SOCKET] COMMAND [ARGUMENT]...\n"
           "Runs one command of the console of a running vswitchd and prints what it prints.\n\n"
           "  -s, --sock DIR      the switch's directory (default here: %s)\n"
           "  -M, --mgmt SOCKET   the socket of its console, if that is elsewhere\n"
           "  -h, --help   -v, --version\n\n"
           "Exit status: 0 done; 1 the switch says no, and why; 2 it was not asked or is silent.\n"
           "vswctl help lists the commands. Manual: man vswctl, man vswitchd-console\n",
           dir);
}

static void give_up(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fputs("vswctl: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(EXIT_NO_ANSWER);
}
