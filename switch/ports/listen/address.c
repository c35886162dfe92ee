/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/listen/address.h"

#include "util/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int query_name(int (*call)(int, struct sockaddr *, socklen_t *), int fd,
                      struct address *address);
static void unmap(struct address *address);
static void path_text(const struct address *address, char text[ADDRESS_TEXT]);
static int read_path(const char *key, const char *text, struct address *address, struct error *err);
static int split_port(const char *text, char *host, size_t size, const char **port);
static int resolve(const char *host, unsigned long port, struct address *address);

int address_read(const char *key, const char *text, bool any, struct address *address,
                 struct error *err)
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
    unsigned long number;
    const char *port;

    memset(address, 0, sizeof(*address));
    if (*text == '/')
        return read_path(key, text, address, err);
    if (split_port(text, host, sizeof(host), &port) < 0)
        return error_set(err, EINVAL,
                         "%s=%s is neither an absolute path nor ADDRESS:PORT, as 127.0.0.1:5000 or "
                         "[::1]:5000",
                         key, text);
    if (!text_to_number(port, 65535, &number) || (number == 0 && !any))
        return error_set(err, EINVAL, "%s=%s: \"%s\" is not a port number (%d to 65535)", key, text,
                         port, any ? 0 : 1);
    if (!*host && !any)
        return error_set(err, EINVAL, "%s=%s: the address in front of the colon is missing", key,
                         text);
    if (resolve(*host ? host : "::", number, address) < 0)
        return error_set(err, EINVAL,
                         "%s=%s: \"%s\" is not an address in numbers, as 127.0.0.1 or [::1]; names "
                         "are not looked up",
                         key, text, host);
    return 0;
}

int address_own(int fd, struct address *address)
{
    return query_name(getsockname, fd, address);
}

int address_peer(int fd, struct address *address)
{
    return query_name(getpeername, fd, address);
}

const char *address_text(const struct address *address, char text[ADDRESS_TEXT])
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    bool v6 = address->any.sa_family == AF_INET6;

    if (address_is_path(address)) {
        path_text(address, text);
    } else if (getnameinfo(&address->any, address->length, host, sizeof(host), port, sizeof(port),
                           NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        snprintf(text, ADDRESS_TEXT, "%s%.64s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
    } else {
        strcpy(text, "?");
    }
    return text;
}

void address_any_ipv4(struct address *address)
{
    const struct sockaddr_in6 v6 = *(const struct sockaddr_in6 *)(const void *)&address->storage;
    struct sockaddr_in *v4 = (void *)&address->storage;

    *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = v6.sin6_port};
    address->length = sizeof(*v4);
}

bool address_is_any(const struct address *address)
{
    const struct sockaddr_in *v4 = (const void *)&address->storage;
    const struct sockaddr_in6 *v6 = (const void *)&address->storage;

    if (address->any.sa_family == AF_INET)
        return v4->sin_addr.s_addr == htonl(INADDR_ANY);
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
}

bool address_is_group(const struct address *address)
{
    const struct sockaddr_in *v4 = (const void *)&address->storage;
    const struct sockaddr_in6 *v6 = (const void *)&address->storage;

    if (address->any.sa_family == AF_INET)
        return IN_MULTICAST(ntohl(v4->sin_addr.s_addr));
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&v6->sin6_addr);
}

bool address_equal(const struct address *one, const struct address *other)
{
    const struct sockaddr_in6 *a6 = (const void *)&one->storage,
                              *b6 = (const void *)&other->storage;
    const struct sockaddr_in *a4 = (const void *)&one->storage, *b4 = (const void *)&other->storage;

    if (one->any.sa_family != other->any.sa_family)
        return false;
    switch (one->any.sa_family) {
    case AF_INET:
        return a4->sin_port == b4->sin_port && a4->sin_addr.s_addr == b4->sin_addr.s_addr;
    case AF_INET6:
        return a6->sin6_port == b6->sin6_port &&
               (a6->sin6_scope_id == b6->sin6_scope_id || !a6->sin6_scope_id ||
                !b6->sin6_scope_id) &&
               !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr));
    default:
        if (*one->local.sun_path)
            return !strncmp(one->local.sun_path, other->local.sun_path,
                            sizeof(one->local.sun_path));
        /* Abstract names may have any bytes in them. */
        return one->length == other->length &&
               !memcmp(one->local.sun_path, other->local.sun_path,
                       one->length - offsetof(struct sockaddr_un, sun_path));
    }
}

static int read_path(const char *key, const char *text, struct address *address, struct error *err)
{
    if (strlen(text) >= sizeof(address->local.sun_path))
        return error_set(err, EINVAL, "%s= has %zu bytes: the path of a socket may have %zu", key,
                         strlen(text), sizeof(address->local.sun_path) - 1);
    address->local.sun_family = AF_UNIX;
    strcpy(address->local.sun_path, text);
    address->length = sizeof(address->local);
    return 0;
}

static int query_name(int (*call)(int, struct sockaddr *, socklen_t *), int fd,
                      struct address *address)
{
    *address = (struct address){.length = sizeof(address->storage)};
    if (call(fd, &address->any, &address->length) < 0)
        return -errno;
    unmap(address);
    return 0;
}

/* Converts an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) to the IPv4 address. */
static void unmap(struct address *address)
{
    const struct sockaddr_in6 v6 = *(const struct sockaddr_in6 *)(const void *)&address->storage;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6.sin6_port};

    if (v6.sin6_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
        return;
    memcpy(&v4.sin_addr, &v6.sin6_addr.s6_addr[12], sizeof(v4.sin_addr));
    memcpy(&address->storage, &v4, sizeof(v4));
    address->length = sizeof(v4);
}

static void path_text(const struct address *address, char text[ADDRESS_TEXT])
{
    const char *path = address->local.sun_path;
    size_t begin = offsetof(struct sockaddr_un, sun_path);
    size_t length = address->length > begin ? address->length - begin : 0;
    bool abstract = length > 0 && !*path;

    if (abstract)
        *text++ = '@';
    text_escape(text, (size_t)(ADDRESS_TEXT - abstract), path + abstract,
                abstract ? length - 1 : strnlen(path, length));
}

/* "host:port" or "[host]:port" */
static int split_port(const char *text, char *host, size_t size, const char **port)
{
    const char *colon = strrchr(text, ':'), *end = colon;

    if (!colon)
        return -EINVAL;
    if (*text == '[') {
        text++;
        end--;
        if (end < text || *end != ']')
            return -EINVAL;
    } else if (memchr(text, ':', (size_t)(end - text))) {
        return -EINVAL; /* an IPv6 address without brackets is ambiguous */
    }
    if ((size_t)(end - text) >= size)
        return -EINVAL;
    memcpy(host, text, (size_t)(end - text));
    host[end - text] = '\0';
    *port = colon + 1;
    return 0;
}

/* inet_pton() for IPv4, because getaddrinfo() accepts shorthands and octal numbers; and a colon is
 * required for IPv6, because getaddrinfo() accepts "*". */
static int resolve(const char *host, unsigned long port, struct address *address)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST, .ai_family = AF_INET6, .ai_socktype = SOCK_DGRAM};
    struct sockaddr_in *v4 = (void *)&address->storage;
    struct sockaddr_in6 *v6 = (void *)&address->storage;
    struct addrinfo *found;

    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        address->length = sizeof(*v4);
        return 0;
    }
    if (!strchr(host, ':') || getaddrinfo(host, NULL, &hints, &found) != 0)
        return -EINVAL;
    memcpy(v6, found->ai_addr, sizeof(*v6));
    v6->sin6_port = htons((uint16_t)port);
    address->length = sizeof(*v6);
    freeaddrinfo(found);
    unmap(address);
    return 0;
}
