/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * general_commands.c - help, what the switch is, where it is, and whether its books balance
 */
#include "control/command.h"
#include "ports/switch_dir.h"
#include "util/os_linux.h"
#include "util/text.h"

#include <string.h>
#include <unistd.h>

static int ds_showinfo(struct program *program, const char *argument, FILE *out);
static int help(struct program *program, const char *argument, FILE *out);
static int shutdown_switch(struct program *program, const char *argument, FILE *out);
static int showinfo(struct program *program, const char *argument, FILE *out);
static int frame_balance(struct program *program, const char *argument, FILE *out);

const struct command general_commands[] = {
    {"ds", COMMAND_MENU, "DATA SOCKET MENU", false, NULL},
    {"ds/showinfo", "", "show ds info", true, ds_showinfo},
    {"help", "[arg]", "Help (limited to arg when specified)", true, help},
    {"shutdown", "", "shutdown of the switch", false, shutdown_switch},
    {"showinfo", "", "show switch version and info", true, showinfo},
    {"frame", COMMAND_MENU, "FRAME MENU", false, NULL},
    {"frame/balance", "", "frames received, resolved, dropped, handed over", true, frame_balance},
    {0},
};

static int ds_showinfo(struct program *program, const char *argument, FILE *out)
{
    const struct switch_dir *dir = program->runtime.dir;

    (void)argument;
    fprintf(out, "ctl dir %s\nstd mode 0%03o\n", dir->sockets.path, (unsigned)dir->mode);
    return 0;
}

static int help(struct program *program, const char *argument, FILE *out)
{
    (void)program;
    fprintf(out, "%-18s %-15s %s\n", "COMMAND PATH", "SYNTAX", "HELP");
    fprintf(out, "%-18s %-15s %s\n", "------------", "--------------", "------------");
    for (unsigned part = 0; command_table[part]; part++) {
        for (const struct command *command = command_table[part]; command->path; command++) {
            if (!strncmp(command->path, argument, strlen(argument)))
                fprintf(out, "%-18s %-15s %s\n", command->path, command->syntax, command->help);
        }
    }
    return 0;
}

static int shutdown_switch(struct program *program, const char *argument, FILE *out)
{
    (void)argument, (void)out;
    program_stop(program);
    return 0;
}

static int showinfo(struct program *program, const char *argument, FILE *out)
{
    char mac[MAC_TEXT];

    (void)argument;
    fprintf(out, "VDE switch V.%s\nvswitchd %s, GPL-2.0-or-later\n\npid %d MAC %s uptime %llu\n",
            VDE_VERSION, VSW_VERSION, (int)getpid(),
            text_from_mac(program->runtime.sw->config.mac, mac),
            (unsigned long long)((os_now() - program->started) / SECOND));
    return 0;
}

static int frame_balance(struct program *program, const char *argument, FILE *out)
{
    const struct balance *balance = &program->runtime.sw->balance;
    const struct {
        const char *name;
        uint64_t value;
    } row[] = {
        {"received", balance->received},
        {"resolved", balance->resolved},
        {"ingress_drops", balance->ingress_drops},
        {"unheard", balance->unheard},
        {"copies", balance->copies},
        {"handed", balance->handed},
        {"egress_drops", balance->egress_drops},
        {"queued", balance->queued},
    };

    (void)argument;
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
        fprintf(out, "%s %llu\n", row[i].name, (unsigned long long)row[i].value);
    return 0;
}
