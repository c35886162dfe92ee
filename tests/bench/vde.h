/* vde.h - the VDE handshake, version 3, without a library. */
#ifndef BENCH_VDE_H
#define BENCH_VDE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#define VDE_REQUEST_MAGIC 0xfeedfaceU
#define VDE_REQUEST_FIXED offsetof(struct vde_request, description)

/* What a client sends on ctl. The reply is the address of the switch's data socket. */
struct vde_request {
    uint32_t magic;
    uint32_t version;
    uint32_t type; /* request in the low byte, port number above; 0 is "any port" */
    struct sockaddr_un address;
    char description[8]; /* optional, and others' are longer */
} __attribute__((packed));

/*
 * vde_attach() - plug into any free port of a switch
 * @ctl:    a stream to <dir>/ctl; to be kept open for as long as the client is attached
 * @data:   a datagram socket, connected to the switch; one datagram is one frame
 * @dir:    the switch's directory, holding `ctl`
 * @number: distinguishes the clients of this process; becomes part of a file name
 *
 * The client's own socket file is gone again on return, as with libvdeplug 4.
 * Return: 0, or -errno with both sockets at -1; -ECONNREFUSED when the switch closed without a
 * reply.
 */
int vde_attach(int *ctl, int *data, const char *dir, int number);

#endif
