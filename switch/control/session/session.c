/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/session/session.h"

#include "control/control.h"
#include "control/interpreter.h"
#include "control/session/script.h"
#include "util/os_linux.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* Long enough for programs that write a line in pieces, too short to notice at a terminal. */
static const double half_line_pause = 0.02;

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events);
static void on_writable(struct ev_loop *loop, ev_io *watcher, int events);
static void on_scheduled(struct scheduled *scheduled);
static void on_pause(struct ev_loop *loop, ev_timer *watcher, int events);
static void on_stalled(struct ev_loop *loop, ev_timer *watcher, int events);
static void on_event(struct subscriber *subscriber, const char *line, size_t length);
static void on_missed(struct subscriber *subscriber, unsigned count);
static void go_on(struct session *session);
static bool is_tolerated(struct session *session, int error);
static void wait_for_rest(struct session *session);
static bool is_over(const struct session *session);
static bool may_run(const struct session *session);
static bool has_command(const struct session *session);

static void run_from_script(struct session *session);
static void run_from_input(struct session *session);
static bool answer(struct session *session, char *line);
static void finish_command(struct session *session);
static void refuse(struct session *session, int code, const char *why);

static bool put(struct session *session, const char *bytes, size_t length);
static void flush(struct session *session);
static void tell_of_lost_events(struct session *session);
static void watch(struct session *session);
static void set_watcher(struct ev_loop *loop, ev_io *watcher, bool wanted);

bool session_start(struct session *session, struct control *control, int in, int out, bool trusted)
{
    enum output_kind kind = session->controls_daemon ? OUTPUT_OF_STDIN
                            : trusted                ? OUTPUT_OF_OWNER
                                                     : OUTPUT_OF_OTHERS;

    if (!inbox_init(&session->input))
        return false;
    session->caller.control = control;
    session->caller.session = session;
    session->caller.trusted = trusted;
    outbox_init(&session->output, out, &control->output[kind]);
    subscriber_init(&session->subscriber, on_event, on_missed);
    scheduled_init(&session->scheduled, on_scheduled);
    ev_io_init(&session->readable, on_readable, in, EV_READ);
    ev_io_init(&session->writable, on_writable, out, EV_WRITE);
    ev_init(&session->pause, on_pause);
    ev_timer_init(&session->stalled, on_stalled, 0., SESSION_STALLED);
    watch(session);
    return true;
}

void session_stop(struct session *session)
{
    struct control *control = session->caller.control;
    struct ev_loop *loop = control->context.loop;

    events_unsubscribe(&control->events, &session->subscriber);
    script_drop_all(&session->caller);
    outbox_clear(&session->output);
    unschedule(&session->scheduled);
    ev_io_stop(loop, &session->readable);
    ev_io_stop(loop, &session->writable);
    ev_timer_stop(loop, &session->pause);
    ev_timer_stop(loop, &session->stalled);
    inbox_free(&session->input);
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
    watch(session);
}

void session_prompt(struct session *session)
{
    static const char prompt[] = "\nvde$ ";

    session_write(session, prompt, sizeof(prompt) - 1);
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
    ssize_t got = inbox_read(&session->input, watcher->fd);

    (void)events;
    if (got > 0)
        ev_timer_stop(loop, &session->pause);
    else if (got == 0 || !is_tolerated(session, (int)-got))
        inbox_end(&session->input);
    go_on(session);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct session *session = container_of(watcher, struct session, writable);

    (void)loop, (void)events;
    flush(session);
    tell_of_lost_events(session);
    go_on(session);
}

static void on_scheduled(struct scheduled *scheduled)
{
    struct session *session = container_of(scheduled, struct session, scheduled);

    if (may_run(session) && session->caller.script)
        run_from_script(session);
    else if (may_run(session))
        run_from_input(session);
    go_on(session);
}

static void on_pause(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct session *session = container_of(watcher, struct session, pause);
    struct pollfd more = {.fd = session->readable.fd, .events = POLLIN};

    (void)loop, (void)events;
    /* We may be late ourselves, and the rest may be there. */
    if (!session->caller.script && poll(&more, 1, 0) == 0)
        inbox_half_is_whole(&session->input);
    go_on(session);
}

static void on_stalled(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct session *session = container_of(watcher, struct session, stalled);

    (void)loop, (void)events;
    log_say(session->caller.control->context.log, LOG_WARNING,
            "console: the session of %s is ended: its reader has taken nothing for %d s",
            session->caller.who, SESSION_STALLED);
    session->ended(session);
}

/* Events come amid frames: they are written when the loop has the time. */
static void on_event(struct subscriber *subscriber, const char *line, size_t length)
{
    struct session *session = container_of(subscriber, struct session, subscriber);

    if (session->output.length + length > SESSION_EVENTS ||
        !outbox_put(&session->output, line, length))
        session->events_lost++;
    watch(session);
}

static void on_missed(struct subscriber *subscriber, unsigned count)
{
    struct session *session = container_of(subscriber, struct session, subscriber);

    session->events_lost += count;
    watch(session);
}

/* Something has happened: what is next? SESSION may be gone afterwards. */
static void go_on(struct session *session)
{
    struct control *control = session->caller.control;

    if (control->stopping)
        return;
    if (is_over(session)) {
        session->ended(session);
        return;
    }
    if (may_run(session) && has_command(session))
        schedule(&control->scheduler, &session->scheduled);
    else if (may_run(session) && inbox_has_half(&session->input) && !ev_is_active(&session->pause))
        wait_for_rest(session);
    watch(session);
}

/* Is the ERROR of reading not the end? */
static bool is_tolerated(struct session *session, int error)
{
    return error == EAGAIN || error == EINTR ||
           (session->tolerates && session->tolerates(session, error));
}

static void wait_for_rest(struct session *session)
{
    struct ev_loop *loop = session->caller.control->context.loop;

    ev_now_update(loop); /* a command may have taken longer than the pause is */
    ev_timer_set(&session->pause, half_line_pause, 0.);
    ev_timer_start(loop, &session->pause);
}

static bool is_over(const struct session *session)
{
    bool said =
        session->caller.leaving || (inbox_is_over(&session->input) && !session->caller.script);

    return session->broken || (said && (session->output.length == 0 || session->controls_daemon));
}

static bool may_run(const struct session *session)
{
    return !session->broken && !session->caller.leaving &&
           (session->controls_daemon || session->output.length < SESSION_OUTPUT);
}

static bool has_command(const struct session *session)
{
    return session->caller.script || inbox_has_line(&session->input);
}

/* The line stands before the events that it causes, its reply behind them. */
static void run_from_script(struct session *session)
{
    char *line, *text = NULL;
    size_t size = 0;
    FILE *echo;

    line = script_next(&session->caller);
    if (!line) {
        session_write(session, command_success, strlen(command_success)); /* of load */
        finish_command(session);
        return;
    }
    echo = open_memstream(&text, &size);
    if (echo) {
        fprintf(echo, "vde[%s]: ", script_path(&session->caller));
        reply_write_safely(echo, line);
        fputc('\n', echo);
    }
    if (echo && fclose(echo) == 0)
        session_write(session, text, size);
    free(text);
    answer(session, line);
    if (session->caller.leaving)
        finish_command(session);
}

static void run_from_input(struct session *session)
{
    char *line;

    switch (inbox_take(&session->input, &line)) {
    case INBOX_LINE:
        if (answer(session, line))
            finish_command(session);
        else
            refuse(session, ENOMEM, "no memory for the reply");
        break;
    case INBOX_TOO_LONG:
        refuse(session, E2BIG, "a line has at most 32767 bytes");
        break;
    case INBOX_NUL:
        refuse(session, EINVAL, "a NUL byte in a line");
        break;
    case INBOX_NOTHING:
        break;
    }
}

/* Return: false if there is no memory for what LINE has to say. */
static bool answer(struct session *session, char *line)
{
    char *reply = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&reply, &size);
    struct error err;
    bool whole;

    if (!out)
        return false;
    command_run(&session->caller, line, out, &err);
    events_deliver(
        &session->caller.control->events); /* those that it caused come before its reply */
    if (session->caller.leaving && !session->controls_daemon)
        fputs("9999 END OF SESSION", out);
    whole = fclose(out) == 0;
    if (whole)
        session_write(session, reply, size);
    free(reply);
    return whole;
}

/* The prompt comes when a command has said all, which load has when its script is done. */
static void finish_command(struct session *session)
{
    if (session->caller.leaving)
        script_drop_all(&session->caller);
    if (session->controls_daemon && session->caller.leaving)
        session->caller.leaving = false; /* it leaves by its end of input alone */
    else if (!session->caller.leaving && !session->caller.script)
        session_prompt(session);
}

static void refuse(struct session *session, int code, const char *why)
{
    char text[COMMAND_FAILURE];
    struct error err;
    int status = error_set(&err, code, "%s", why);

    session_write(session, text, command_failure(status, &err, text));
    session_prompt(session);
}

/* A session whose output finds no room is ended; of one that controls the daemon the output is dropped. */
static bool put(struct session *session, const char *bytes, size_t length)
{
    if (session->broken)
        return false;
    if (outbox_put(&session->output, bytes, length))
        return true;
    session->broken = !session->controls_daemon;
    if (session->broken)
        outbox_clear(&session->output);
    return false;
}

static void flush(struct session *session)
{
    int status = outbox_flush(&session->output);

    if (status == 0) /* somebody reads */
        ev_timer_stop(session->caller.control->context.loop, &session->stalled);
    else if (status != -EAGAIN) /* nobody does any more */
        session->broken = !session->controls_daemon;
}

static void tell_of_lost_events(struct session *session)
{
    char line[64];
    int length;

    if (session->events_lost == 0 || session->output.length > 0)
        return;
    length = snprintf(line, sizeof(line), "3001 debug/lost %u\n", session->events_lost);
    session->events_lost = 0;
    session_write(session, line, (size_t)length);
}

static void watch(struct session *session)
{
    struct ev_loop *loop = session->caller.control->context.loop;

    set_watcher(loop, &session->readable,
                !session->input.at_end && !session->asleep && may_run(session) &&
                    !inbox_is_full(&session->input));
    set_watcher(loop, &session->writable,
                session->output.length > 0 || session->events_lost > 0 || session->broken);
    if (session->output.length == 0 || session->controls_daemon)
        ev_timer_stop(loop, &session->stalled);
    else if (!ev_is_active(&session->stalled))
        ev_timer_again(loop, &session->stalled);
}

static void set_watcher(struct ev_loop *loop, ev_io *watcher, bool wanted)
{
    if (wanted)
        ev_io_start(loop, watcher);
    else
        ev_io_stop(loop, watcher);
}
