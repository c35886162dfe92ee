/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * address.h - socket addresses as users write them: /run/x.sock, 192.0.2.1:5000, [2001:db8::1]:5000
 *
 * Addresses are numeric. Resolving a name would block the switch while a name server does not
 * answer.
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

/* address_read() - parses TEXT, the value of KEY, as a path if it begins with a slash, else as
 * ADDRESS:PORT
 * @any: for listening: ADDRESS may be empty, for all addresses of this host ([::]), and PORT may be
 *       0, for a free port
 *
 * An IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) becomes the IPv4 address.
 * Return: 0, or -EINVAL and sets ERR.
 */
int address_read(const char *key, const char *text, bool any, struct address *address,
                 struct error *err);

/* address_own(), address_peer() - local and remote address of socket FD. A connection over IPv4
 * that [::] has accepted has IPv4 addresses. Return: 0 or -errno. */
int address_own(int fd, struct address *address);
int address_peer(int fd, struct address *address);

/* address_text() - formats ADDRESS, of any family, for users. A path is escaped; "@name" is an
 * abstract socket (unix(7)), and "" one without a name. Return: TEXT. */
const char *address_text(const struct address *address, char text[ADDRESS_TEXT]);

/* address_any_ipv4() - replaces ADDRESS, of IPv6, by 0.0.0.0 with the same port */
void address_any_ipv4(struct address *address);

/* address_is_any() - whether ADDRESS is the wildcard address, 0.0.0.0 or [::] */
bool address_is_any(const struct address *address);

/* address_is_group() - whether ADDRESS is a multicast group of IPv4 or IPv6 */
bool address_is_group(const struct address *address);

/* address_equal() - whether both are the same address. An IPv6 scope of 0 matches any other. */
bool address_equal(const struct address *one, const struct address *other);

static inline bool address_is_path(const struct address *address)
{
    return address->any.sa_family == AF_UNIX;
}

#endif
