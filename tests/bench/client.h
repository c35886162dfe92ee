/* client.h - a VDE client without a library: the handshake and nothing else. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#define CLIENT_REQUEST_MAGIC 0xfeedfaceU
#define CLIENT_REQUEST_FIXED offsetof(struct client_request, description)

/* What a client says on ctl. The answer is the address of the switch's data socket, nothing else. */
struct client_request {
    uint32_t magic;
    uint32_t version;
    uint32_t type; /* request in the low byte, port number above; 0 is "any port" */
    struct sockaddr_un address;
    char description[8]; /* optional, and others' are longer */
} __attribute__((packed));

struct client {
    int ctl;  /* stream to <dir>/ctl; open for as long as the client is attached */
    int data; /* datagram socket, connected to the switch; one datagram is one frame */
};

/*
 * client_attach() - plug a client into any free port of a switch
 * @client: filled in
 * @dir:    the switch's directory, holding `ctl`
 * @number: distinguishes the clients of this process; becomes part of a file name
 * @sndbuf: SO_SNDBUF of the data socket in bytes, 0 for the system's default
 *
 * The client's own socket file is gone again on return, as with libvdeplug 4.
 * Return: 0, or -errno; -ECONNREFUSED when the switch closed without a reply.
 */
int client_attach(struct client *client, const char *dir, int number, int sndbuf);

/* client_detach() - unplug; the switch sees the end of the control connection */
void client_detach(struct client *client);

/* client_timeout() - let blocking receives of @client end after @milliseconds */
void client_timeout(const struct client *client, int milliseconds);

#endif
