/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * uplink.c - an interface of this host as a port: it keeps its addresses, and the host stays
 * connected
 *
 * Theory of operation. A packet socket in promiscuous mode receives what the wire brings for the
 * guests, and what the host sends to them, and sends the guests' frames to the wire (socket.c).
 * Their frames to the host go in by a helper TAP (host.c). A socket filter keeps the host's own
 * traffic in the kernel (filter.c).
 *
 * The port follows its interface by index: rtnetlink reports a new name, address, MTU or state.
 * When the interface goes, the endpoint goes; it is recreated with the next interface of that name.
 * Nothing that the port sets up outlives its descriptors.
 */
#include "ports/uplink/uplink.h"

#include "ports/io/fd_endpoint.h"
#include "ports/port_log.h"
#include "ports/ports.h"
#include "ports/uplink/filter.h"
#include "ports/uplink/host.h"
#include "ports/uplink/socket.h"
#include "util/os_linux.h"
#include "util/text.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct uplink_service {
    struct service service;
    struct context *context;
    struct list uplinks;
    struct mnl_socket *nl;    /* NULL until there is an uplink */
    struct mnl_socket *watch; /* the same */
    ev_io changed;
};

struct uplink {
    struct list node; /* in service->uplinks */
    struct uplink_service *service;
    struct port *port;
    char ifname[IFNAMSIZ]; /* as given, or the new name if it was renamed */
    bool joins_host;
    bool attached; /* base, link, host and vector are in use */
    struct fd_endpoint base;
    struct link link;
    struct host_way host;
    struct packet_vector vector;
    struct filter filter;
    struct port_logger logger;
    struct deferred gso_refused; /* logs that the interface refused a GSO frame */
};

static int uplink_check(const struct port_spec *spec, struct error *err);
static bool uplink_keys_of(struct context *context, const struct port *port, char own[SPEC_OWN]);
static int uplink_start(struct context *context, struct service **service, struct error *err);
static void uplink_stop(struct service *service);
static int uplink_open(struct context *context, const struct port_spec *spec, struct port *port,
                       struct error *err);
static void uplink_forget(struct context *context, struct port *port);

static int uplink_rx(struct endpoint *endpoint, struct batch *batch);
static int uplink_tx(struct endpoint *endpoint, const struct tx_desc *descs, unsigned count);
static void uplink_lost(struct endpoint *endpoint, int error);
static void uplink_offload_changed(struct endpoint *endpoint);
static void uplink_close(struct endpoint *endpoint);

static struct uplink_service *service_of(const struct context *context);
static int watch_links(struct uplink_service *service, struct error *err);
static int check_link(const struct uplink_service *service, const struct link *link,
                      struct error *err);
static int uplink_attach(struct uplink *uplink, const struct link *link, struct error *err);
static void uplink_set_name(struct uplink *uplink, const char *name);
static int uplink_open_descriptors(struct uplink *uplink, struct error *err);
static void uplink_detach(struct uplink *uplink);
static void uplink_destroy(struct uplink *uplink);
static void on_links_changed(struct ev_loop *loop, ev_io *watcher, int events);
static void uplink_refresh(struct uplink *uplink);
static void uplink_follow(struct uplink *uplink, const struct link *now);
static void uplink_follow_host(struct uplink *uplink);
static void uplink_set_link(struct uplink *uplink, const struct link *link);
static void uplink_describe(struct uplink *uplink);
static bool uplink_is_for_host(const struct uplink *uplink, const struct tx_desc *desc);
static int uplink_send_to_host(struct uplink *uplink, const struct tx_desc *descs, unsigned count);
static int uplink_send_to_wire(struct uplink *uplink, const struct tx_desc *descs, unsigned count);
static void on_gso_refused(struct deferred *work);
static int uplink_explain_privilege(struct error *err, const struct uplink *uplink,
                                    const char *missing);

static const struct port_key uplink_keys[] = {
    {"ifname", KEY_TEXT, "INTERFACE", "whose LAN it is", .restricted = true},
    {"host", KEY_SWITCH, "on|off", "off: this host stays out", .restricted = true,
     .standard = "on"},
    {0},
};

const struct port_type uplink_type = {
    .name = "uplink",
    .help = "the LAN of an interface, and this host",
    .keys = uplink_keys,
    .untrusted_edge = true,
    .check = uplink_check,
    .keys_of = uplink_keys_of,
    .start = uplink_start,
    .stop = uplink_stop,
    .open = uplink_open,
    .forget = uplink_forget,
};

static const struct endpoint_ops uplink_ops = {
    .type = "uplink",
    .module = "uplink",
    .rx = uplink_rx,
    .tx = uplink_tx,
    .wait_writable = fd_endpoint_wait_writable,
    .offload_changed = uplink_offload_changed,
    .lost = uplink_lost,
    .close = uplink_close,
};

static int uplink_check(const struct port_spec *spec, struct error *err)
{
    return spec_check_ifname(spec, "an interface of this host, as eth0", err);
}

/* The interface may have been renamed: the port follows it, and must wait for its new name when
 * recreated. */
static bool uplink_keys_of(struct context *context, const struct port *port, char own[SPEC_OWN])
{
    list_for_each (node, &service_of(context)->uplinks) {
        const struct uplink *uplink = container_of(node, struct uplink, node);

        if (uplink->port != port)
            continue;
        own = spec_add(own, "ifname", uplink->ifname);
        if (!uplink->joins_host)
            spec_add(own, "host", "off");
        return true;
    }
    return false;
}

static int uplink_start(struct context *context, struct service **made, struct error *err)
{
    struct uplink_service *service = calloc(1, sizeof(*service));

    if (!service)
        return error_no_memory(err);
    service->context = context;
    list_init(&service->uplinks);
    *made = &service->service;
    return 0;
}

/* Endpoints have been closed; the remaining uplinks wait for their interfaces. */
static void uplink_stop(struct service *base)
{
    struct uplink_service *service = container_of(base, struct uplink_service, service);

    list_for_each_safe (node, &service->uplinks)
        uplink_destroy(container_of(node, struct uplink, node));
    if (service->watch) {
        ev_io_stop(service->context->loop, &service->changed);
        mnl_socket_close(service->watch);
        mnl_socket_close(service->nl);
    }
    free(service);
}

static int uplink_open(struct context *context, const struct port_spec *spec, struct port *port,
                       struct error *err)
{
    struct uplink_service *service = service_of(context);
    struct uplink *uplink;
    struct link link;
    int status = watch_links(service, err);

    if (status < 0)
        return status;
    status = link_find(service->nl, spec_value(spec, "ifname"), 0, &link);
    if (status == -ENODEV)
        return error_set(err, ENODEV, "there is no interface %s in this network namespace",
                         spec_value(spec, "ifname"));
    if (status < 0)
        return error_set(err, -status, "cannot ask for interface %s: %s",
                         spec_value(spec, "ifname"), strerror(-status));
    status = check_link(service, &link, err);
    if (status < 0)
        return status;
    uplink = calloc(1, sizeof(*uplink));
    if (!uplink)
        return error_no_memory(err);
    uplink->service = service;
    uplink->port = port;
    uplink->joins_host = spec_on(spec, "host");
    port_logger_init(&uplink->logger, context, port, "");
    deferred_init(&uplink->gso_refused, on_gso_refused);
    list_append(&service->uplinks, &uplink->node);
    status = uplink_attach(uplink, &link, err);
    if (status < 0) {
        uplink_destroy(uplink);
        return status;
    }
    if (!link_running(&link))
        port_log(&uplink->logger, LOG_WARNING, "link is down%s%s%s",
                 link.flags & IFF_UP ? "" : ": ip link set ", link.flags & IFF_UP ? "" : link.name,
                 link.flags & IFF_UP ? "" : " up");
    if (uplink->joins_host && !uplink->host.marks)
        port_log(&uplink->logger, LOG_INFO,
                 "no BPF program may be loaded: frames from the host are told from "
                 "our own by their contents");
    return 0;
}

static void uplink_forget(struct context *context, struct port *port)
{
    list_for_each_safe (node, &service_of(context)->uplinks) {
        struct uplink *uplink = container_of(node, struct uplink, node);

        if (uplink->port == port)
            uplink_destroy(uplink);
    }
}

static int uplink_rx(struct endpoint *endpoint, struct batch *batch)
{
    struct uplink *uplink = container_of(endpoint, struct uplink, base.endpoint);
    unsigned missed;
    int read = packet_socket_read(fd_endpoint_fd(&uplink->base), &uplink->vector, endpoint->worker,
                                  batch, &missed);
    int count = 0;

    if (missed > 0)
        port_drop_early(endpoint, DROP_MISSED, missed);
    for (int i = 0; i < read; i++) {
        if (!host_is_echo(&uplink->host, &batch->frame[i]))
            batch->frame[count++] = batch->frame[i];
    }
    return read < 0 ? read : count;
}

static int uplink_tx(struct endpoint *core, const struct tx_desc *descs, unsigned count)
{
    struct uplink *uplink = container_of(core, struct uplink, base.endpoint);
    bool host = uplink_is_for_host(uplink, descs);
    unsigned run = 1;

    if (uplink->joins_host)
        filter_catch_up(&uplink->filter);
    while (run < count && uplink_is_for_host(uplink, &descs[run]) == host)
        run++;
    return host ? uplink_send_to_host(uplink, descs, run) : uplink_send_to_wire(uplink, descs, run);
}

static void uplink_lost(struct endpoint *endpoint, int error)
{
    struct uplink *uplink = container_of(endpoint, struct uplink, base.endpoint);

    port_log(&uplink->logger, LOG_WARNING, "%s; the port waits for the interface", strerror(error));
    uplink_detach(uplink);
}

/* If it was turned on, GSO frames are tried again. */
static void uplink_offload_changed(struct endpoint *endpoint)
{
    endpoint->offloads = UPLINK_OFFLOADS;
}

/* Ended on request: it must not come back by itself. */
static void uplink_close(struct endpoint *core)
{
    uplink_destroy(container_of(core, struct uplink, base.endpoint));
}

static struct uplink_service *service_of(const struct context *context)
{
    return container_of(ports_service(context, &uplink_type), struct uplink_service, service);
}

static int watch_links(struct uplink_service *service, struct error *err)
{
    if (service->watch)
        return 0;
    service->nl = link_socket();
    service->watch = service->nl ? link_watch_socket() : NULL;
    if (!service->watch) {
        int code = errno;

        if (service->nl)
            mnl_socket_close(service->nl);
        return error_set(err, code, "cannot ask for interfaces by netlink: %s", strerror(code));
    }
    ev_io_init(&service->changed, on_links_changed, mnl_socket_get_fd(service->watch), EV_READ);
    ev_io_start(service->context->loop, &service->changed);
    return 0;
}

/* Whether LINK can be an uplink. */
static int check_link(const struct uplink_service *service, const struct link *link,
                      struct error *err)
{
    struct link master;

    if (link->flags & IFF_LOOPBACK)
        return error_set(err, EINVAL, "%s is the loopback interface: no LAN is behind it",
                         link->name);
    if (link->type != ARPHRD_ETHER)
        return error_set(err, EINVAL, "%s is not an Ethernet interface", link->name);
    if (link->master > 0) {
        if (link_find(service->nl, NULL, link->master, &master) < 0)
            strcpy(master.name, "a bridge");
        return error_set(err, EBUSY, "%s is a port of %s, which takes what it receives: use that",
                         link->name, master.name);
    }
    list_for_each (node, &service->uplinks) {
        const struct uplink *other = container_of(node, struct uplink, node);
        char label[PORT_LABEL];

        if (other->attached && other->link.index == link->index)
            return error_set(err, EBUSY, "%s is the uplink of %s already", link->name,
                             port_label(other->port, label));
    }
    return 0;
}

/* Return: 0, or -errno and sets ERR with nothing left open. */
static int uplink_attach(struct uplink *uplink, const struct link *link, struct error *err)
{
    struct endpoint *endpoint = &uplink->base.endpoint;
    int status;

    uplink->link = *link;
    uplink_set_name(uplink, link->name);
    uplink->host.fd = -1;
    uplink->vector.room = 0;
    uplink->vector.missed = 0;
    status = uplink_open_descriptors(uplink, err);
    if (status < 0)
        return status;
    endpoint->id = fd_endpoint_fd(&uplink->base);
    endpoint->offloads = UPLINK_OFFLOADS;
    fd_endpoint_belongs_to(&uplink->base, (uid_t)-1, getpid());
    uplink_set_link(uplink, link);
    status = fd_endpoint_attach(&uplink->base, uplink->port, err);
    if (status < 0) {
        host_close(&uplink->host);
        close(fd_endpoint_fd(&uplink->base));
        return status;
    }
    uplink->attached = true;
    uplink_describe(uplink);
    if (uplink->joins_host)
        filter_start(&uplink->filter, uplink->service->context, uplink->port,
                     fd_endpoint_fd(&uplink->base));
    return 0;
}

static void uplink_set_name(struct uplink *uplink, const char *name)
{
    strcpy(uplink->ifname, name);
    text_escape(uplink->logger.place, sizeof(uplink->logger.place), name, strlen(name));
}

static int uplink_open_descriptors(struct uplink *uplink, struct error *err)
{
    struct uplink_service *service = uplink->service;
    int fd = packet_socket(uplink->link.index, uplink->joins_host), status = 0;

    if (fd == -EPERM)
        return uplink_explain_privilege(err, uplink, "CAP_NET_RAW");
    if (fd < 0)
        return error_set(err, -fd, "cannot open a packet socket on %s: %s", uplink->link.name,
                         strerror(-fd));
    if (uplink->joins_host)
        status = host_open(&uplink->host, service->nl, &uplink->link, err);
    if (status < 0) {
        close(fd);
        return status == -EPERM ? uplink_explain_privilege(err, uplink, "CAP_NET_ADMIN") : status;
    }
    fd_endpoint_init(&uplink->base, service->context, &uplink_ops, fd, fd);
    return 0;
}

static void uplink_detach(struct uplink *uplink)
{
    uplink->attached = false;
    if (uplink->joins_host)
        filter_stop(&uplink->filter);
    fd_endpoint_detach(&uplink->base);
    close(fd_endpoint_fd(&uplink->base));
    host_close(&uplink->host);
}

static void uplink_destroy(struct uplink *uplink)
{
    if (uplink->attached)
        uplink_detach(uplink);
    defer_cancel(&uplink->gso_refused);
    list_remove(&uplink->node);
    free(uplink);
}

static void on_links_changed(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct uplink_service *service = container_of(watcher, struct uplink_service, changed);

    (void)loop, (void)events;
    link_drain(service->watch);
    list_for_each_safe (node, &service->uplinks)
        uplink_refresh(container_of(node, struct uplink, node));
}

static void uplink_refresh(struct uplink *uplink)
{
    struct uplink_service *service = uplink->service;
    struct error err;
    struct link link;

    if (uplink->attached) {
        int status = link_find(service->nl, NULL, uplink->link.index, &link);

        if (status < 0 && status != -ENODEV)
            return; /* unknown: the next change asks again */
        if (status == 0 &&
            packet_socket_is_bound(fd_endpoint_fd(&uplink->base), uplink->link.index)) {
            uplink_follow(uplink, &link);
            return;
        }
        port_log(&uplink->logger, LOG_WARNING,
                 "the interface is gone; the port waits for its return");
        uplink_detach(uplink);
    }
    if (link_find(service->nl, uplink->ifname, 0, &link) < 0)
        return;
    if (check_link(service, &link, &err) < 0 || uplink_attach(uplink, &link, &err) < 0)
        port_log(&uplink->logger, LOG_WARNING, "the interface is back, but: %s", err.text);
    else
        port_log(&uplink->logger, LOG_NOTICE, "the interface is back, link %s",
                 link_running(&link) ? "up" : "down");
}

/* Logs what changed about the interface, and applies it. */
static void uplink_follow(struct uplink *uplink, const struct link *now)
{
    struct link before = uplink->link;

    if (strcmp(before.name, now->name)) {
        port_log(&uplink->logger, LOG_NOTICE, "the interface is called %s now", now->name);
        uplink_set_name(uplink, now->name);
    }
    uplink_set_link(uplink, now);
    if (memcmp(before.mac, now->mac, MAC_BYTES))
        port_log(&uplink->logger, LOG_NOTICE, "the host's address on it changed");
    if (uplink->joins_host)
        uplink_follow_host(uplink);
    if (before.master == 0 && now->master > 0)
        port_log(&uplink->logger, LOG_WARNING,
                 "the interface became a port of a bridge or bond, which takes what "
                 "it receives: the host is not reached any more");
    if (before.mtu != now->mtu)
        port_log(&uplink->logger, LOG_NOTICE, "MTU %u, was %u", now->mtu, before.mtu);
    if (link_running(&before) && !link_running(now)) {
        port_log(&uplink->logger, LOG_WARNING, "link is down");
        fdb_flush_owner(uplink->service->context->sw->fdb, &uplink->port->fdb, FDB_ANY_VID);
    } else if (!link_running(&before) && link_running(now)) {
        port_log(&uplink->logger, LOG_NOTICE, "link is up");
    }
    if (strcmp(before.name, now->name) || link_running(&before) != link_running(now))
        uplink_describe(uplink);
}

/* Others may have set the helper TAP down or deleted it. */
static void uplink_follow_host(struct uplink *uplink)
{
    struct mnl_socket *nl = uplink->service->nl;
    struct error err;

    if (host_follow(&uplink->host, nl, &uplink->link) != -ENODEV)
        return;
    host_close(&uplink->host);
    if (host_open(&uplink->host, nl, &uplink->link, &err) == 0)
        port_log(&uplink->logger, LOG_NOTICE, "the way to the host was deleted, and is made anew");
    else
        port_log(&uplink->logger, LOG_WARNING, "the way to the host was deleted: %s", err.text);
}

static void uplink_set_link(struct uplink *uplink, const struct link *link)
{
    uplink->link = *link;
    uplink->base.endpoint.max_frame = link->mtu + FRAME_HEADER + TAG_BYTES;
}

static void uplink_describe(struct uplink *uplink)
{
    char text[128];
    int length = snprintf(text, sizeof(text), "%s%s%s", uplink->link.name,
                          uplink->joins_host ? ", host reachable" : "",
                          link_running(&uplink->link) ? "" : ", link down");

    endpoint_describe(&uplink->base.endpoint, text, (size_t)length);
}

static bool uplink_is_for_host(const struct uplink *uplink, const struct tx_desc *desc)
{
    return uplink->joins_host && !memcmp(desc->destination, uplink->link.mac, MAC_BYTES);
}

static int uplink_send_to_host(struct uplink *uplink, const struct tx_desc *descs, unsigned count)
{
    unsigned sent = 0;
    int status = 0;

    while (sent < count && (status = host_send(&uplink->host, &descs[sent])) == 0)
        sent++;
    return sent > 0 ? (int)sent : status;
}

/* Frames to a group go to the host as well; they count as sent whether or not it takes its copy. */
static int uplink_send_to_wire(struct uplink *uplink, const struct tx_desc *descs, unsigned count)
{
    int sent = packet_socket_write(fd_endpoint_fd(&uplink->base), descs, count, uplink->link.mtu);

    if (sent == -EINVAL && descs[0].offload.gso != GSO_NONE &&
        uplink->base.endpoint.offloads != OFFLOAD_CSUM) {
        uplink->base.endpoint.offloads = OFFLOAD_CSUM;
        defer(&uplink->base.endpoint.worker->deferred, &uplink->gso_refused);
    }
    for (int i = 0; i < sent && uplink->joins_host; i++) {
        if (mac_is_group(descs[i].destination))
            host_send(&uplink->host, &descs[i]);
    }
    return sent;
}

static void on_gso_refused(struct deferred *work)
{
    port_log(&container_of(work, struct uplink, gso_refused)->logger, LOG_WARNING,
             "the interface refuses super-frames: they are cut before they leave from now on");
}

static int uplink_explain_privilege(struct error *err, const struct uplink *uplink,
                                    const char *missing)
{
    char program[PATH_MAX];

    os_program_path(program, sizeof(program));
    return error_set(err, EPERM,
                     "cannot open an uplink on %s: %s is missing. Allow the program to:  "
                     "setcap %s+ep %.150s%s",
                     uplink->link.name, missing,
                     uplink->joins_host ? "cap_net_raw,cap_net_admin,cap_bpf" : "cap_net_raw",
                     program,
                     uplink->joins_host ? "\n          or leave the host out with host=off, "
                                          "which needs cap_net_raw alone"
                                        : "");
}
