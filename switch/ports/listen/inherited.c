/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/listen/inherited.h"

#include "ports/listen/address.h"
#include "util/os_linux.h"
#include "util/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

static bool is_known_family(int family);
static int check_type(int fd, int wanted, struct error *err);

int inherited_read(const char *text, int *fd, struct error *err)
{
    unsigned long number;

    if (!text_to_number(text, INT_MAX, &number))
        return error_set(err, EINVAL, "fd=%s is not the number of a descriptor", text);
    *fd = (int)number;
    return 0;
}

int inherited_check(int fd, int type, bool *listening, struct error *err)
{
    struct address own, far = {0};
    int accepts = 0, status = os_check_inherited(fd);
    socklen_t size = sizeof(accepts);
    char text[ADDRESS_TEXT];

    if (status == -EBUSY)
        return error_set(err, EBUSY, "fd=%d was given to a port before", fd);
    if (status < 0)
        return error_set(err, EBADF,
                         "fd=%d is not open: who starts the switch must have left it open, and "
                         "from 3 up",
                         fd);
    status = check_type(fd, type, err);
    if (status < 0)
        return status;
    if (address_own(fd, &own) < 0 || !is_known_family(own.any.sa_family))
        return error_set(err, EAFNOSUPPORT,
                         "fd=%d is a socket of another family than UNIX, IPv4 or IPv6", fd);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size);
    if (!(accepts && listening) && address_peer(fd, &far) < 0)
        return error_set(err, ENOTCONN, "fd=%d is %s", fd,
                         listening ? "neither connected nor listening"
                                   : "not connected: it has nobody to send to");
    if (!accepts && *address_text(&own, text) && address_equal(&own, &far))
        return error_set(err, ELOOP, "fd=%d is connected to itself", fd);
    if (listening)
        *listening = accepts;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return 0;
}

void inherited_take(int fd)
{
    os_take_inherited(fd);
}

static bool is_known_family(int family)
{
    return family == AF_UNIX || family == AF_INET || family == AF_INET6;
}

static int check_type(int fd, int wanted, struct error *err)
{
    socklen_t size = sizeof(int);
    int type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        return error_set(err, ENOTSOCK, "fd=%d is not a socket", fd);
    if (type == wanted)
        return 0;
    if (wanted == SOCK_STREAM)
        return error_set(err, EPROTOTYPE, "fd=%d is not a stream socket%s", fd,
                         type == SOCK_DGRAM ? ": the port type dgram takes datagrams" : "");
    return error_set(err, EPROTOTYPE, "fd=%d is not a datagram socket%s", fd,
                     type == SOCK_STREAM ? ": the port type stream takes it" : "");
}
