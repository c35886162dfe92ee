"""passt on a stream port, and slirp behind a plug: ways out for a guest, without a TAP or a privilege.

passt listens and the switch connects. It serves one guest: it offers one address, sends everything to the MAC address that
it has seen last, and answers ARP for all addresses but the guest's. So each guest has a passt, and a VLAN with it.
"""

import contextlib
import os
import subprocess
import types

import pytest

import process
from netns import Namespace
from switch import Switch, wait_for
from users import public_dir

ADDRESS, GATEWAY = "192.0.2.2", "192.0.2.1"
SIZE = 20 << 20


class Passt:
    """A passt in a namespace, which ends when the switch disconnects. Its socket is PATH, which passt creates as user nobody."""

    def __init__(self, namespace, path):
        self._argv = [*namespace.prefix, "passt", "--foreground", "--ipv4-only", "--mtu", 1500, "--one-off", "--socket", path]
        self.start()

    def start(self):
        self._program = process.start(*self._argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        process.stop(self._program)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def is_attached(switch, port):
    return any("module stream" in line for line in switch.ok(f"port/allprint {port}"))


@pytest.fixture(scope="module")
def lab(boot):
    """A host with a default route and a web server on its loopback interface; alice and bob have a passt each."""
    with contextlib.ExitStack() as stack:
        host, public = stack.enter_context(Namespace()), stack.enter_context(public_dir())
        host.add_tap("eth0")
        host.up("eth0", f"{ADDRESS}/24")
        host.run("ip", "route", "add", "default", "via", GATEWAY)
        (public / "www").mkdir()
        (public / "www" / "file").write_bytes(os.urandom(SIZE))
        stack.enter_context(host.running("/usr/bin/python3", "-m", "http.server", "-b", "127.0.0.1", "-d", public / "www", 8080,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        host.wait_listening(8080)
        ports = [f"stream,name={name},{keys}vlan={vlan}" for name, vlan in (("alice", 10), ("bob", 20))
                 for name, keys in ((name, ""), (f"{name}-nat", f"path={public}/{name}.socket,"))]
        ports += ["stream,name=alice-2,vlan=30", "plug,vlan=30,vnl=slirp://"]
        switch = stack.enter_context(Switch(*(word for port in ports for word in ("--port", port)), prefix=host.prefix))
        passts = {name: stack.enter_context(Passt(host, public / f"{name}.socket")) for name in ("alice", "bob")}
        card = f"stream,server=off,addr.type=unix,addr.path={switch.dir}/{{}}.stream".format
        guests = boot(alice=[card("alice"), card("alice-2")], bob=[card("bob")])
        for guest in guests:
            wait_for(lambda: is_attached(switch, f"{guest.name}-nat"), message="passt")  # pylint: disable=cell-var-from-loop
            guest.up("eth0")
            guest.ok("udhcpc -i eth0 -n -q -t 5 -T 1")
        digest = subprocess.run(["sha256sum"], stdin=open(public / "www" / "file", "rb"), capture_output=True, text=True,
                                check=True).stdout
        yield types.SimpleNamespace(switch=switch, guests=guests, passts=passts, digest=digest)
        for guest in guests:
            guest.close()


FETCH = f"wget -q -O - http://{GATEWAY}:8080/file | sha256sum"
FETCH_BY_SLIRP = FETCH.replace(GATEWAY, "10.0.2.2")


def test_address_and_file(lab):
    """Both guests have the same address and the same gateway, each from its own passt; the gateway is the host's loopback."""
    for guest in lab.guests:
        assert f"inet {ADDRESS}/24" in guest.ok("ip addr show dev eth0")
        assert f"default via {GATEWAY}" in guest.ok("ip route")
        assert guest.ok(FETCH, 60) == lab.digest
    lab.switch.assert_balanced()


def test_both_at_the_same_time(lab):
    alice, bob = lab.guests
    bob.ok(f"({FETCH} > /tmp/digest) 2>/dev/null &")
    assert alice.ok(FETCH, 60) == lab.digest
    wait_for(lambda: bob.ok("cat /tmp/digest") == lab.digest, 60, "bob's file")
    lab.switch.assert_balanced()


def test_passt_is_found_again(lab):
    alice, _ = lab.guests
    lab.passts["alice"].stop()
    wait_for(lambda: not is_attached(lab.switch, "alice-nat"), message="the switch to notice")
    assert is_attached(lab.switch, "bob-nat")
    lab.passts["alice"].start()
    wait_for(lambda: is_attached(lab.switch, "alice-nat"), 2, "passt to be found again")
    assert alice.ok(FETCH, 60) == lab.digest


def test_slirp(lab):
    """The same by a plug: an address, and the host's loopback as 10.0.2.2."""
    alice, _ = lab.guests
    alice.up("eth1")
    alice.ok("udhcpc -i eth1 -n -q -t 5 -T 1")
    assert "inet 10.0.2.15/24" in alice.ok("ip addr show dev eth1")
    assert alice.ok(FETCH_BY_SLIRP, 60) == lab.digest
    lab.switch.assert_balanced()
