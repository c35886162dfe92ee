"""A LAN made of namespaces: a wire, hosts on it, verified transfers, raw frames, captures, and a DHCP server.

    host (the switch, eth0) ----- wire ----- lan0 (a LAN host)
      \\-- TAPs of the switch, each moved into a namespace of its own: the "guests"

Sockets are made inside a namespace and used from the test's own threads: no program need be started for them.
"""

import contextlib
import functools
import hashlib
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import pytest

import process
from frames import family_of, mac
from guest_image import DHCP_SCRIPT, busybox
from netns import Namespace
from switch import Switch, wait_for

MIB = 1 << 20
PATIENCE = 30  # seconds that a connection may be silent
HOST, LAN, GUEST = "10.0.0.1", "10.0.0.2", "10.0.0.11"

# linux/if_packet.h, linux/if_ether.h
SOL_PACKET, PACKET_AUXDATA, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 8, 15, 23
ETH_P_ALL = 3
TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID = 1 << 4, 1 << 6

OFFLOADS = ("tx", "off", "sg", "off", "tso", "off", "gso", "off", "gro", "off", "rxvlan", "off", "txvlan", "off")


# -- namespaces ----------------------------------------------------------------------------------------------


def new_socket(namespace, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
    with namespace.entered():
        return socket.socket(family, kind, protocol)


def finish_frames(namespace, ifname):
    """Turns off this interface's offloads, so that captures see frames as they would be on a cable."""
    namespace.run("ethtool", "-K", ifname, *OFFLOADS, check=False)
    shown = namespace.run("ethtool", "-k", ifname).stdout
    for feature in ("tx-checksumming", "tcp-segmentation-offload", "generic-segmentation-offload"):
        assert f"{feature}: off" in shown, shown


def allow_ipv6(namespace, ifname, *addresses):
    """IPv6 on an interface, with ADDRESSES such as fd00::1/64 that may be used at once."""
    for key, value in (("accept_dad", 0), ("router_solicitation_delay", 0), ("disable_ipv6", 0)):
        namespace.sh(f"echo {value} > /proc/sys/net/ipv6/conf/{ifname}/{key}")
    for address in addresses:
        namespace.run("ip", "addr", "add", address, "dev", ifname, "nodad")


TAGGER = """
struct __sk_buff;
static int (*push)(struct __sk_buff *, unsigned short, unsigned short) = (void *)18; /* bpf_skb_vlan_push() */
static int (*pop)(struct __sk_buff *) = (void *)19;                                  /* bpf_skb_vlan_pop() */
__attribute__((section("push"))) int tag(struct __sk_buff *skb) { push(skb, __builtin_bswap16(0x8100), TCI); return 0; }
__attribute__((section("pop"))) int untag(struct __sk_buff *skb) { pop(skb); return 0; }
char _license[] __attribute__((section("license"))) = "GPL";
"""


def put_in_vlan(namespace, ifname, vid, pcp=0):
    """Tags all frames that the namespace sends on an interface and untags those that it receives, GSO frames included:
    as an 802.1Q interface does, which not every kernel has."""
    with tempfile.TemporaryDirectory(prefix="tagger.") as home:
        program = pathlib.Path(home) / "tagger.o"
        subprocess.run(["clang", "-O2", "-target", "bpf", f"-DTCI={pcp << 13 | vid}", "-c", "-x", "c", "-", "-o", program],
                       input=TAGGER, text=True, check=True)
        namespace.run("tc", "qdisc", "add", "dev", ifname, "clsact")
        for way, section in (("egress", "push"), ("ingress", "pop")):
            said = namespace.run("tc", "filter", "add", "dev", ifname, way, "bpf", "da", "obj", program, "sec", section,
                                 check=False)
            if said.returncode != 0 and "Operation not permitted" in said.stdout:
                pytest.skip("this user may not load BPF programs")
            assert said.returncode == 0, said.stdout


def statistics(namespace, ifname, *names):
    """Counters of an interface such as rx_packets, as its kernel counts them."""
    counted = {}
    lines = namespace.run("ip", "-s", "link", "show", "dev", ifname).stdout.splitlines()
    for number, line in enumerate(lines):
        for way in ("RX", "TX"):
            if line.strip().startswith(f"{way}:"):
                titles, values = line.split()[1:], lines[number + 1].split()
                counted |= {f"{way.lower()}_{title}": int(value) for title, value in zip(titles, values)}
    return [counted[name] for name in names]


# -- transfers -----------------------------------------------------------------------------------------------


@functools.cache
def content(size):
    """SIZE bytes that do not repeat, and their digest."""
    data = os.urandom(size)
    return data, hashlib.sha256(data).hexdigest()


class Listener(process.Closes):
    """A TCP listener in a namespace that reports the digest of what it receives."""

    def __init__(self, namespace, address):
        self.socket = new_socket(namespace, family_of(address))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, 0))
        self.socket.listen()
        self.socket.settimeout(PATIENCE)
        self.port = self.socket.getsockname()[1]
        self.size, self.digest, self._error = 0, None, None
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def _receive(self):
        seen = hashlib.sha256()
        try:
            with self.socket.accept()[0] as connection:
                connection.settimeout(PATIENCE)
                while chunk := connection.recv(MIB):
                    seen.update(chunk)
                    self.size += len(chunk)
                self.digest = seen.hexdigest()
                connection.sendall(self.digest.encode())
        except OSError as error:
            self._error = error

    def result(self, timeout=PATIENCE):
        """The number of bytes received, and their digest."""
        self._thread.join(timeout)
        assert not self._thread.is_alive() and self._error is None, f"{self.size} bytes came, then {self._error}"
        return self.size, self.digest

    def close(self):
        self.socket.close()


def send_tcp(sender, receiver, address, size=20 * MIB, timeout=PATIENCE):
    """Sends SIZE bytes by TCP from one namespace to ADDRESS in another; both ends must have the same bytes.
    Returns the bits per second."""
    data, digest = content(size)
    with Listener(receiver, address) as listener, new_socket(sender, family_of(address)) as connection:
        listener.start()
        connection.settimeout(timeout)
        begin = time.monotonic()
        connection.connect((address, listener.port))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
        assert listener.result() == (size, digest)
        assert answer.decode() == digest
        return size * 8 / (time.monotonic() - begin)


def send_udp(sender, receiver, address, sizes=(1, 100, 1000, 1472, 4000), rounds=5):
    """Sends datagrams of SIZES (those above the MTU in fragments) there and back; each must come once, unchanged."""
    with new_socket(receiver, family_of(address), socket.SOCK_DGRAM) as server, \
            new_socket(sender, family_of(address), socket.SOCK_DGRAM) as client:
        server.bind((address, 0))
        for end in (server, client):
            end.settimeout(5)
        client.connect((address, server.getsockname()[1]))
        sent = [struct.pack("!H", number) + os.urandom(max(0, size - 2)) for number in range(rounds) for size in sizes]
        for datagram in sent:
            client.send(datagram)
            got, back = server.recvfrom(65536)
            assert got == datagram
            server.sendto(got, back)
            assert client.recv(65536) == datagram
        for end in (server, client):
            end.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                assert not end.recv(65536), "a datagram came twice"


def can_reach(sender, address, timeout=0.3):
    """Whether a TCP connection attempt is answered at all, be it with a refusal."""
    with new_socket(sender, family_of(address)) as probe:
        probe.settimeout(timeout)
        try:
            probe.connect((address, 9))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return True


class Conversation(process.Closes):
    """A TCP connection that stays open, and that is asked now and then whether it still works."""

    def __init__(self, client, server, address):
        with new_socket(server, family_of(address)) as listener:
            listener.bind((address, 0))
            listener.listen()
            listener.settimeout(10)
            self.client = new_socket(client, family_of(address))
            self.client.settimeout(10)
            self.client.connect(listener.getsockname())
            self.server = listener.accept()[0]
            self.server.settimeout(10)

    def works(self):
        """Sends data both ways, in sizes that are worth segmenting; raises if it does not arrive."""
        for here, there in ((self.client, self.server), (self.server, self.client)):
            data = os.urandom(100_000)
            sending = threading.Thread(target=here.sendall, args=(data,), daemon=True)
            sending.start()
            got = b""
            while len(got) < len(data):
                chunk = there.recv(65536)
                assert chunk, "the connection ended"
                got += chunk
            sending.join()
            assert got == data
        return True

    def close(self):
        self.client.close()
        self.server.close()


# -- raw frames ----------------------------------------------------------------------------------------------


class Wire(process.Closes):
    """A packet socket on an interface: captures frames, tags included, and sends frames that no kernel would.

    Receives only frames that arrive at the interface, unless OUTGOING. With VNET, frames are sent with a struct
    virtio_net_hdr in front (`send(frame, header)`)."""

    def __init__(self, namespace, ifname, outgoing=False, vnet=False):
        self.socket = new_socket(namespace, socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * MIB)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.vnet = vnet
        if vnet:
            self.socket.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        if not outgoing:
            self.socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self.socket.bind((ifname, ETH_P_ALL))

    def send(self, frame, header=bytes(10)):
        self.socket.send(header + frame if self.vnet else frame)

    def heard(self):
        """The frames that are here already, each as it was on the wire."""
        frames = []
        while True:
            try:
                data, ancillary, _, _ = self.socket.recvmsg(70000, 256, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return frames
            except OSError:  # the interface went away: said once
                continue
            frames.append(self._with_tag(data[10 if self.vnet else 0:], ancillary))

    @staticmethod
    def _with_tag(frame, ancillary):
        """The kernel reports the outer tag in a control message."""
        for level, kind, value in ancillary:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", value[:20])
                if status & TP_STATUS_VLAN_VALID:
                    tpid = tpid if status & TP_STATUS_VLAN_TPID_VALID else 0x8100
                    return frame[:12] + struct.pack("!HH", tpid, tci) + frame[12:]
        return frame

    def wait_for(self, wanted, timeout=5.0):
        """Frames up to the first for which WANTED(frame) is true; fails the test if none comes."""
        frames, end = [], time.monotonic() + timeout
        while not any(map(wanted, frames)):
            ready, _, _ = select.select([self.socket], [], [], max(0, end - time.monotonic()))
            assert ready, f"not among {len(frames)} frames: {[frame[:64].hex() for frame in frames[-5:]]}"
            frames += self.heard()
        return frames

    def close(self):
        self.socket.close()


# -- captures ------------------------------------------------------------------------------------------------

BAD_CHECKSUM = " || ".join(f'{name}.checksum.status == "Bad"' for name in ("ip", "tcp", "udp", "icmp", "icmpv6"))
# The kernel writes 0xffff for 0 in TCP, too, when it completes a checksum in software. Receivers accept both.
BAD_CHECKSUM = f"(({BAD_CHECKSUM}) && !(tcp.checksum == 0xffff))"
CHECK = [word for name in ("ip", "tcp", "udp") for word in ("-o", f"{name}.check_checksum:TRUE")]
TWICE_SECONDS = 0.05  # the same bytes again so soon are a duplicate; later they are a host that asks again


class Capture(process.Closes):
    """What goes over an interface during the `with` block, for tshark to judge afterwards."""

    def __init__(self, namespace, ifname):
        self.ifname = ifname
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="capture."))
        self.home.chmod(0o777)
        self.path = self.home / "capture.pcap"
        self._said = open(self.home / "said", "w+", encoding="utf-8")
        self._program = process.start(*namespace.prefix, "dumpcap", "-q", "-P", "-B", "64", "-i", ifname,
                                      "-w", self.path, stdout=self._said, stderr=self._said)
        wait_for(lambda: "File:" in self.said(), message=f"dumpcap on {ifname}: {self.said()}")

    def said(self):
        return (self.home / "said").read_text(errors="replace")

    def stop(self):
        """Ends the capture; all frames that were on the wire before are in it."""
        if self._program.poll() is None:
            time.sleep(0.3)  # dumpcap reads in turns of a quarter of a second
            os.killpg(self._program.pid, signal.SIGINT)
            self._program.wait(10)
        assert re.search(r"dropped: (.*: )?0 ", self.said()) or "dropped on interface" in self.said(), self.said()

    def tshark(self, display_filter):
        """A line for each frame that the filter lets through."""
        listed = subprocess.run(["tshark", "-n", "-r", self.path, *CHECK, "-Y", display_filter], text=True, timeout=60,
                                capture_output=True, stdin=subprocess.DEVNULL, env={**os.environ, "HOME": str(self.home)})
        assert listed.returncode == 0, listed.stderr
        return listed.stdout.splitlines()

    def frames(self, sender=None):
        """(seconds, bytes) of each frame, or of each that the MAC address SENDER has sent."""
        data, at, frames = self.path.read_bytes(), 24, []
        unit = 1e-9 if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e-6
        while at < len(data):
            seconds, fraction, length, _ = struct.unpack_from("=IIII", data, at)
            if sender is None or data[at + 22:at + 28] == mac(sender):
                frames.append((seconds + fraction * unit, data[at + 16:at + 16 + length]))
            at += 16 + length
        return frames

    def duplicates(self, sender=None):
        """Frames that are identical to a recent one, except for those that their sender may repeat."""
        found, last = [], {}
        for when, frame in self.frames(sender):
            if when - last.get(frame, float("-inf")) < TWICE_SECONDS and not may_repeat(frame):
                found.append(f"{when:.6f} {when - last[frame]:.6f} {frame.hex()[:160]}")
            last[frame] = when
        return found

    def assert_clean(self, mtu=1500, least=1, sender=None):
        """No bad checksum, no duplicate, no frame above the MTU, among at least LEAST frames (of SENDER's)."""
        self.stop()
        of_sender = f"eth.src == {sender} && " if sender else ""
        judged = self.tshark(f"{of_sender}({BAD_CHECKSUM} || frame.len > {mtu + 14})")
        for what, found in (("bad checksums or frames above the MTU", judged), ("duplicates", self.duplicates(sender))):
            assert not found, f"{self.ifname}: {len(found)} {what}: {found[:5]}"
        assert len(self.frames(sender)) >= least

    def close(self):
        process.stop(self._program)
        self._said.close()
        shutil.rmtree(self.home, ignore_errors=True)


REPORTS = (b"\x33\x33\0\0\0\x16", b"\x01\0\x5e\0\0\x16")  # reports are sent at least twice (RFC 3810, 3376)


def may_repeat(frame):
    """A report to multicast routers, or a TCP acknowledgement without data in IPv6, which has no number in it."""
    if frame[12:14] == b"\x86\xdd" and frame[20] == socket.IPPROTO_TCP:
        return struct.unpack_from("!H", frame, 18)[0] == (frame[66] >> 4) * 4
    return frame[:6] in REPORTS


# -- the LAN -------------------------------------------------------------------------------------------------


class Lan:
    """A wire with the host of a switch on one end and a LAN host on the other."""

    def __init__(self, stack, complete=False, host=HOST, lan=LAN, lan_ipv6=None, host_ipv6=None):
        """COMPLETE: the wire's ends have no offloads, so that a capture shows frames as a cable would carry them."""
        self._stack = stack
        self.host, self.lan = self.namespace(), self.namespace()
        self.host.add_veth("eth0", self.lan, "lan0")
        if complete:
            finish_frames(self.host, "eth0")
            finish_frames(self.lan, "lan0")
        for namespace, name, address, ipv6 in ((self.host, "eth0", host, host_ipv6), (self.lan, "lan0", lan, lan_ipv6)):
            namespace.up(name, address and f"{address}/24")
            if ipv6:
                allow_ipv6(namespace, name, f"{ipv6}/64")
        wait_for(lambda: "state UP" in self.host.run("ip", "link", "show", "eth0").stdout, message="eth0's carrier")

    def namespace(self):
        return self._stack.enter_context(Namespace())

    def switch(self, *ports, **options):
        """A switch on the host with PORTS such as `uplink,ifname=eth0`."""
        words = [word for port in ports for word in ("--port", port)]
        return self._stack.enter_context(Switch(*words, prefix=self.host.prefix, **options))

    def guest(self, tap, address=None, mtu=1500):
        """A namespace at the far end of the switch's TAP of this name."""
        guest = self.namespace()
        wait_for(lambda: self.host.has(tap), message=f"interface {tap}")
        guest.take(tap, self.host)
        guest.up(tap, address and f"{address}/24", mtu)
        return guest

    def vde_guest(self, switch, name="tap0", address=None, mtu=1500, port=0):
        """A namespace behind a VDE client of Debian: a TAP of its own that vde_plug2tap serves."""
        guest = self.namespace()
        place = f"{switch.dir}[{port}]" if port else switch.dir
        self._stack.enter_context(guest.running("vde_plug2tap", "-s", place, name))
        guest.up(name, address and f"{address}/24", mtu)
        return guest


def address_taps(switch, here, there, mtu=1500):
    """10.0.0.1 on tap0 in HERE, 10.0.0.2 on tap1, which moves to THERE once the switch has it."""
    wait_for(lambda: attached(switch, "tap1"), message="tap1 on the switch")
    here.up("tap0", "10.0.0.1/24", mtu)
    there.take("tap1", here)
    there.up("tap1", "10.0.0.2/24", mtu)


class Dhcp(process.Closes):
    """dnsmasq in a namespace: addresses by DHCP and, with a prefix, by router advertisements."""

    def __init__(self, namespace, ifname, low="10.0.0.50", high="10.0.0.99", prefix=None):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="dnsmasq."))
        ranges = [f"--dhcp-range={low},{high},255.255.255.0,1h"]
        if prefix:
            ranges += ["--enable-ra", f"--dhcp-range={prefix},ra-only,64", f"--ra-param={ifname},4"]
        self._said = open(self.home / "said", "w", encoding="utf-8")
        self._program = process.start(
            *namespace.prefix, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root", "--group=",
            "--no-ping", f"--interface={ifname}", "--except-interface=lo", "--dhcp-authoritative", "--log-dhcp",
            f"--dhcp-leasefile={self.home}/leases", "--pid-file=", *ranges, stdout=self._said, stderr=self._said)
        wait_for(lambda: "started" in self.said(), message=f"dnsmasq: {self.said()}")

    def said(self):
        return (self.home / "said").read_text(errors="replace")

    def leases(self):
        """{MAC: address} of all leases."""
        path = self.home / "leases"
        lines = path.read_text().splitlines() if path.exists() else []
        return {line.split()[1]: line.split()[2] for line in lines if len(line.split()) == 5}

    def close(self):
        process.stop(self._program)
        self._said.close()
        shutil.rmtree(self.home, ignore_errors=True)


def ask_dhcp(namespace, ifname):
    """Runs a DHCP client in a namespace. Returns the address that it was given."""
    with tempfile.NamedTemporaryFile("w", prefix="udhcpc.", delete=False) as script:
        script.write(DHCP_SCRIPT)
    try:
        os.chmod(script.name, 0o755)
        said = namespace.run(busybox(), "udhcpc", "-i", ifname, "-n", "-q", "-t", 5, "-T", 1, "-s", script.name,
                             check=False).stdout
    finally:
        os.unlink(script.name)
    found = re.search(r"lease of (\S+) obtained", said)
    assert found, said
    return found[1]


def ipv6_address(namespace, ifname, prefix):
    """Waits for an address of PREFIX on an interface, as a router advertisement gives one."""
    def look():
        shown = namespace.run("ip", "-6", "addr", "show", "dev", ifname, "scope", "global").stdout
        return re.search(rf"inet6 ({re.escape(prefix)}[0-9a-f:]+)/64(?!.*tentative)", shown)

    return wait_for(look, 15, f"an address of {prefix} on {ifname}")[1]


# -- the switch's console ------------------------------------------------------------------------------------


def port_of(switch, name):
    """The number of the port with an endpoint whose line in the console names NAME."""
    number = None
    for line in switch.ok("port/allprint"):
        found = re.match(r"Port (\d+)", line)
        number = int(found[1]) if found else number
        if line.startswith("  -- endpoint") and name in line:
            return number
    return None


def attached(switch, name):
    """Whether there is an endpoint whose line in the console names NAME."""
    return port_of(switch, name) is not None


def frames_in(switch, port):
    return switch.port(port)["IN"][0]


def addresses_behind(switch, port):
    """MAC addresses that the switch has learned on PORT."""
    table = "\n".join(switch.ok("hash/print"))
    return re.findall(rf"Addr: (\S+) VLAN \d+ to port: 0*{port}\b", table)
