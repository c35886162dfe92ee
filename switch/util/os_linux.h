/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * os_linux.h - wrappers of Linux interfaces that other systems do not have or do differently
 */
#ifndef VSW_UTIL_OS_LINUX_H
#define VSW_UTIL_OS_LINUX_H

#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

/* os_now() - CLOCK_MONOTONIC in nanoseconds */
uint64_t os_now(void);

/* os_random() - fills BUFFER with SIZE bytes of getrandom(2); always succeeds, blocking early at
 * boot until it is seeded */
void os_random(void *buffer, size_t size);

/* os_raise_file_limit() - raises the soft RLIMIT_NOFILE to the hard one. Return: the limit now in
 * force, 0 if unknown. */
unsigned long os_raise_file_limit(void);

/* os_note_inherited() - records which descriptors above stderr this program was started with, and
 * sets FD_CLOEXEC on them
 *
 * Call it before any other descriptor is opened.
 */
void os_note_inherited(void);

/* os_check_inherited(), os_take_inherited() - check or claim an inherited descriptor that a user
 * named by its number FD
 *
 * A descriptor can be claimed once, and belongs to the claimer from then on.
 * Return: 0; -EBADF if this program was not started with FD; -EBUSY if it was claimed before.
 */
int os_check_inherited(int fd);
int os_take_inherited(int fd);

/* os_accept() - accepts a connection on the socket LISTENING, non-blocking and close-on-exec
 * @reserve_fd: reserve descriptor, -1 initially; if no other descriptor is left it is given up for
 *              this connection, and is -1 afterwards
 *
 * Without the reserve, a connection could not even be refused when out of descriptors, and
 * LISTENING would stay readable forever.
 * Return: the connected socket, which the caller owns, or -errno if there is none.
 */
int os_accept(int listening, int *reserve_fd);

/* os_reserve_fd() - opens the reserve descriptor if *RESERVE_FD is -1; leaves it at -1 if none can
 * be opened */
void os_reserve_fd(int *reserve_fd);

struct os_peer {
    uid_t uid;
    gid_t gid;
    pid_t pid;
};

/* os_peer() - credentials of the peer of a connected UNIX socket (SO_PEERCRED). Return: 0 or
 * -errno. */
int os_peer(int fd, struct os_peer *peer);

/* os_peer_text() - formats PEER for messages, as "user 1000, process 4711 (qemu)". Return: TEXT. */
enum { OS_PEER_TEXT = 128 };
const char *os_peer_text(const struct os_peer *peer, char text[OS_PEER_TEXT]);

/* os_peer_in_group() - whether the peer of FD has GID as its primary or a supplementary group
 * (SO_PEERGROUPS) */
bool os_peer_in_group(int fd, const struct os_peer *peer, gid_t gid);

/* os_program_name() - writes the process's name (/proc/PID/comm), escaped, to the SIZE bytes at
 * TEXT; "" if unknown */
void os_program_name(pid_t process, char *text, size_t size);

/* os_program_path() - writes the path of this program's executable to the SIZE bytes at TEXT, for
 * messages */
void os_program_path(char *text, size_t size);

/* os_own_terminal() - reopens the terminal FD non-blocking, so that writes do not block while it is
 * stopped (Ctrl-S)
 * Return: the new descriptor, or FD itself if it is no terminal or cannot be reopened.
 */
int os_own_terminal(int fd);

/* os_write() - writes what FD accepts now, without blocking, whatever FD is
 *
 * Does not depend on O_NONBLOCK, which cannot be set on a descriptor that is shared with other
 * programs.
 * Return: the number of bytes, or -errno; -EAGAIN if FD accepts none now.
 */
ssize_t os_write(int fd, const void *bytes, size_t size);

/* os_connect_datagram() - opens a non-blocking datagram socket connected to a peer's UNIX socket
 * @address: a path, or an abstract name of which all 108 bytes count
 * @owner:   the path must be a socket that this user owns, unless OWNER is root
 *
 * The check holds for the very inode that is connected to: the path is opened once with O_PATH |
 * O_NOFOLLOW, checked with fstat(), and connected through /proc/self/fd, so swapping the file in
 * between gains nothing.
 * Return: the descriptor, which the caller owns, or -errno and sets ERR.
 */
int os_connect_datagram(const struct sockaddr_un *address, uid_t owner, struct error *err);

/* os_bind_socket() - binds FD to PATH, which must not exist, with exactly MODE. Return: 0 or
 * -errno. */
int os_bind_socket(int fd, const char *path, mode_t mode);

/* os_set_socket_owner(), os_set_socket_mode() - change the owner (-1: leave) or mode of a socket
 * file of this user
 *
 * Anyone with write access to its directory may have replaced it by a link or another file: that is
 * left alone, -EPERM.
 * Return: 0 or -errno.
 */
int os_set_socket_owner(const char *path, uid_t uid, gid_t gid);
int os_set_socket_mode(const char *path, mode_t mode);

#endif
