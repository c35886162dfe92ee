"""The switch is killed and started again with the same arguments: peers that it connects to, and those that send datagrams,
are back on the same ports within a second. QEMU is a real one and is not restarted."""

import contextlib
import time

import pytest

from frames import BROADCAST, frame, host
from machine import Machine
from netns import Namespace
from switch import Switch
from users import public_dir
from vdeclient import VdeClient

# The arguments of the switch, and of QEMU.
PEERS = {
    "socket-listen": ("stream,addr=127.0.0.1:7002", "socket,listen=127.0.0.1:7002"),
    "stream-tcp": ("stream,addr=127.0.0.1:7002", "stream,server=on,addr.type=inet,addr.host=127.0.0.1,addr.port=7002"),
    "stream-unix": ("stream,path={dir}/qemu", "stream,server=on,addr.type=unix,addr.path={dir}/qemu"),
    "socket-udp": ("dgram,local=127.0.0.1:7001,remote=127.0.0.1:7002", "socket,udp=127.0.0.1:7001,localaddr=127.0.0.1:7002"),
    "socket-mcast": ("dgram,mcast=230.0.0.1:7001,local=127.0.0.1", "socket,mcast=230.0.0.1:7001,localaddr=127.0.0.1"),
    "dgram-udp": ("dgram,local=127.0.0.1:7001,remote=127.0.0.1:7002",
                  "dgram,local.type=inet,local.host=127.0.0.1,local.port=7002,"
                  "remote.type=inet,remote.host=127.0.0.1,remote.port=7001"),
    "dgram-unix": ("dgram,local={dir}/switch,remote={dir}/qemu",
                   "dgram,local.type=unix,local.path={dir}/qemu,remote.type=unix,remote.path={dir}/switch"),
}
PORT, EAR = 7, 9
SOON = 1.0  # seconds


def wait_through(machine, ear, deadline):
    """Until a frame has come through both ways; what is sent while a way is closed is lost."""
    there, back = frame(BROADCAST, host(1), payload=b"there"), frame(BROADCAST, host(2), payload=b"back")
    for send, sent, heard in ((machine.send, there, ear.pending), (ear.send, back, machine.heard)):
        while True:
            send(sent)
            time.sleep(0.02)
            if sent in heard():
                break
            assert time.monotonic() < deadline, f"{sent[14:19]!r} does not come through"


@pytest.mark.parametrize("peer", PEERS)
def test_back_on_its_port(peer):
    with contextlib.ExitStack() as stack:
        namespace, directory = stack.enter_context(Namespace()), stack.enter_context(public_dir())
        port, netdev = (words.format(dir=directory) for words in PEERS[peer])
        words = ["--port", f"{port},port={PORT},vlan=10", "--port", f"vde,port={EAR},vlan=10"]
        machine = stack.enter_context(Machine(netdev, *namespace.prefix))
        for kills in range(4):
            switch = Switch(*words, dir=directory / "sw", prefix=namespace.prefix)
            deadline = time.monotonic() + SOON
            stack.callback(switch.kill)
            with VdeClient(switch.dir, port=EAR) as ear:
                wait_through(machine, ear, deadline)
            assert switch.port(PORT)["IN"][0] > 0 and switch.port(PORT)["OUT"][0] > 0
            if kills < 3:
                switch.kill()
                switch.close()
                (directory / "sw" / "ctl").unlink()  # when it returns the next one is up
        switch.assert_balanced()
        switch.close()
