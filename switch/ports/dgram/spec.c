/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/dgram/spec.h"

#include "ports/listen/inherited.h"

#include <arpa/inet.h>
#include <errno.h>

static int read_descriptor(const char *fd, struct dgram_spec *wanted, struct error *err);
static int read_group(const char *group, const char *local, struct dgram_spec *wanted,
                      struct error *err);
static int read_pair(const char *local, const char *remote, struct dgram_spec *wanted,
                     struct error *err);
static bool is_broadcast(const struct address *address);
static int check_peers(const char *local, const char *remote, const struct dgram_spec *wanted,
                       struct error *err);

int dgram_spec_read(const struct port_spec *spec, struct dgram_spec *wanted, struct error *err)
{
    const char *local = spec_value(spec, "local"), *remote = spec_value(spec, "remote");
    const char *group = spec_value(spec, "mcast"), *fd = spec_value(spec, "fd");

    *wanted = (struct dgram_spec){.fd = -1};
    if (fd && (local || remote || group))
        return error_set(err, EINVAL,
                         "fd= is a socket that has its addresses: leave local=, remote= and mcast= "
                         "out");
    if (fd)
        return read_descriptor(fd, wanted, err);
    if (group && remote)
        return error_set(err, EINVAL,
                         "mcast= says where frames go and come from: leave remote= out");
    if (group)
        return read_group(group, local, wanted, err);
    if (!local || !remote)
        return error_set(err, EINVAL,
                         "%s= is missing: dgram takes local= and remote=, or mcast=, or fd=",
                         local ? "remote" : "local");
    return read_pair(local, remote, wanted, err);
}

static int read_descriptor(const char *fd, struct dgram_spec *wanted, struct error *err)
{
    wanted->kind = DGRAM_FD;
    return inherited_read(fd, &wanted->fd, err);
}

/* local= is an address without a port here, like QEMU's localaddr=. */
static int read_group(const char *group, const char *local, struct dgram_spec *wanted,
                      struct error *err)
{
    int status = address_read("mcast", group, false, &wanted->remote, err);

    if (status < 0)
        return status;
    if (wanted->remote.any.sa_family != AF_INET || !address_is_group(&wanted->remote))
        return error_set(err, EINVAL,
                         "mcast=%s is not a multicast group of IPv4 and its port, as "
                         "230.0.0.1:1234 (224.0.0.0 to 239.255.255.255)",
                         group);
    if (local && inet_pton(AF_INET, local, &wanted->interface) != 1)
        return error_set(err, EINVAL,
                         "local=%s is not an interface's IPv4 address, as 127.0.0.1: that is what "
                         "goes with mcast=",
                         local);
    wanted->kind = DGRAM_GROUP;
    return 0;
}

static int read_pair(const char *local, const char *remote, struct dgram_spec *wanted,
                     struct error *err)
{
    int status = address_read("local", local, false, &wanted->local, err);

    if (status == 0)
        status = address_read("remote", remote, false, &wanted->remote, err);
    if (status < 0)
        return status;
    wanted->kind = address_is_path(&wanted->local) ? DGRAM_UNIX : DGRAM_UDP;
    /* [::] includes all IPv4 addresses. */
    if (wanted->remote.any.sa_family == AF_INET && wanted->local.any.sa_family == AF_INET6 &&
        address_is_any(&wanted->local))
        address_any_ipv4(&wanted->local);
    return check_peers(local, remote, wanted, err);
}

static bool is_broadcast(const struct address *address)
{
    const struct sockaddr_in *v4 = (const void *)&address->storage;

    return address->any.sa_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_BROADCAST);
}

/* Checks that local= and remote= can exchange datagrams. */
static int check_peers(const char *local, const char *remote, const struct dgram_spec *wanted,
                       struct error *err)
{
    if (wanted->local.any.sa_family != wanted->remote.any.sa_family)
        return error_set(err, EINVAL,
                         "local=%s and remote=%s are of two kinds: both must be paths, or IPv4, or "
                         "IPv6",
                         local, remote);
    if (address_is_group(&wanted->local) || address_is_group(&wanted->remote))
        return error_set(err, EINVAL, "%s=%s is a multicast group: that is what mcast= is for",
                         address_is_group(&wanted->local) ? "local" : "remote",
                         address_is_group(&wanted->local) ? local : remote);
    if (address_is_any(&wanted->remote) || is_broadcast(&wanted->remote))
        return error_set(err, EINVAL, "remote=%s is %s address: it must be the peer's own", remote,
                         is_broadcast(&wanted->remote) ? "everybody's" : "nobody's");
    if (address_equal(&wanted->local, &wanted->remote))
        return error_set(err, EINVAL, "local= and remote= are the same: %s", local);
    return 0;
}
