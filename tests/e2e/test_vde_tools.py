"""The programs of VDE 2 and its library, unmodified, on our switch: what works with vde_switch works here."""

import contextlib
import ctypes
import hashlib
import os
import select
import stat
import struct
import subprocess
import sys

import pytest

import process
from frames import BROADCAST, frame, host
from switch import Switch, wait_for

DEBIAN_SWITCH = "/usr/bin/vde_switch"
ALICE, BOB = host(1), host(2)


def numbered_frame(destination, source, size=60):
    """A frame with a body that shows where it was truncated or corrupted."""
    return frame(destination, source, payload=b"".join(struct.pack(">I", number) for number in range(size // 4)))[:size]


# --- libvdeplug ---------------------------------------------------------------------------------------------


class OpenArgs(ctypes.Structure):
    """struct vde_open_args of libvdeplug.h."""

    _fields_ = [("port", ctypes.c_int), ("group", ctypes.c_char_p), ("mode", ctypes.c_uint)]


LIBVDEPLUG = ctypes.CDLL("libvdeplug.so.2", use_errno=True)
LIBVDEPLUG.vde_open_real.restype = ctypes.c_void_p
LIBVDEPLUG.vde_open_real.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(OpenArgs)]
for function in (LIBVDEPLUG.vde_send, LIBVDEPLUG.vde_recv):
    function.restype = ctypes.c_ssize_t
    function.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
for function in (LIBVDEPLUG.vde_datafd, LIBVDEPLUG.vde_ctlfd, LIBVDEPLUG.vde_close):
    function.argtypes = [ctypes.c_void_p]


class Plug:
    """A cable plugged in through libvdeplug, as QEMU and all VDE programs do it."""

    def __init__(self, name, descr="plug", args=None):
        """ARGS is None or (port, group, mode)."""
        opened = OpenArgs(*args) if args else None
        self._conn = LIBVDEPLUG.vde_open_real(
            os.fsencode(str(name)), descr.encode(), 1, ctypes.byref(opened) if opened else None
        )
        if not self._conn:
            raise OSError(ctypes.get_errno(), f"vde_open {name}")

    def send(self, data):
        assert LIBVDEPLUG.vde_send(self._conn, data, len(data), 0) == len(data)

    def receive(self, timeout=5.0):
        """The next frame, or None when none comes in time."""
        if not self._readable(LIBVDEPLUG.vde_datafd(self._conn), timeout):
            return None
        room = ctypes.create_string_buffer(65536)
        size = LIBVDEPLUG.vde_recv(self._conn, room, len(room), 0)
        return room.raw[:size]

    def hears(self, data):
        """Whether the next frame is this one."""
        return self.receive() == data

    def unplugged(self):
        """Whether the switch has closed the control socket, or sent something unexpected on it."""
        return self._readable(LIBVDEPLUG.vde_ctlfd(self._conn), 0)

    @staticmethod
    def _readable(fd, timeout):
        return bool(select.select([fd], [], [], timeout)[0])

    def close(self):
        if self._conn:
            LIBVDEPLUG.vde_close(self._conn)
        self._conn = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def assert_plugs_hear_each_other(one, other, size=60):
    """Two plugs receive each other's frames."""
    for sender, receiver, data in (
        (one, other, numbered_frame(BROADCAST, ALICE, size)),
        (other, one, numbered_frame(ALICE, BOB, size)),
        (one, other, numbered_frame(BOB, ALICE, size)),
    ):
        sender.send(data)
        assert receiver.hears(data)


def wait_endpoints(switch, description, endpoints=1):
    """Waits until the console shows that many endpoints of this description."""
    wait_for(
        lambda: "\n".join(switch.ok("port/allprint")).count(f": {description}") == endpoints,
        message=f"{endpoints} x {description} on the switch",
    )


@pytest.mark.parametrize("size", [60, 1514, 9018])
def test_library_sends_and_receives(size):
    with Switch() as switch, Plug(switch.dir) as one, Plug(switch.dir) as other:
        assert_plugs_hear_each_other(one, other, size)
        assert not one.unplugged() and not other.unplugged()
        switch.assert_balanced()


def test_library_asks_for_a_port_number():
    """Both ways of asking: in the arguments and in brackets after the name. The port's VLAN holds."""
    rc = "vlan/create 10\nport/create 7\nport/setvlan 7 10\nport/create 8\nport/setvlan 8 10\n"
    with Switch(rc=rc) as switch:
        with Plug(switch.dir, "seven", (7, None, 0o700)) as seven, Plug(f"{switch.dir}[8]", "eight") as eight, \
                Plug(switch.dir, "outsider") as outsider:
            assert "untagged_vlan=0010 ACTIVE" in switch.port_text(7) and ": seven user=" in switch.port_text(7)
            assert "untagged_vlan=0010 ACTIVE" in switch.port_text(8) and ": eight user=" in switch.port_text(8)
            assert_plugs_hear_each_other(seven, eight)
            assert outsider.receive(0.2) is None
        wait_for(lambda: "INACTIVE" in switch.port_text(7), message="port 7 without endpoint")
        assert "untagged_vlan=0010" in switch.port_text(7)


def test_library_plugs_in_on_port_0():
    """Port 0 is where VDE's management clients sit."""
    with Switch() as switch, Plug(f"{switch.dir}[0]", "zero") as zero, Plug(switch.dir) as other:
        assert ": zero user=" in switch.port_text(0)
        assert_plugs_hear_each_other(zero, other)


def test_library_plugs_in_by_port_name():
    """`DIR[web]` reaches the port of that name, and that port only."""
    with Switch("--port", "vde,port=5,name=web,vlan=10", "--port", "vde,port=6,name=db,vlan=10") as switch:
        with Plug(f"{switch.dir}[web]", "one") as web, Plug(f"{switch.dir}[db]", "two") as db, \
                Plug(switch.dir) as outsider:
            assert ": one user=" in switch.port_text(5) and ": two user=" in switch.port_text(6)
            assert_plugs_hear_each_other(web, db)
            assert outsider.receive(0.2) is None


def test_library_sets_mode_and_group():
    """The library changes the mode of the switch's data socket, and the group of its own, to what was asked."""
    with Switch() as switch, Plug(switch.dir, "shared", (4, b"root", 0o660)) as shared, Plug(switch.dir) as other:
        (data_socket,) = switch.dir.glob("004.*")
        assert stat.S_IMODE(data_socket.stat().st_mode) == 0o660
        assert_plugs_hear_each_other(shared, other)


def test_sockets_have_the_modes_asked_for():
    with Switch() as private, Switch("-m", "0660") as shared:
        assert stat.S_IMODE((private.dir / "ctl").stat().st_mode) == 0o600
        assert stat.S_IMODE((shared.dir / "ctl").stat().st_mode) == 0o660
        assert stat.S_IMODE(shared.dir.stat().st_mode) & 0o770 == 0o770
        with Plug(private.dir, args=(1, None, 0o700)):
            (data_socket,) = private.dir.glob("001.*")
            assert stat.S_IMODE(data_socket.stat().st_mode) & 0o077 == 0


def test_library_hears_of_the_end():
    with Switch() as switch, Plug(switch.dir) as plug:
        switch.stop()
        wait_for(plug.unplugged, message="the hang-up on ctl")
        with pytest.raises(OSError):
            Plug(switch.dir)


# --- vde_plug and dpipe -------------------------------------------------------------------------------------


def came_out(program, expected, timeout=5):
    """Whether a program writes just that to its standard output."""
    data = b""
    while len(data) < len(expected) and select.select([program.stdout], [], [], timeout)[0]:
        chunk = os.read(program.stdout.fileno(), len(expected) - len(data))
        if not chunk:
            break
        data += chunk
    return data == expected


def vde_plug(switch):
    return process.running("vde_plug", f"vde://{switch.dir}", stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_vde_plug_carries_frames_on_its_standard_streams():
    """Each frame with its length in two bytes before it. vde_plug would end on a single byte on ctl."""
    with Switch() as switch, vde_plug(switch) as program, Plug(switch.dir) as plug:
        wait_endpoints(switch, "vdeplug:")
        for _ in range(100):
            there, back = numbered_frame(BROADCAST, ALICE, 1514), numbered_frame(ALICE, BOB, 1514)
            program.stdin.write(struct.pack(">H", len(there)) + there)
            program.stdin.flush()
            assert plug.hears(there)
            plug.send(back)
            assert came_out(program, struct.pack(">H", len(back)) + back)
        switch.ok("vlan/create 5")
        switch.ok("port/setvlan 1 5")
        assert program.poll() is None
        switch.assert_balanced()


def test_vde_plug_ends_well_when_the_switch_ends():
    with Switch() as switch, vde_plug(switch) as program:
        wait_endpoints(switch, "vdeplug:")
        switch.stop()
        assert program.wait(5) == 0


def test_vde_plug_ends_well_when_its_endpoint_is_closed():
    with Switch() as switch, vde_plug(switch) as program:
        wait_endpoints(switch, "vdeplug:")
        switch.ok(f"port/epclose 1 {switch.endpoint_id(1)}")
        assert program.wait(5) == 0
        wait_for(lambda: "INACTIVE" in switch.port_text(1), message="port 1 without endpoint")


@pytest.mark.parametrize("peer", [None, DEBIAN_SWITCH], ids=["ours", "vde_switch"])
def test_dpipe_joins_two_switches(peer):
    with Switch() as here, Switch(program=peer) as there, contextlib.ExitStack() as ended:
        cable = ended.enter_context(
            process.running("dpipe", "vde_plug", f"vde://{here.dir}", "=", "vde_plug", f"vde://{there.dir}")
        )
        wait_endpoints(here, "vdeplug:")
        wait_endpoints(there, "vdeplug:")
        with Plug(here.dir) as one, Plug(there.dir) as other:
            assert_plugs_hear_each_other(one, other, 60)
            assert_plugs_hear_each_other(one, other, 1514)
        assert cable.poll() is None
        here.stop()
        cable.wait(5)
        wait_for(lambda: "INACTIVE" in there.port_text(1), message="the other end to be unplugged")


# --- wirefilter, TAPs and packet capture --------------------------------------------------------------------


def wirefilter(here, there, *options):
    return process.running("wirefilter", "--nofifo", "-v", f"{here.dir}:{there.dir}", *options, stdin=subprocess.PIPE)


def vde_plug2tap(namespace, switch, name="tap0"):
    return namespace.running("vde_plug2tap", "-s", switch.dir, name)


def test_plug2tap_joins_two_namespaces(namespaces):
    here, there = namespaces(2)
    with Switch() as switch, vde_plug2tap(here, switch), vde_plug2tap(there, switch):
        here.up("tap0", "10.0.0.1/24")
        there.up("tap0", "10.0.0.2/24")
        assert here.ping("10.0.0.2") == 3
        assert there.ping("10.0.0.1", size=1472) == 3
        switch.assert_balanced()


@pytest.mark.parametrize("peer", [None, DEBIAN_SWITCH], ids=["ours", "vde_switch"])
def test_wirefilter_delays_between_two_switches(namespaces, peer):
    here, there = namespaces(2)
    with Switch() as one, Switch(program=peer) as other, wirefilter(one, other, "-d", "30"), \
            vde_plug2tap(here, one), vde_plug2tap(there, other):
        here.up("tap0", "10.0.0.1/24")
        there.up("tap0", "10.0.0.2/24")
        replies = here.ping("10.0.0.2", 5)
        assert replies == 5
        assert min(replies.times()) >= 55
        one.assert_balanced()


def test_pcapplug_carries_both_ways(namespaces):
    """vde_pcapplug of Debian 12 passes captured frames on only when a whole capture block is full, so a ping gets no
    answer with any switch: the test sends some thousand frames from the veth instead."""
    tap, plugged, beyond = namespaces(3)
    plugged.add_veth("veth0", beyond, "veth1")
    plugged.up("veth0")
    beyond.up("veth1", "10.0.0.2/24")
    flood = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n"
        "for _ in range(5000): s.sendto(bytes(1400), ('10.0.0.255', 9))\n"
    )
    with Switch() as switch, vde_plug2tap(tap, switch), plugged.running("vde_pcapplug", "-s", switch.dir, "veth0"):
        tap.up("tap0", "10.0.0.1/24")
        wait_endpoints(switch, "vde_pcapplug:")
        tap.ping("10.0.0.2", 1)
        assert tap.mac("tap0") in beyond.run("ip", "neigh").stdout
        beyond.run(sys.executable, "-c", flood)
        wait_for(lambda: received(tap, "tap0") > 500, message="the captured frames")
        switch.assert_balanced()


def received(namespace, interface):
    """How many frames an interface of a namespace has received."""
    words = namespace.run("ip", "-s", "link", "show", interface).stdout.partition("RX:")[2].split()
    return int(words[words.index("mcast") + 2])


def test_pcap_plug_of_the_library_joins_a_veth(namespaces):
    """libvdeplug's own pcap module has no such block: a ping gets through."""
    tap, plugged, beyond = namespaces(3)
    plugged.add_veth("veth0", beyond, "veth1")
    plugged.up("veth0")
    beyond.up("veth1", "10.0.0.2/24")
    with Switch() as switch, vde_plug2tap(tap, switch), \
            plugged.running("vde_plug", f"vde://{switch.dir}", "pcap://veth0"):
        tap.up("tap0", "10.0.0.1/24")
        wait_endpoints(switch, "vdeplug:")
        assert tap.ping("10.0.0.2") == 3


# --- slirp: a guest reaches its host ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slirp_lab(boot):
    """A guest with two cards in two VLANs; ports 11 and 12 are for a slirp in each."""
    rc = "".join(
        f"vlan/create {vlan}\n" + "".join(f"port/create {port}\nport/setvlan {port} {vlan}\n" for port in ports)
        for vlan, ports in ((10, (1, 11)), (20, (2, 12)))
    )
    with Switch(rc=rc) as switch:
        (guest,) = boot(guest=[f"vde,sock={switch.dir},port=1", f"vde,sock={switch.dir},port=2"])
        yield switch, guest
        guest.close()


@pytest.mark.parametrize(
    "card, command",
    [("eth0", "slirpvde -s {dir}[11] -dhcp"), ("eth1", "vde_plug vde://{dir}[12] slirp://")],
    ids=["slirpvde", "libvdeplug-slirp"],
)
def test_guest_gets_an_address_and_a_file_through_slirp(slirp_lab, namespaces, tmp_path, card, command):
    """DHCP, then a megabyte over HTTP from 127.0.0.1 of slirp's host, which a guest sees as 10.0.2.2."""
    switch, guest = slirp_lab
    (host,) = namespaces(1)
    content = os.urandom(1 << 20)
    (tmp_path / "file").write_bytes(content)
    server = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "-d", tmp_path, "8000"]
    with host.running(*command.format(dir=switch.dir).split(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL), \
            host.running(*server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        host.wait_listening(8000)
        guest.up(card)
        guest.ok(f"udhcpc -n -q -t 8 -T 1 -i {card}", 30)
        assert "10.0.2.15/24" in guest.ok(f"ip addr show {card}")
        fetched = guest.ok("wget -q -O - http://10.0.2.2:8000/file | sha256sum", 30)
        assert fetched.split()[0] == hashlib.sha256(content).hexdigest()
        guest.ok(f"ip addr flush dev {card}; ip link set {card} down")
        switch.assert_balanced()
