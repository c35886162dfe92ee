/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * os_linux.h - what the switch asks of Linux that other systems do otherwise
 */
#ifndef VSW_UTIL_OS_LINUX_H
#define VSW_UTIL_OS_LINUX_H

#include "util/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

/* os_now() - monotonic nanoseconds */
uint64_t os_now(void);

/* os_random() - fills BUFFER from the kernel's generator; always succeeds, waiting for it early at boot */
void os_random(void *buffer, size_t size);

/* os_raise_file_limit() - lifts the soft limit on open files to the hard one. Return: the limit now in force. */
unsigned long os_raise_file_limit(void);

/* os_note_inherited() - remembers which descriptors this program was started with, and keeps them from those that it
 * starts itself; called before any other is opened */
void os_note_inherited(void);

/* os_check_inherited(), os_take_inherited() - descriptor FD, for whoever was told its number; it can be taken once
 * Return: 0; -EBADF if this program was not started with it; -EBUSY if it was taken before. */
int os_check_inherited(int fd);
int os_take_inherited(int fd);

/* os_accept() - the next connection of the socket LISTENING, non-blocking
 * @spare: -1 at first: a descriptor in reserve; -1 afterwards if this connection has it, for want of others
 *
 * Without one in reserve a connection could not even be refused, and would wake the program for ever.
 * Return: -errno if there is none.
 */
int os_accept(int listening, int *reserve_fd);

/* os_spare() - keeps one in reserve, if *SPARE is none and there are any */
void os_reserve_fd(int *reserve_fd);

struct os_peer {
    uid_t uid;
    gid_t gid;
    pid_t pid;
};

/* os_peer() - who is at the other end of a connected UNIX socket (SO_PEERCRED). Return: 0 or -errno. */
int os_peer(int fd, struct os_peer *peer);

/* os_peer_text() - PEER for people: "user 1000, process 4711 (qemu)", in TEXT, which is returned */
enum { OS_PEER_TEXT = 128 };
const char *os_peer_text(const struct os_peer *peer, char text[OS_PEER_TEXT]);

/* os_peer_in_group() - is the process that connected FD a member of GID, by its own or a supplementary group? */
bool os_peer_in_group(int fd, const struct os_peer *peer, gid_t gid);

/* os_program_name() - what the process is called (/proc/PID/comm), escaped, in TEXT; "" if that cannot be told */
void os_program_name(pid_t process, char *text, size_t size);

/* os_program_path() - where this program's file is, for people who shall do something with it */
void os_program_path(char *text, size_t size);

/* os_own_terminal() - a descriptor of our own for the terminal that FD is: writing to it does not block when it is stopped
 * Return: FD itself, if it is no terminal or cannot be opened again. */
int os_own_terminal(int fd);

/* os_write() - writes what FD takes now, without blocking, whatever FD is and whatever its flags are: a descriptor that is
 * shared with other programs keeps its flags. Return: how many bytes, or -errno; -EAGAIN if it takes none now. */
ssize_t os_write(int fd, const void *bytes, size_t size);

/* os_connect_datagram() - a non-blocking datagram socket connected to a peer's UNIX socket
 * @address: a path, or an abstract name of which all 108 bytes count
 * @owner:   the path must be a socket that this user owns, or OWNER must be root
 *
 * The check holds for the very inode that is connected to: the path is opened once with O_PATH, without following
 * a link at its end, looked at, and connected through /proc/self/fd, so swapping it meanwhile gains nothing.
 * Return: the descriptor, or -errno with words in ERR.
 */
int os_connect_datagram(const struct sockaddr_un *address, uid_t owner, struct error *err);

/* os_bind_socket() - binds FD to PATH, which must be free, with exactly MODE. Return: 0 or -errno. */
int os_bind_socket(int fd, const char *path, mode_t mode);

/* os_set_socket_owner(), os_set_socket_mode() - change the owner (-1: leave) or mode of a socket that is ours
 *
 * Whoever may write to its directory may have put a link or another file in its place: that is left alone, -EPERM.
 * Return: 0 or -errno.
 */
int os_set_socket_owner(const char *path, uid_t uid, gid_t gid);
int os_set_socket_mode(const char *path, mode_t mode);

#endif
