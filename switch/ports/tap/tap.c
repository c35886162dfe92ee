/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/tap/tap.h"

#include "ports/io/fd_endpoint.h"
#include "ports/io/tap_holders.h"
#include "ports/io/vnet.h"
#include "ports/spec.h"
#include "util/os_linux.h"
#include "util/text.h"

#include <errno.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

struct tap {
    struct fd_endpoint base;
    char shown[4 * IFNAMSIZ]; /* its name, escaped */
};

static int tap_check(const struct port_spec *spec, struct error *err);
static bool tap_keys_of(struct context *context, const struct port *port, char own[SPEC_OWN]);
static int tap_open(struct context *context, const struct port_spec *spec, struct port *port,
                    struct error *err);
static int tap_rx(struct endpoint *endpoint, struct batch *batch);
static int tap_tx(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);
static void tap_lost(struct endpoint *endpoint, int error);
static void tap_offload_changed(struct endpoint *endpoint);
static void tap_close(struct endpoint *endpoint);

static unsigned tap_set_offload(int fd, bool wanted);
static int tap_attach_interface(char ifname[IFNAMSIZ], struct error *err);
static int explain(int code, const char *ifname, struct error *err);
static int explain_holder(const char *shown, struct error *err);
static void record_holder(void *context, const struct tap_holder *holder);
static int explain_privilege(const char *ifname, const char *shown, struct error *err);

static const struct port_key tap_keys[] = {
    {"ifname", KEY_TEXT, "TAP", "the interface, which is created if there is none",
     .restricted = true},
    {0},
};

static const struct port_option tap_option = {
    .letter = 't',
    .name = "tap",
    .argument = "IF",
    .key = "ifname",
    .help = "plug in the TAP interface IF, creating it if need be",
};

const struct port_type tap_type = {
    .name = "tap",
    .help = "a TAP interface of this host",
    .keys = tap_keys,
    .option = &tap_option,
    .check = tap_check,
    .keys_of = tap_keys_of,
    .open = tap_open,
};

static const struct endpoint_ops tap_ops = {
    .type = "tap",
    .module = "tuntap",
    .rx = tap_rx,
    .tx = tap_tx,
    .wait_writable = fd_endpoint_wait_writable,
    .offload_changed = tap_offload_changed,
    .lost = tap_lost,
    .close = tap_close,
};

static int tap_check(const struct port_spec *spec, struct error *err)
{
    return spec_check_ifname(spec, "the name of the TAP interface", err);
}

/* The kernel chose the name (tap%d is a pattern), or the interface was renamed. */
static bool tap_keys_of(struct context *context, const struct port *port, char own[SPEC_OWN])
{
    (void)context;
    list_for_each (node, &port->endpoints) {
        struct endpoint *endpoint = container_of(node, struct endpoint, node);
        struct ifreq present;

        if (endpoint->ops != &tap_ops ||
            ioctl(fd_endpoint_fd(fd_endpoint_of(endpoint)), TUNGETIFF, &present) < 0)
            continue;
        spec_add(own, "ifname", present.ifr_name);
        return true;
    }
    return false;
}

static int tap_open(struct context *context, const struct port_spec *spec, struct port *port,
                    struct error *err)
{
    char ifname[IFNAMSIZ];
    struct tap *tap;
    int fd, status;

    tap = calloc(1, sizeof(*tap));
    if (!tap)
        return error_no_memory(err);
    text_copy(ifname, sizeof(ifname), spec_value(spec, "ifname"));
    fd = tap_attach_interface(ifname, err);
    if (fd < 0) {
        free(tap);
        return fd;
    }
    fd_endpoint_init(&tap->base, context, &tap_ops, fd, fd);
    text_escape(tap->shown, sizeof(tap->shown), ifname, strlen(ifname));
    tap->base.endpoint.id = fd;
    fd_endpoint_belongs_to(&tap->base, (uid_t)-1, getpid());
    tap->base.endpoint.offloads = tap_set_offload(fd, port->config.offload);
    status = fd_endpoint_attach(&tap->base, port, err);
    if (status < 0) {
        free(tap);
        close(fd);
        return status;
    }
    endpoint_describe(&tap->base.endpoint, ifname, strlen(ifname));
    return 0;
}

/* The TAP driver offers one read per frame, but one wake may bring many; of GSO frames,
 * BATCH_BYTES. */
static int tap_rx(struct endpoint *endpoint, struct batch *batch)
{
    uint8_t(*buffer)[BATCH_BUFFER] = endpoint->worker->buffer;
    int fd = fd_endpoint_fd(fd_endpoint_of(endpoint));
    int count = 0;

    for (ssize_t bytes = 0; count < BATCH_FRAMES && bytes < BATCH_BYTES; count++) {
        struct frame *frame = &batch->frame[count];
        struct virtio_net_hdr header;
        struct iovec iov[] = {{&header, sizeof(header)}, {buffer[count], BATCH_BUFFER}};
        ssize_t length = readv(fd, iov, 2);

        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (length < 0)
            return count > 0 ? count : -errno;
        /* The driver truncates to the buffer, which exceeds any frame that passes the core. */
        frame_init(frame, buffer[count], (uint32_t)(length - (ssize_t)sizeof(header)));
        vnet_read(&header, &frame->offload);
        bytes += length;
    }
    return count;
}

static int tap_tx(struct endpoint *core, const struct tx_desc *descs, unsigned count)
{
    int fd = fd_endpoint_fd(fd_endpoint_of(core)), status = 0;
    unsigned sent = 0;

    while (sent < count && (status = vnet_send(fd, &descs[sent])) == 0)
        sent++;
    return sent > 0 ? (int)sent : status;
}

/* The interface was deleted: its descriptor reads EBADFD forever. */
static void tap_lost(struct endpoint *endpoint, int error)
{
    struct tap *tap = container_of(endpoint, struct tap, base.endpoint);
    struct context *context = tap->base.context;
    char label[PORT_LABEL];

    log_limited(context->log, &context->failing, os_now(), LOG_WARNING,
                "%s: TAP %s is gone (%s); the port waits for another endpoint",
                port_label(endpoint->port, label), tap->shown,
                error == EBADFD ? "interface deleted" : strerror(error));
    tap_close(endpoint);
}

static void tap_offload_changed(struct endpoint *core)
{
    core->offloads =
        tap_set_offload(fd_endpoint_fd(fd_endpoint_of(core)), core->port->config.offload);
}

static void tap_close(struct endpoint *core)
{
    struct tap *tap = container_of(core, struct tap, base.endpoint);

    fd_endpoint_detach(&tap->base);
    close(fd_endpoint_fd(&tap->base));
    free(tap);
}

/* Sets which offloads the kernel may leave to the switch. An interface that outlives its users
 * keeps the last setting.
 * Return: OFFLOAD_*: what the kernel takes from the switch, more than it must be told about. */
static unsigned tap_set_offload(int fd, bool wanted)
{
    unsigned long offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

    if (!wanted) {
        ioctl(fd, TUNSETOFFLOAD, 0);
        return 0;
    }
    /* UDP since Linux 6.2 */
    if (ioctl(fd, TUNSETOFFLOAD, offload | TUN_F_USO4 | TUN_F_USO6) == 0)
        return VNET_OFFLOADS | OFFLOAD_USO;
    return ioctl(fd, TUNSETOFFLOAD, offload) == 0 ? VNET_OFFLOADS : 0;
}

/* Return: a descriptor, or -errno and sets ERR. IFNAME receives the name that the kernel chose
 * (tap%d is a pattern). */
static int tap_attach_interface(char ifname[IFNAMSIZ], struct error *err)
{
    int fd = vnet_open_tap(ifname);

    if (fd == VNET_NO_DRIVER)
        return error_set(err, errno, "cannot open /dev/net/tun: %s%s", strerror(errno),
                         errno == ENOENT || errno == ENODEV || errno == ENXIO
                             ? "; the kernel's TAP driver is missing (modprobe tun)"
                             : "");
    return fd < 0 ? explain(-fd, ifname, err) : fd;
}

static int explain(int code, const char *ifname, struct error *err)
{
    char shown[4 * IFNAMSIZ];

    text_escape(shown, sizeof(shown), ifname, strlen(ifname));
    switch (code) {
    case EPERM:
        return explain_privilege(ifname, shown, err);
    case EBUSY:
        return explain_holder(shown, err);
    case EINVAL:
        return error_set(err, code,
                         "cannot attach to %s: it exists and is not a plain TAP interface, or the "
                         "name is not valid",
                         shown);
    default:
        return error_set(err, code, "cannot attach to TAP %s: %s", shown, strerror(code));
    }
}

struct search {
    const char *ifname; /* escaped */
    struct tap_holder found;
};

/* Names the process that has the interface open, if /proc shows it. */
static int explain_holder(const char *shown, struct error *err)
{
    struct search search = {.ifname = shown};

    tap_holders_each(record_holder, &search);
    if (search.found.process == 0)
        return error_set(err, EBUSY, "cannot attach to TAP %s: another program holds it", shown);
    return error_set(err, EBUSY, "cannot attach to TAP %s: process %d (%s) holds it", shown,
                     (int)search.found.process, search.found.program);
}

static void record_holder(void *context, const struct tap_holder *holder)
{
    struct search *search = context;

    if (!strcmp(holder->ifname, search->ifname))
        search->found = *holder;
}

/* Names both remedies, ready to be pasted. */
static int explain_privilege(const char *ifname, const char *shown, struct error *err)
{
    const struct passwd *user = getpwuid(geteuid());
    char program[PATH_MAX];

    os_program_path(program, sizeof(program));
    return error_set(err, EPERM,
                     "cannot %s TAP %s: CAP_NET_ADMIN is missing. Either make it once as root:  "
                     "ip tuntap add dev %s mode tap user %s && ip link set %s up\n"
                     "          or allow the program to:  setcap cap_net_admin+ep %.150s",
                     if_nametoindex(ifname) ? "attach to" : "create", shown, shown,
                     user ? user->pw_name : "$USER", shown, program);
}
