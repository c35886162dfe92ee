"""Guests' sides of a TAP that need no boot: a real QEMU without a processor, and a bare TAP descriptor."""

import contextlib
import fcntl
import os
import select
import socket
import struct
import subprocess
import tempfile
import time

import process
from guest import QEMU
from users import public_dir

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000


class Ended(Exception):
    """QEMU did not start; the text is its output."""


class Machine(process.Closes):
    """A QEMU whose network is real and which has nothing else: a hub joins its back end to a socket of the test.

    QEMU runs the scripts as it does for any guest; `send` and `heard` send and receive frames as a guest would.
    """

    def __init__(self, netdev, *prefix, wait=True, inherit=()):
        """NETDEV is the back end without its id, `tap,ifname=tap0,script=...`; PREFIX is put before QEMU."""
        self._directory = public_dir()
        directory = self._directory.__enter__()
        self._theirs, ours = directory / "qemu", directory / "test"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(ours))
        ours.chmod(0o777)
        self._said = tempfile.TemporaryFile("w+")
        self._qemu = process.start(
            *prefix, QEMU, "-machine", "none", "-nodefaults", "-no-user-config", "-display", "none", "-qmp", "stdio",
            "-netdev", f"{netdev},id=tap",
            "-netdev", f"dgram,id=test,local.type=unix,local.path={self._theirs},remote.type=unix,remote.path={ours}",
            "-netdev", "hubport,id=a,hubid=0,netdev=tap", "-netdev", "hubport,id=b,hubid=0,netdev=test",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, pass_fds=inherit)
        if wait:
            self.wait_started()

    def wait_started(self, timeout=30):
        """QEMU sends its greeting when its network is ready, that is after the script has run."""
        ready, _, _ = select.select([self._qemu.stdout], [], [], timeout)
        greeting = os.read(self._qemu.stdout.fileno(), 4096) if ready else b""
        if not greeting:
            self.close()
            raise Ended(self.said)
        self._tell("qmp_capabilities")
        # A connected socket accepts more than net.unix.max_dgram_qlen frames from QEMU, which drops what it cannot send.
        self._socket.connect(str(self._theirs))
        return self

    def send(self, *frames):
        for each in frames:
            self._socket.sendto(each, str(self._theirs))

    def heard(self, seconds=0.0):
        """All frames that are here, or come within SECONDS."""
        return receive_all(self._socket, seconds)

    def tell_to_end(self):
        """Tells it to quit; close() waits for that. (A signal might arrive before QEMU handles signals.)"""
        self._tell("quit")

    def _tell(self, command):
        with contextlib.suppress(BrokenPipeError, ValueError):
            self._qemu.stdin.write(b'{"execute":"%s"}\n' % command.encode())
            self._qemu.stdin.flush()

    def signal(self, number):
        self._qemu.send_signal(number)

    def kill(self):
        """Kills it as a crash would, without running the script."""
        self._qemu.kill()
        self._qemu.wait()
        self.close()

    def close(self):
        """Shuts it down as a guest would, which runs the other script."""
        self.tell_to_end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._qemu.wait(20)
        process.stop(self._qemu)
        self._socket.close()
        self._directory.__exit__(None, None, None)
        if not self._said.closed:
            self._said.seek(0)
            self.said = self._said.read()
            self._said.close()


class BareTap(process.Closes):
    """A TAP opened as any program would, for frames that QEMU cannot send."""

    def __init__(self, namespace, name):
        with namespace.entered():
            self.fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))

    def send(self, *frames):
        for each in frames:
            os.write(self.fd, each)

    def heard(self, seconds=0.0):
        return receive_all(self.fd, seconds)

    def close(self):
        os.close(self.fd)


def receive_all(source, seconds):
    """All frames that SOURCE has, or gets within SECONDS."""
    frames, end = [], time.monotonic() + seconds
    while select.select([source], [], [], max(0.0, end - time.monotonic()))[0]:
        frames.append(os.read(source if isinstance(source, int) else source.fileno(), 65536))
    return frames
