/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ports/vde/request.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

enum {
    ADDRESS = 110, /* sockaddr_un: family and 108 bytes of path */
    V1_ADDRESS = 14,
    V3_ADDRESS = 12,
    PADDING = 2,
    NEW_CONTROL = 0,
    NEW_PORT0 = 1,
};

static const uint32_t magic = 0xfeedface;

static uint32_t read_u32(const uint8_t *at);
static bool is_padding(const struct vde_request *request, size_t rest);
static int read_body(const uint8_t *bytes, size_t length, uint32_t type, size_t address,
                     struct vde_request *request, struct error *err);

int vde_request_parse(const uint8_t *bytes, size_t length, struct vde_request *request,
                      struct error *err)
{
    uint32_t second;

    if (length < 4)
        return -EAGAIN;
    if (read_u32(bytes) != magic)
        return error_set(err, EPROTO, "not a VDE request (it begins with 0x%08x)", read_u32(bytes));
    if (length < 12)
        return -EAGAIN;
    second = read_u32(bytes + 4);
    if (second == 3)
        return read_body(bytes, length, read_u32(bytes + 8), V3_ADDRESS, request, err);
    /* In version 1 this is the type. It cannot name a port, whose number would look like a
     * version. */
    if (second == NEW_CONTROL || second == NEW_PORT0)
        return read_body(bytes, length, second, V1_ADDRESS, request, err);
    return error_set(err, EPROTO, "request of VDE protocol version %u; 1 and 3 are known", second);
}

static int read_body(const uint8_t *bytes, size_t length, uint32_t type, size_t address,
                     struct vde_request *request, struct error *err)
{
    size_t fixed = address + ADDRESS;

    if ((type & 0xff) != NEW_CONTROL && (type & 0xff) != NEW_PORT0)
        return error_set(err, EPROTO, "bad VDE request type %u; 0 and 1 are known", type & 0xff);
    if (length < fixed)
        return -EAGAIN;
    memset(request, 0, sizeof(*request));
    request->to_port0 = (type & 0xff) == NEW_PORT0;
    request->port = type >> 8;
    memcpy(&request->address, bytes + address, ADDRESS);
    if (request->address.sun_family != AF_UNIX)
        return error_set(err, EPROTO, "data socket of address family %d; only AF_UNIX (1) is known",
                         request->address.sun_family);
    if (length > fixed && !is_padding(request, length - fixed)) {
        request->description = bytes + fixed;
        request->description_length = length - fixed;
    }
    return 0;
}

static uint32_t read_u32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

/* Of the clients that write padding, only User Mode Linux has a data socket without a path. */
static bool is_padding(const struct vde_request *request, size_t rest)
{
    return rest == PADDING && request->address.sun_path[0] == '\0';
}
