/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * address.h - where a socket is, as people write it: /run/x.sock, 192.0.2.1:5000, [2001:db8::1]:5000
 *
 * Addresses are numbers. To look a name up would make the switch stand still while somebody's name server is silent.
 */
#ifndef VSW_PORTS_LISTEN_ADDRESS_H
#define VSW_PORTS_LISTEN_ADDRESS_H

#include "util/error.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { ADDRESS_TEXT = 128 };

struct address {
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_un local;
        struct sockaddr_storage storage;
    };
};

/* address_read() - reads TEXT, which stands behind KEY=, as a path if it begins with a slash, else as ADDRESS:PORT
 * @any: whether ADDRESS may be missing, for every address of this host; and PORT may be 0, for one that is free
 *
 * An IPv4 address that is written as an IPv6 one (RFC 4291 section 2.5.5.2) is the IPv4 address.
 * Return: 0, or -EINVAL with words in ERR.
 */
int address_read(const char *key, const char *text, bool any, struct address *address,
                 struct error *err);

/* address_own(), address_peer() - where socket FD's own end is, and the other one. What [::] has accepted by IPv4 is an IPv4
 * address. Return: 0 or -errno. */
int address_own(int fd, struct address *address);
int address_peer(int fd, struct address *address);

/* address_text() - writes ADDRESS, of any family, for people to TEXT, which is returned. A path is escaped; "@name" is
 * abstract (unix(7)), and "" has no name. */
const char *address_text(const struct address *address, char text[ADDRESS_TEXT]);

/* address_any_ipv4() - makes ADDRESS 0.0.0.0, with the port that it has, an IPv6 one */
void address_any_ipv4(struct address *address);

/* address_is_any() - is ADDRESS every address of this host: 0.0.0.0 or [::]? */
bool address_is_any(const struct address *address);

/* address_is_group() - is ADDRESS a multicast group of IPv4 or IPv6? */
bool address_is_group(const struct address *address);

/* address_equal() - the same family and place? */
bool address_equal(const struct address *one, const struct address *other);

static inline bool address_is_path(const struct address *address)
{
    return address->any.sa_family == AF_UNIX;
}

#endif
