/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/argument.h"

#include "util/text.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

static char *next_word(char **rest);
static char *next_text(char **rest);
static int read_argument(const struct vswitch *sw, const struct parameter *parameter,
                         const char *word, struct argument *argument, struct error *err);
static int read_number(const struct parameter *parameter, const char *word, unsigned long max,
                       unsigned *number, struct error *err);
static int read_port(const struct vswitch *sw, const struct parameter *parameter, const char *word,
                     struct port **port, struct error *err);
static int read_vlan(const struct vswitch *sw, const struct parameter *parameter, const char *word,
                     unsigned *vid, struct error *err);
static int read_id(enum argument_type type, const char *word, id_t *id, struct error *err);

/* As in VDE, a malformed argument is told before one that names what is not there, whichever comes first. */
int arguments_read(const struct vswitch *sw, const struct parameter *parameters, char *text,
                   struct argument arguments[ARGUMENTS], struct error *err)
{
    char shown[ARGUMENT_SHOWN];
    struct error other;
    int status = 0;

    memset(arguments, 0, ARGUMENTS * sizeof(*arguments));
    for (; parameters && parameters->name; parameters++, arguments++) {
        const char *word;
        int found;

        text += strspn(text, " \t");
        if (!*text && parameters->optional)
            continue;
        if (!*text)
            return error_set(err, EINVAL, "%s is missing", parameters->name);
        word = parameters->type == ARGUMENT_TEXT ? next_text(&text) : next_word(&text);
        arguments->given = true;
        found = read_argument(sw, parameters, word, arguments, status < 0 ? &other : err);
        if (found == -ENXIO)
            status = found;
        else if (found < 0) {
            if (status < 0)
                *err = other;
            return found;
        }
        if (!parameters[1].name && text[strspn(text, " \t")])
            return error_set(err, EINVAL, "\"%s\" is too much",
                             argument_shown(text + strspn(text, " \t"), shown));
    }
    return status;
}

const char *argument_shown(const char *text, char shown[ARGUMENT_SHOWN])
{
    static const char cut[] = "...";

    if (!text_escape(shown, ARGUMENT_SHOWN - sizeof(cut), text, strlen(text)))
        strcat(shown, cut);
    return shown;
}

/* Cuts the first word off *REST. */
static char *next_word(char **rest)
{
    char *word = *rest;

    *rest += strcspn(word, " \t");
    if (**rest)
        *(*rest)++ = '\0';
    return word;
}

/* All of *REST but blanks at its end, which vdeterm leaves there. */
static char *next_text(char **rest)
{
    char *text = *rest, *end = text + strlen(text);

    while (end > text && strchr(" \t", end[-1]))
        *--end = '\0';
    *rest = end;
    return text;
}

static int read_argument(const struct vswitch *sw, const struct parameter *parameter,
                         const char *word, struct argument *argument, struct error *err)
{
    char shown[ARGUMENT_SHOWN];

    switch (parameter->type) {
    case ARGUMENT_NUMBER:
        return read_number(parameter, word, INT32_MAX, &argument->number, err);
    case ARGUMENT_FLAG:
        return read_number(parameter, word, 1, &argument->number, err);
    case ARGUMENT_PORT:
        return read_port(sw, parameter, word, &argument->port, err);
    case ARGUMENT_PORT_NUMBER:
        return read_number(parameter, word, sw->config.ports, &argument->number, err);
    case ARGUMENT_VLAN:
        return read_vlan(sw, parameter, word, &argument->number, err);
    case ARGUMENT_VID:
        return read_number(parameter, word, VID_NONE, &argument->number, err);
    case ARGUMENT_MAC:
        return text_to_mac(word, argument->mac)
                   ? 0
                   : error_set(err, EINVAL, "\"%s\" is not an address like 52:54:00:12:34:56",
                               argument_shown(word, shown));
    case ARGUMENT_USER:
    case ARGUMENT_GROUP:
        return read_id(parameter->type, word, &argument->id, err);
    case ARGUMENT_WORD:
    case ARGUMENT_TEXT:
        argument->text = word;
        return 0;
    }
    return -EINVAL;
}

static int read_number(const struct parameter *parameter, const char *word, unsigned long max,
                       unsigned *number, struct error *err)
{
    unsigned long value;
    char shown[ARGUMENT_SHOWN];

    if (!text_to_hex(word, max, &value) && !text_to_number(word, max, &value))
        return error_set(err, EINVAL, "%s \"%s\" is not a number from 0 to %lu", parameter->name,
                         argument_shown(word, shown), max);
    *number = (unsigned)value;
    return 0;
}

static int read_port(const struct vswitch *sw, const struct parameter *parameter, const char *word,
                     struct port **port, struct error *err)
{
    char shown[ARGUMENT_SHOWN];
    unsigned number;
    struct error ignored;

    *port = port_named(sw, word);
    if (*port)
        return 0;
    if (word[strspn(word, "0123456789")] == '\0' || !strncmp(word, "0x", 2)) {
        int status = read_number(parameter, word, sw->config.ports, &number, &ignored);

        if (status < 0)
            return error_set(err, EINVAL, "port \"%s\" is out of range: this switch has 0 to %u",
                             argument_shown(word, shown), sw->config.ports);
        *port = switch_port(sw, number);
        return *port ? 0 : error_set(err, ENXIO, "there is no port %u", number);
    }
    if (word[strspn(word, PORT_NAME_CHARACTERS)] == '\0' && !strchr("-_.", *word))
        return error_set(err, ENXIO, "no port is called \"%s\"", argument_shown(word, shown));
    return error_set(err, EINVAL, "\"%s\" is neither the number nor the name of a port",
                     argument_shown(word, shown));
}

static int read_vlan(const struct vswitch *sw, const struct parameter *parameter, const char *word,
                     unsigned *vid, struct error *err)
{
    int status = read_number(parameter, word, VID_MAX, vid, err);

    if (status == 0 && !vlan_exists(&sw->vlans, *vid))
        return error_set(err, ENXIO, "there is no VLAN %u; vlan/create makes it", *vid);
    return status;
}

/* A look-up by name may take a while: it is the last resort. */
static int read_id(enum argument_type type, const char *word, id_t *id, struct error *err)
{
    const struct passwd *user;
    const struct group *group;
    char shown[ARGUMENT_SHOWN];
    unsigned long number;

    if (!strcmp(word, "NONE") || !strcmp(word, "ANY"))
        *id = (id_t)-1;
    else if (text_to_number(word, UINT32_MAX - 1, &number))
        *id = (id_t)number;
    else if (type == ARGUMENT_USER && (user = getpwnam(word)))
        *id = user->pw_uid;
    else if (type == ARGUMENT_GROUP && (group = getgrnam(word)))
        *id = group->gr_gid;
    else
        return error_set(err, EINVAL, "there is no %s \"%s\" on this system",
                         type == ARGUMENT_USER ? "user" : "group", argument_shown(word, shown));
    return 0;
}
