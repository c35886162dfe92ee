"""A VDE client made of plain sockets, and parts for requests that no library would send.

The switch is tested against the bytes on its sockets, not against a library's idea of them: libvdeplug hides
what is most worth testing (refusals, malformed requests, what stays in the directory).
"""

import itertools
import os
import socket
import struct
import tempfile

from process import Closes

MAGIC = 0xFEEDFACE
NEW_CONTROL, NEW_PORT0 = 0, 1
ADDRESS_SIZE = 110  # struct sockaddr_un
PATH_SIZE = 108

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
    """The request of libvdeplug 2 and 4; MAGIC and VERSION are parameters so that they can be wrong."""
    return struct.pack("=III", magic, version, type_field(port, request)) + address(path) + descr


def request_v1(path, port=0, request=NEW_CONTROL, descr=b""):
    """The request of the oldest clients: no version, and a MAC that is ignored."""
    return struct.pack("=II6s", MAGIC, type_field(port, request), b"\x02\0\0\0\0\1") + address(path) + descr


def abstract_name():
    """An abstract name as User Mode Linux uses it: all 108 bytes count."""
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
    """A stream connection to the switch, on which nothing has been sent yet.

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
    """The switch's reply as bytes; raises Refused if it closed, TimeoutError if it neither replies nor closes."""
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
