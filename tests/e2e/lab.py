"""A switch with a VDE client on each of some ports, which knows exactly what each received. And loops between ports."""

import fcntl
import select
import struct
import termios
import threading
import time

from frames import BROADCAST, frame, host
from switch import wait_for
from vdeclient import VdeClient


def settle(switch, *senders):
    """Returns when the switch has handled everything that SENDERS have sent, so "not received" needs no waiting.

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


def assert_frames_pass(one, other):
    """Each of two clients receives what the other one sends."""
    for sender, receiver in ((one, other), (other, one)):
        greeting = frame(BROADCAST, host(sender.port))
        sender.send(greeting)
        assert receiver.recv() == greeting


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
        """Sends FRAMES on PORT. Returns {port: frames} of all ports that received any."""
        for each in frames:
            self.clients[port].send(each)
        return self.heard()

    def heard(self):
        settle(self.switch, *self.clients.values())
        heard = {port: client.pending() for port, client in self.clients.items()}
        return {port: frames for port, frames in heard.items() if frames}

    def learn(self, *ports):
        """Lets the switch learn host(port) on each of PORTS (all if none is given), and discards the frames received."""
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


class Bridge(threading.Thread):
    """Everything that one client receives is sent by the other: a loop."""

    def __init__(self, one, other):
        super().__init__()
        self.pairs = {one.data: other.data, other.data: one.data}
        self.relayed = 0
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            for source in select.select(list(self.pairs), [], [], 0.05)[0]:
                self.pairs[source].send(source.recv(65536))
                self.relayed += 1

    def stop(self):
        self.stopping.set()
        self.join(10)

    def is_quiet(self):
        """Whether nothing is relayed for a fifth of a second."""
        before = self.relayed
        time.sleep(0.2)
        return self.relayed == before


def assert_loop_is_cut(lab, ports, sender):
    """Bridges two PORTS of a lab, and SENDER broadcasts: one of the two is blocked, and that is the end of the flood."""
    bridge = Bridge(*(lab[port] for port in ports))
    bridge.start()
    try:
        lab[sender].send(frame(BROADCAST, host(sender)))
        wait_for(lambda: any("loop" in lab.switch.drops(port) for port in ports), message="the loop to be cut")
        wait_for(bridge.is_quiet, 5, "the looped frames to die down")
    finally:
        bridge.stop()
