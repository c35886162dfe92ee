"""A VDE client made of plain sockets, and the pieces to build requests and frames that no library would send.

The switch is tested against the bytes on its sockets, not against a library's idea of them: libvdeplug hides
what is most worth testing (refusals, malformed requests, what stays in the directory).
"""

import contextlib
import fcntl
import itertools
import os
import pathlib
import pickle
import select
import shutil
import socket
import struct
import tempfile
import termios

import pytest

from process import Closes
from switch import wait_for

MAGIC = 0xFEEDFACE
NEW_CONTROL, NEW_PORT0 = 0, 1
ADDRESS_SIZE = 110  # struct sockaddr_un
PATH_SIZE = 108
NOBODY = 65534

BROADCAST = "ff:ff:ff:ff:ff:ff"
ETH_IPV4, ETH_ARP, ETH_RARP, ETH_VLAN, ETH_IPV6, ETH_TEST = 0x0800, 0x0806, 0x8035, 0x8100, 0x86DD, 0x88B5
LARGEST_FRAME = 9234  # 9,216 bytes of payload, the header and one tag

_serial = itertools.count(1)


class Refused(Exception):
    """The switch closed the connection instead of replying."""


# -- requests ------------------------------------------------------------------------------------------------


def address(path):
    """A sockaddr_un as 110 bytes. A PATH that starts with NUL is an abstract name."""
    return struct.pack("=H108s", socket.AF_UNIX, os.fsencode(path))


def type_field(port=0, request=NEW_CONTROL):
    """Request kind in the low byte, port number in the other three."""
    return (port << 8 | request) & 0xFFFFFFFF


def request_v3(path, port=0, request=NEW_CONTROL, descr=b"", magic=MAGIC, version=3):
    """The request of libvdeplug 2 and 4; MAGIC and VERSION are there to be wrong."""
    return struct.pack("=III", magic, version, type_field(port, request)) + address(path) + descr


def request_v1(path, port=0, request=NEW_CONTROL, descr=b""):
    """The request of the oldest clients: no version, and a MAC that nobody reads."""
    return struct.pack("=II6s", MAGIC, type_field(port, request), b"\x02\0\0\0\0\1") + address(path) + descr


def abstract_name():
    """A name as User Mode Linux makes it: all 108 bytes count."""
    return (b"\0" + struct.pack("=II", os.getpid(), next(_serial))).ljust(PATH_SIZE, b"\0")


def socket_path():
    """An unused path for a client's data socket, where libvdeplug puts it when DIR is not writable."""
    return f"{tempfile.gettempdir()}/vde.{os.getpid():05d}-{next(_serial):05d}"


def data_socket(path):
    """A datagram socket bound to PATH, as a client makes one before it asks for a port."""
    data = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    data.bind(path)
    return data


def connect_ctl(dir, ctl="ctl", timeout=10.0):
    """A stream connection to the switch, on which nothing has been said yet.

    It is the kernel that bounds connect(): with Python's own timeout a full backlog would be an error at once.
    """
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound = struct.pack("@ll", int(timeout), int(timeout % 1 * 1_000_000))
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, bound)
    try:
        stream.connect(f"{dir}/{ctl}")
        stream.settimeout(timeout)
    except BaseException:
        stream.close()
        raise
    return stream


def read_reply(stream):
    """The switch's answer as bytes; raises Refused if it closed, TimeoutError if it neither answers nor closes."""
    try:
        reply = stream.recv(4096)
    except ConnectionResetError as error:
        raise Refused("connection reset") from error
    if not reply:
        raise Refused("connection closed without a reply")
    return reply


def ask(dir, request, ctl="ctl", timeout=10.0):
    """Sends REQUEST on a new connection. Returns (connection, reply); closes it when refused."""
    stream = connect_ctl(dir, ctl, timeout)
    try:
        stream.sendall(request)
        return stream, read_reply(stream)
    except (BrokenPipeError, ConnectionResetError) as error:
        stream.close()
        raise Refused("connection closed before the request was read") from error
    except BaseException:
        stream.close()
        raise


def reply_path(reply):
    """The path in a reply, which must be a whole sockaddr_un and nothing more."""
    assert len(reply) == ADDRESS_SIZE, len(reply)
    family, path = struct.unpack("=H108s", reply)
    assert family == socket.AF_UNIX
    name, _, padding = path.partition(b"\0")
    assert not padding.strip(b"\0"), f"bytes after the path: {padding!r}"
    return os.fsdecode(name)


class VdeClient(Closes):
    """One endpoint: a ctl connection and a data socket connected to the switch's.

    Its socket file is unlinked straight after the reply, as libvdeplug 4 does, so nothing stays in /tmp.
    """

    def __init__(self, dir, port=0, request=NEW_CONTROL, descr="test user=x pid=1", version=3, abstract=False,
                 ctl="ctl", timeout=10.0):
        name = abstract_name() if abstract else socket_path()
        build = request_v1 if version == 1 else request_v3
        self.data = data_socket(name)
        try:
            self.ctl, self.reply = ask(dir, build(name, port, request, os.fsencode(descr)), ctl, timeout)
        except BaseException:
            self.data.close()
            raise
        finally:
            if not abstract:
                os.unlink(name)
        self.path = reply_path(self.reply)
        self.data.connect(self.path)
        self.data.settimeout(timeout)

    @property
    def port(self):
        """The port number, from the name of the switch's socket."""
        return int(os.path.basename(self.path).split(".")[0])

    def send(self, frame):
        self.data.send(frame)

    def recv(self, timeout=5.0):
        """The next frame; raises TimeoutError if none comes."""
        self.data.settimeout(timeout)
        return self.data.recv(65536)

    def pending(self):
        """All frames that are here already."""
        frames = []
        self.data.setblocking(False)
        try:
            while True:
                frames.append(self.data.recv(65536))
        except BlockingIOError:
            return frames
        finally:
            self.data.settimeout(10)

    def close(self):
        self.data.close()
        self.ctl.close()


def is_refused(dir, request, ctl="ctl"):
    """Whether the switch closes the connection on REQUEST. Hanging fails the test."""
    try:
        stream, _ = ask(dir, request, ctl)
    except Refused:
        return True
    stream.close()
    return False


# -- frames --------------------------------------------------------------------------------------------------


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def host(number):
    """The MAC address of test host NUMBER."""
    return f"02:00:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def tag(vid, pcp=0, dei=0):
    """One 802.1Q tag."""
    return struct.pack("!HH", ETH_VLAN, pcp << 13 | dei << 12 | vid)


def frame(dst, src, *tags, kind=ETH_TEST, payload=b"", size=0):
    """An Ethernet frame, with TAGS from the outermost to the innermost; zero-padded up to SIZE bytes.

    The payload is at least 46 bytes, so the frame without its tags is never shorter than Ethernet allows.
    """
    body = struct.pack("!H", kind) + payload.ljust(46, b"\0")
    return (mac(dst) + mac(src) + b"".join(tags) + body).ljust(size, b"\0")


def arp(src, opcode, sender_ip, target_ip, kind=ETH_ARP):
    """A broadcast ARP (or RARP) frame from SRC about SRC."""
    body = struct.pack("!HHBBH6s4s6s4s", 1, ETH_IPV4, 6, 4, opcode, mac(src), socket.inet_aton(sender_ip), mac(src),
                       socket.inet_aton(target_ip))
    return frame(BROADCAST, src, kind=kind, payload=body)


def unsolicited_na(src):
    """An IPv6 neighbour advertisement to all nodes, with which a host says that it has moved."""
    source, all_nodes = socket.inet_pton(socket.AF_INET6, "fe80::1"), socket.inet_pton(socket.AF_INET6, "ff02::1")
    body = struct.pack("!BBHI16sBB6s", 136, 0, 0, 0x20000000, source, 2, 1, mac(src))
    pseudo = source + all_nodes + struct.pack("!II", len(body), socket.IPPROTO_ICMPV6)
    body = body[:2] + struct.pack("!H", internet_checksum(pseudo + body)) + body[4:]
    header = struct.pack("!IHBB", 6 << 28, len(body), socket.IPPROTO_ICMPV6, 255) + source + all_nodes
    return frame("33:33:00:00:00:01", src, kind=ETH_IPV6, payload=header + body)


def internet_checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# -- a switch with clients -----------------------------------------------------------------------------------


def settle(switch, *senders):
    """Returns when the switch has handled everything that SENDERS have sent, so "nobody heard it" needs no waiting.

    First their sockets empty: the switch has read every frame. The wake that reads the first command also sees a
    connection or a lone frame made earlier, and the second command is read by a later wake.
    """
    for client in senders:
        wait_for(lambda: unread(client.data) == 0, 30, "the switch to read all frames")
    switch.ok("ds/showinfo")
    switch.ok("ds/showinfo")


def unread(sock):
    """How much of what was sent on a UNIX socket its peer has yet to read; 0 is nothing."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


class Lab:
    """A switch and one client per port in PORTS; leaving it asserts that every frame was accounted for."""

    def __init__(self, switch, ports):
        self.switch = switch
        self.clients = {}
        for port in ports:
            self.clients[port] = VdeClient(switch.dir, port=port)

    def __getitem__(self, port):
        return self.clients[port]

    def send(self, port, *frames):
        """Sends FRAMES on PORT. Returns {port: frames heard} of all ports that heard any."""
        for each in frames:
            self.clients[port].send(each)
        return self.heard()

    def heard(self):
        settle(self.switch, *self.clients.values())
        heard = {port: client.pending() for port, client in self.clients.items()}
        return {port: frames for port, frames in heard.items() if frames}

    def learn(self, *ports):
        """Lets the switch learn host(port) on each of PORTS (all if none is given), and forgets what was heard."""
        for port in ports or self.clients:
            self.clients[port].send(frame(BROADCAST, host(port)))
        self.heard()

    def close(self):
        for client in self.clients.values():
            client.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.switch.assert_balanced()
        finally:
            self.close()


# -- users and limits ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def public_dir():
    """A temporary directory that any user may enter and write to."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="vsw-public."))
    path.chmod(0o1777)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _has_two_users():
    """Root with more than its own id mapped: not so in a user namespace made by an ordinary user."""
    if os.geteuid() != 0:
        return False
    ranges = [tuple(map(int, line.split())) for line in pathlib.Path("/proc/self/uid_map").read_text().splitlines()]
    return any(first <= NOBODY < first + count for first, _, count in ranges)


needs_two_users = pytest.mark.skipif(not _has_two_users(), reason="cannot become another user here")


def as_user(uid, work, timeout=30):
    """Runs WORK() in a child process as UID and returns what it returns; raises what it raises."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            answer = (True, work())
        except BaseException as error:  # pylint: disable=broad-except
            answer = (False, error)
        try:
            os.write(writer, pickle.dumps(answer))
        finally:
            os._exit(0)
    os.close(writer)
    try:
        ready, _, _ = select.select([reader], [], [], timeout)
        if not ready:
            os.kill(child, 9)
        assert ready, f"child as user {uid} said nothing for {timeout} s"
        worked, value = pickle.loads(os.read(reader, 65536))
    finally:
        os.close(reader)
        os.waitpid(child, 0)
    if not worked:
        raise value
    return value


def file_limit(number):
    """A command prefix that limits open files to NUMBER, without the capability to lift the limit again."""
    limit = ["prlimit", f"--nofile={number}:{number}"]
    if os.geteuid() == 0:
        limit += ["setpriv", "--bounding-set", "-sys_resource"]
    return limit


# The sanitizer keeps freed memory for a while, which looks like growth.
SMALL_QUARANTINE = {
    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
}
