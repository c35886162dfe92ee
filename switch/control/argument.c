/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control/argument.h"

#include "ports/spec.h"
#include "util/text.h"
#include "util/user_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The values of a command's parameters, by place; NULL where there is none. */
struct placed {
    const char *value[ARGUMENTS];
    const char *surplus; /* the first by place that there is no parameter for */
    bool by_name;        /* some were given by name */
    unsigned keys;       /* that go to the SPEC or KEYS */
};

static unsigned split_by_place(const struct parameter *parameters, char *text,
                               struct given given[GIVEN_MAX]);
static unsigned split_by_name(const struct parameter *parameters, char *text,
                              struct given given[GIVEN_MAX]);
static char *next_word(char **rest);
static char *next_text(char **rest);
static int place(const struct parameter *parameters, const struct given *given,
                 struct placed *placed, struct error *err);
static int place_by_name(const struct parameter *parameters, const struct given *given,
                         struct placed *placed, struct error *err);
static int refuse_name(const struct parameter *parameters, const char *name, struct error *err);
static int find(const struct parameter *parameters, const char *name, size_t length);
static int find_collector(const struct parameter *parameters);
static int collect(const struct parameter *parameters, const struct given given[], unsigned count,
                   struct placed *placed, struct argument arguments[ARGUMENTS], struct error *err);
static int read_argument(const struct vswitch *sw, const struct parameter *parameter,
                         const char *label, const char *word, struct argument *argument,
                         struct error *err);
static bool is_text(enum argument_type type);
static int read_number(const char *label, const char *word, unsigned long max, unsigned *number,
                       struct error *err);
static int read_port(const struct vswitch *sw, const char *word, struct port **port,
                     struct error *err);
static int read_vlan(const struct vswitch *sw, const char *label, const char *word, unsigned *vid,
                     struct error *err);
static int read_id(enum argument_type type, const char *word, id_t *id, struct error *err);

unsigned arguments_split(const struct parameter *parameters, char *line,
                         struct given given[GIVEN_MAX])
{
    size_t length;

    line += strspn(line, " \t");
    length = strcspn(line, "= \t");
    return line[length] == '=' && find(parameters, line, length) >= 0
               ? split_by_name(parameters, line, given)
               : split_by_place(parameters, line, given);
}

/* As in VDE, a malformed argument is told before one that names what is not there, whichever comes first; and what is too
 * much comes last. */
int arguments_read(const struct vswitch *sw, const struct parameter *parameters,
                   const struct given given[], unsigned count, struct argument arguments[ARGUMENTS],
                   struct error *err)
{
    struct placed placed = {0};
    char shown[ARGUMENT_SHOWN];
    struct error other;
    int status = 0;

    memset(arguments, 0, ARGUMENTS * sizeof(*arguments));
    for (unsigned i = 0; i < count && status == 0; i++)
        status = place(parameters, &given[i], &placed, err);
    if (status == 0 && placed.keys > 0)
        status = collect(parameters, given, count, &placed, arguments, err);
    if (status < 0)
        return status;
    for (unsigned i = 0; parameters && parameters[i].name; i++) {
        const char *label = placed.by_name ? parameters[i].name : parameters[i].shown;
        int found;

        if (!placed.value[i] && parameters[i].optional)
            continue;
        arguments[i].given = true;
        found = read_argument(sw, &parameters[i], label, placed.value[i], &arguments[i],
                              status < 0 ? &other : err);
        if (found == -ENXIO)
            status = found;
        else if (found < 0) {
            if (status < 0)
                *err = other;
            return found;
        }
    }
    if (placed.surplus)
        return error_set(err, EINVAL, "\"%s\" is too much", argument_shown(placed.surplus, shown));
    return status;
}

void arguments_clear(struct argument arguments[ARGUMENTS])
{
    for (unsigned i = 0; i < ARGUMENTS; i++)
        free(arguments[i].collected);
}

const char *argument_shown(const char *text, char shown[ARGUMENT_SHOWN])
{
    static const char cut[] = "...";

    if (!text_escape(shown, ARGUMENT_SHOWN - sizeof(cut), text, strlen(text)))
        strcat(shown, cut);
    return shown;
}

static unsigned split_by_place(const struct parameter *parameters, char *text,
                               struct given given[GIVEN_MAX])
{
    unsigned count = 0;

    for (; *text && parameters && parameters->name; parameters++) {
        bool to_end = parameters->type == ARGUMENT_TEXT || parameters->type == ARGUMENT_SPEC ||
                      parameters->type == ARGUMENT_KEYS;

        given[count++] = (struct given){.value = to_end ? next_text(&text) : next_word(&text)};
        text += strspn(text, " \t");
    }
    if (count > 0 && *text)
        given[count++] = (struct given){.value = text};
    return count;
}

/* A word that is no NAME=VALUE, and what is left when GIVEN is full, is given by place, which will be refused. */
static unsigned split_by_name(const struct parameter *parameters, char *text,
                              struct given given[GIVEN_MAX])
{
    unsigned count = 0;

    for (; *text && count < GIVEN_MAX - 1; text += strspn(text, " \t")) {
        size_t length = strcspn(text, "= \t");
        int found = find(parameters, text, length);
        bool to_end = found >= 0 && parameters[found].type == ARGUMENT_TEXT;
        struct given *next = &given[count++];

        next->name = NULL;
        if (text[length] == '=') {
            next->name = text;
            text[length] = '\0';
            text += length + 1;
        }
        next->value = to_end ? next_text(&text) : next_word(&text);
    }
    if (*text)
        given[count++] = (struct given){.value = text};
    return count;
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

static int place(const struct parameter *parameters, const struct given *given,
                 struct placed *placed, struct error *err)
{
    char shown[ARGUMENT_SHOWN];
    unsigned next = 0;

    if (given->name)
        return place_by_name(parameters, given, placed, err);
    if (placed->by_name)
        return error_set(err, EINVAL, "\"%s\" is not NAME=VALUE, as those before it are",
                         argument_shown(given->value, shown));
    while (parameters && parameters[next].name && placed->value[next])
        next++;
    if (parameters && parameters[next].name)
        placed->value[next] = given->value;
    else if (!placed->surplus)
        placed->surplus = given->value;
    return 0;
}

static int place_by_name(const struct parameter *parameters, const struct given *given,
                         struct placed *placed, struct error *err)
{
    int found = find(parameters, given->name, strlen(given->name));

    placed->by_name = true;
    if (found < 0 && find_collector(parameters) >= 0 && !strpbrk(given->name, ",=")) {
        placed->keys++;
        return 0;
    }
    if (found < 0)
        return refuse_name(parameters, given->name, err);
    if (placed->value[found])
        return error_set(err, EINVAL, "argument \"%s\" is given twice", parameters[found].name);
    placed->value[found] = given->value;
    return 0;
}

static int refuse_name(const struct parameter *parameters, const char *name, struct error *err)
{
    char shown[ARGUMENT_SHOWN], names[256] = "none";

    for (unsigned i = 0; parameters && parameters[i].name; i++) {
        if (i == 0)
            *names = '\0';
        text_append(names, sizeof(names), "%s%s", i > 0 ? ", " : "", parameters[i].name);
    }
    return error_set(err, EINVAL, "unknown argument \"%s\"; known are: %s",
                     argument_shown(name, shown), names);
}

/* Return: the place of the parameter that the LENGTH characters at NAME name, or -1. */
static int find(const struct parameter *parameters, const char *name, size_t length)
{
    for (int i = 0; parameters && parameters[i].name; i++) {
        if (!strncmp(parameters[i].name, name, length) && !parameters[i].name[length])
            return i;
    }
    return -1;
}

/* Return: the place of the parameter that keys are collected in, or -1. */
static int find_collector(const struct parameter *parameters)
{
    for (int i = 0; parameters && parameters[i].name; i++) {
        if (parameters[i].type == ARGUMENT_SPEC || parameters[i].type == ARGUMENT_KEYS)
            return i;
    }
    return -1;
}

/* Writes the keys that were given one by one behind what the SPEC or KEYS was given. */
static int collect(const struct parameter *parameters, const struct given given[], unsigned count,
                   struct placed *placed, struct argument arguments[ARGUMENTS], struct error *err)
{
    int at = find_collector(parameters);
    const char *begun = placed->value[at] ? placed->value[at] : "";
    size_t size = strlen(begun) + 1;
    char *text, *end;

    if (!*begun && parameters[at].type == ARGUMENT_SPEC)
        return 0; /* without its type, which will be missed */
    for (unsigned i = 0; i < count; i++)
        size += given[i].name ? strlen(given[i].name) + 2 * strlen(given[i].value) + 2 : 0;
    text = malloc(size);
    if (!text)
        return error_no_memory(err);
    end = stpcpy(text, begun);
    for (unsigned i = 0; i < count; i++) {
        if (given[i].name && find(parameters, given[i].name, strlen(given[i].name)) < 0)
            end = spec_add(end, given[i].name, given[i].value);
    }
    arguments[at].collected = text;
    placed->value[at] = text + (*begun == '\0'); /* no comma in front of the first */
    return 0;
}

static int read_argument(const struct vswitch *sw, const struct parameter *parameter,
                         const char *label, const char *word, struct argument *argument,
                         struct error *err)
{
    char shown[ARGUMENT_SHOWN];

    if (!word || (!*word && !is_text(parameter->type)))
        return error_set(err, EINVAL, "%s is missing", label);
    switch (parameter->type) {
    case ARGUMENT_NUMBER:
        return read_number(label, word, INT32_MAX, &argument->number, err);
    case ARGUMENT_FLAG:
        return read_number(label, word, 1, &argument->number, err);
    case ARGUMENT_PORT:
        return read_port(sw, word, &argument->port, err);
    case ARGUMENT_PORT_NUMBER:
        return read_number(label, word, sw->config.ports, &argument->number, err);
    case ARGUMENT_VLAN:
        return read_vlan(sw, label, word, &argument->number, err);
    case ARGUMENT_VID:
        return read_number(label, word, VID_NONE, &argument->number, err);
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
    case ARGUMENT_SPEC:
    case ARGUMENT_KEYS:
        argument->text = word;
        return 0;
    }
    return -EINVAL;
}

/* May it be empty? By place none is, but by name. */
static bool is_text(enum argument_type type)
{
    return type == ARGUMENT_WORD || type == ARGUMENT_TEXT || type == ARGUMENT_KEYS;
}

static int read_number(const char *label, const char *word, unsigned long max, unsigned *number,
                       struct error *err)
{
    unsigned long value;
    char shown[ARGUMENT_SHOWN];

    if (!text_to_hex(word, max, &value) && !text_to_number(word, max, &value))
        return error_set(err, EINVAL, "%s \"%s\" is not a number from 0 to %lu", label,
                         argument_shown(word, shown), max);
    *number = (unsigned)value;
    return 0;
}

static int read_port(const struct vswitch *sw, const char *word, struct port **port,
                     struct error *err)
{
    char shown[ARGUMENT_SHOWN];
    unsigned number;
    struct error ignored;

    *port = port_named(sw, word);
    if (*port)
        return 0;
    if (word[strspn(word, "0123456789")] == '\0' || !strncmp(word, "0x", 2)) {
        int status = read_number("port", word, sw->config.ports, &number, &ignored);

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

static int read_vlan(const struct vswitch *sw, const char *label, const char *word, unsigned *vid,
                     struct error *err)
{
    int status = read_number(label, word, VID_MAX, vid, err);

    if (status == 0 && !vlan_exists(&sw->vlans, *vid))
        return error_set(err, ENXIO, "there is no VLAN %u; vlan/create makes it", *vid);
    return status;
}

static int read_id(enum argument_type type, const char *word, id_t *id, struct error *err)
{
    char shown[ARGUMENT_SHOWN];

    if (!strcmp(word, "NONE") || !strcmp(word, "ANY"))
        *id = (id_t)-1;
    else if (type == ARGUMENT_USER ? !user_find(word, id) : !group_find(word, id))
        return error_set(err, EINVAL, "there is no %s \"%s\" on this system",
                         type == ARGUMENT_USER ? "user" : "group", argument_shown(word, shown));
    return 0;
}
