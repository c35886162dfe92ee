"""A stream client made of plain sockets: it sends what QEMU's `-netdev stream` does, and malformed streams."""

import socket
import struct
import time

from frames import frame_from
from process import Closes

PREFIX = struct.Struct("!I")
LONGEST = 69632  # NET_BUFSIZE of QEMU


def framed(*frames):
    """FRAMES as they are encoded in the stream."""
    return b"".join(PREFIX.pack(len(frame)) + frame for frame in frames)


class StreamClient(Closes):
    """One connection. PLACE is a path, an (address, port) pair, or a socket that is connected already."""

    def __init__(self, place, timeout=10.0):
        if isinstance(place, socket.socket):
            self.socket = place
        elif isinstance(place, tuple):
            self.socket = socket.create_connection(place, timeout=timeout)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(str(place))
        self.socket.settimeout(timeout)
        self._unread = b""

    def send(self, *frames):
        self.socket.sendall(framed(*frames))

    def send_bytes(self, data):
        self.socket.sendall(data)

    def recv(self, timeout=10.0):
        """The next frame. None if the switch has hung up."""
        end = time.monotonic() + timeout
        while not self._complete():
            self.socket.settimeout(max(0.001, end - time.monotonic()))
            if not self._read():
                return None
        return self._take()

    def pending(self):
        """The frames that are here already."""
        self.socket.settimeout(0)
        try:
            while self._read():
                pass
        except BlockingIOError:
            pass
        frames = []
        while self._complete():
            frames.append(self._take())
        return frames

    def has_part(self):
        """Whether an incomplete frame has arrived."""
        return self._unread != b""

    def heard_nothing(self, seconds=0.2):
        time.sleep(seconds)
        return not self.pending()

    def is_closed(self, timeout=10.0):
        """Waits for the switch to hang up."""
        try:
            while self.recv(timeout) is not None:
                pass
        except (ConnectionError, BrokenPipeError):
            pass
        except TimeoutError:
            return False
        return True

    def _read(self):
        chunk = self.socket.recv(1 << 16)
        self._unread += chunk
        return chunk

    def _complete(self):
        if len(self._unread) < PREFIX.size:
            return False
        length = PREFIX.unpack_from(self._unread)[0]
        assert length <= LONGEST, f"a frame of {length} bytes is announced"
        return len(self._unread) >= PREFIX.size + length

    def _take(self):
        length = PREFIX.unpack_from(self._unread)[0]
        frame, self._unread = self._unread[4:4 + length], self._unread[4 + length:]
        return frame

    def close(self):
        self.socket.close()


class StreamServer(Closes):
    """Waits for the switch to connect. PLACE as for StreamClient."""

    def __init__(self, place, namespace_socket=None):
        if namespace_socket:
            self.socket = namespace_socket
        else:
            self.socket = socket.socket(socket.AF_INET if isinstance(place, tuple) else socket.AF_UNIX)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(place if isinstance(place, tuple) else str(place))
        self.socket.listen()
        self.socket.settimeout(10)

    def accept(self, timeout=10.0):
        self.socket.settimeout(timeout)
        return StreamClient(self.socket.accept()[0])

    def close(self):
        self.socket.close()


def plug(stack, switch, name="stream"):
    """A client of the switch at DIR/NAME until STACK is closed."""
    return stack.enter_context(StreamClient(switch.dir / name))


def assert_hear_each_other(one, other, *numbers):
    """ONE sends broadcasts that OTHER receives, and vice versa."""
    for sender, receiver, number in ((one, other, numbers[0]), (other, one, numbers[1])):
        sent = frame_from(number, 100)
        sender.send(sent)
        assert receiver.recv() == sent
