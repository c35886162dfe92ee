/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/session.h"

#include "control/events.h"
#include "util/os_linux.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Long enough for who writes a line in pieces, too short to notice at a terminal. */
static const double half_line_pause = 0.02;

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events);
static void on_writable(struct ev_loop *loop, ev_io *watcher, int events);
static void on_turn(struct ev_loop *loop, ev_timer *watcher, int events);
static void on_pause(struct ev_loop *loop, ev_timer *watcher, int events);
static void on_stalled(struct ev_loop *loop, ev_timer *watcher, int events);
static void take_turn(struct session *session);
static void see_to_rest(struct session *session);
static size_t run_lines(struct session *session);
static void run_rest(struct session *session);
static void skip_line(struct session *session);
static void consume(struct session *session, size_t length);
static void run_line(struct session *session, char *line, size_t length);
static void answer(struct session *session, char *line, FILE *out);
static void refuse(struct session *session, int code, const char *why);
static bool is_over(const struct session *session);
static bool may_run(const struct session *session);
static void watch(struct session *session);
static void set_watcher(struct ev_loop *loop, ev_io *watcher, bool wanted);
static void start_timer(struct ev_loop *loop, ev_timer *timer, double seconds);
static bool put(struct session *session, const char *bytes, size_t length);
static void flush(struct session *session);
static void tell_of_lost_events(struct session *session);

bool session_start(struct session *session, struct program *program, int in, int out, bool trusted)
{
    session->input = malloc(SESSION_LINE);
    if (!session->input)
        return false;
    session->caller = (struct caller){.program = program, .session = session, .trusted = trusted};
    outbox_init(&session->output, out,
                &program->output[session->leash ? OUTPUT_OF_LEASH
                                 : trusted      ? OUTPUT_OF_OWNER
                                                : OUTPUT_OF_OTHERS]);
    list_init(&session->subscriber);
    ev_io_init(&session->readable, on_readable, in, EV_READ);
    ev_io_init(&session->writable, on_writable, out, EV_WRITE);
    ev_init(&session->turn, on_turn);
    ev_init(&session->pause, on_pause);
    ev_timer_init(&session->stalled, on_stalled, 0., SESSION_STALLED);
    watch(session);
    return true;
}

void session_stop(struct session *session)
{
    struct program *program = session->caller.program;
    struct ev_loop *loop = program->runtime.loop;

    events_set(&program->events, session, 0);
    outbox_clear(&session->output);
    ev_io_stop(loop, &session->readable);
    ev_io_stop(loop, &session->writable);
    ev_timer_stop(loop, &session->turn);
    ev_timer_stop(loop, &session->pause);
    ev_timer_stop(loop, &session->stalled);
    free(session->input);
}

void session_wake(struct session *session)
{
    session->asleep = false;
    watch(session);
}

void session_write(struct session *session, const char *bytes, size_t length)
{
    if (length > 0 && put(session, bytes, length))
        flush(session);
}

void session_prompt(struct session *session)
{
    static const char prompt[] = "\nvde$ ";

    session_write(session, prompt, sizeof(prompt) - 1);
}

/* Events come amid frames: they are written when the loop has the time. */
void session_event(struct session *session, const char *line, size_t length)
{
    if (session->output.length + length > SESSION_EVENTS ||
        !outbox_put(&session->output, line, length))
        session->events_lost++;
    watch(session);
}

void session_drain(struct session *session, uint64_t limit)
{
    struct pollfd room = {.fd = session->output.fd, .events = POLLOUT};

    for (flush(session); session->output.length > 0 && os_now() < limit; flush(session)) {
        if (poll(&room, 1, 100) < 0 && errno != EINTR)
            break;
    }
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct session *session = container_of(watcher, struct session, readable);
    ssize_t got = read(watcher->fd, session->input + session->input_length,
                       SESSION_LINE - session->input_length);
    int error = errno;

    (void)loop, (void)events;
    if (got < 0 && (error == EAGAIN || error == EINTR))
        return;
    if (got > 0)
        session->input_length += (size_t)got;
    else if (got == 0 || !session->pardoned || !session->pardoned(session, error))
        session->at_end = true;
    take_turn(session);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct session *session = container_of(watcher, struct session, writable);

    (void)loop, (void)events;
    flush(session);
    tell_of_lost_events(session);
    take_turn(session);
}

static void on_turn(struct ev_loop *loop, ev_timer *watcher, int events)
{
    (void)loop, (void)events;
    take_turn(container_of(watcher, struct session, turn));
}

static void on_pause(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct session *session = container_of(watcher, struct session, pause);
    struct pollfd more = {.fd = session->readable.fd, .events = POLLIN};

    (void)loop, (void)events;
    /* We may be late ourselves, and the rest may be there. */
    if (poll(&more, 1, 0) == 1)
        return;
    run_rest(session);
    take_turn(session);
}

static void on_stalled(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct session *session = container_of(watcher, struct session, stalled);

    (void)loop, (void)events;
    log_say(session->caller.program->runtime.log, LOG_WARNING,
            "console: a session is ended: its reader has taken nothing for %d s", SESSION_STALLED);
    session->ended(session);
}

/* Runs what there is, but no more than a turn's lines. SESSION may be gone afterwards. */
static void take_turn(struct session *session)
{
    ev_timer_stop(session->caller.program->runtime.loop, &session->pause);
    consume(session, run_lines(session));
    if (may_run(session))
        see_to_rest(session);
    if (is_over(session))
        session->ended(session);
    else
        watch(session);
}

/* Of the input, after a turn; a session that may not run is woken by its reader. */
static void see_to_rest(struct session *session)
{
    struct ev_loop *loop = session->caller.program->runtime.loop;

    if (memchr(session->input, '\n', session->input_length))
        start_timer(loop, &session->turn, 0.);
    else if (session->input_length == SESSION_LINE)
        skip_line(session);
    else if (session->at_end)
        run_rest(session);
    else if (session->input_length > 0 && !session->skipping)
        start_timer(loop, &session->pause, half_line_pause);
}

/* Return: how many bytes of the input are done with. */
static size_t run_lines(struct session *session)
{
    char *line = session->input, *end = line + session->input_length, *newline;

    for (unsigned lines = 0; lines < SESSION_TURN && may_run(session); lines++) {
        newline = memchr(line, '\n', (size_t)(end - line));
        if (!newline)
            break;
        run_line(session, line, (size_t)(newline - line));
        line = newline + 1;
    }
    return (size_t)(line - session->input);
}

/* What has no newline and gets none. */
static void run_rest(struct session *session)
{
    size_t length = session->input_length;

    if (length == 0 || !may_run(session))
        return;
    run_line(session, session->input, length);
    consume(session, length);
}

/* Of a line that is too long what was read is forgotten, and the rest when it comes. */
static void skip_line(struct session *session)
{
    if (!session->skipping)
        refuse(session, E2BIG, "a line has at most 32767 bytes");
    session->skipping = true;
    consume(session, session->input_length);
}

static void consume(struct session *session, size_t length)
{
    session->input_length -= length;
    memmove(session->input, session->input + length, session->input_length);
}

static void run_line(struct session *session, char *line, size_t length)
{
    char *reply = NULL;
    size_t size = 0;
    FILE *out;

    if (session->skipping) { /* this is its end */
        session->skipping = false;
        return;
    }
    if (memchr(line, '\0', length)) {
        refuse(session, EINVAL, "a NUL byte in a line");
        return;
    }
    out = open_memstream(&reply, &size);
    if (!out) {
        refuse(session, ENOMEM, "no memory for the reply");
        return;
    }
    if (length > 0 && line[length - 1] == '\r')
        length--;
    line[length] = '\0';
    answer(session, line, out);
    if (fclose(out) == 0)
        session_write(session, reply, size);
    free(reply);
    if (!session->caller.leaving)
        session_prompt(session);
    else if (session->leash)
        session->caller.leaving = false; /* it cannot leave but by its end of input */
}

static void answer(struct session *session, char *line, FILE *out)
{
    struct error err;

    command_run(&session->caller, line, out, &err);
    if (session->caller.leaving && !session->leash)
        fputs("9999 END OF SESSION", out);
}

static void refuse(struct session *session, int code, const char *why)
{
    char text[COMMAND_FAILURE];
    struct error err;
    int status = error_set(&err, code, "%s", why);

    session_write(session, text, command_failure(status, &err, text));
    session_prompt(session);
}

static bool is_over(const struct session *session)
{
    bool said = session->caller.leaving || (session->at_end && session->input_length == 0);

    return session->broken || (said && (session->output.length == 0 || session->leash));
}

static bool may_run(const struct session *session)
{
    return !session->broken && !session->caller.leaving &&
           (session->leash || session->output.length < SESSION_OUTPUT);
}

static void watch(struct session *session)
{
    struct ev_loop *loop = session->caller.program->runtime.loop;

    set_watcher(loop, &session->readable,
                !session->at_end && !session->asleep && may_run(session) &&
                    session->input_length < SESSION_LINE);
    set_watcher(loop, &session->writable,
                session->output.length > 0 || session->events_lost > 0 || session->broken);
    if (session->output.length == 0 || session->leash)
        ev_timer_stop(loop, &session->stalled);
    else if (!ev_is_active(&session->stalled))
        ev_timer_again(loop, &session->stalled);
}

/* From its start on a libev timer holds what remains, and from its stop on, too: it must be set each time. */
static void start_timer(struct ev_loop *loop, ev_timer *timer, double seconds)
{
    ev_timer_stop(loop, timer);
    ev_timer_set(timer, seconds, 0.);
    ev_timer_start(loop, timer);
}

static void set_watcher(struct ev_loop *loop, ev_io *watcher, bool wanted)
{
    if (wanted)
        ev_io_start(loop, watcher);
    else
        ev_io_stop(loop, watcher);
}

/* A session whose output finds no room is ended; of a leash the output is dropped. */
static bool put(struct session *session, const char *bytes, size_t length)
{
    bool kept = !session->broken && outbox_put(&session->output, bytes, length);

    if (!kept)
        session->broken = !session->leash;
    return kept;
}

static void flush(struct session *session)
{
    int status = outbox_flush(&session->output);

    if (status == 0) /* somebody reads */
        ev_timer_stop(session->caller.program->runtime.loop, &session->stalled);
    else if (status != -EAGAIN) /* nobody does any more */
        session->broken = !session->leash;
}

static void tell_of_lost_events(struct session *session)
{
    char line[64];

    if (session->events_lost == 0 || session->output.length > 0)
        return;
    session_write(
        session, line,
        (size_t)snprintf(line, sizeof(line), "3001 debug/lost %u\n", session->events_lost));
    session->events_lost = 0;
}
