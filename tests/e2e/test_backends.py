"""Every way to attach a QEMU guest, combined with every other: data from one arrives intact at the other.

Two guests have a card for each way, all up all the time, and each in a VLAN of its own. A test moves one card of each
into a common VLAN, by the console, and checks that no other card receives anything.

`make check` has each way once as the sender and once as the receiver; `make check-full` has all pairs.
"""

import collections
import contextlib
import itertools
import re
import typing

import pytest

from guest import Guest
from netns import Namespace
from switch import Switch, wait_for
from users import public_dir


class Backend(typing.NamedTuple):
    """PORT and NETDEV are the arguments of the switch and of QEMU; without PORT the port is created otherwise."""

    port: str
    netdev: str
    module: str  # what the console calls its endpoint


BACKENDS = {
    "vde": Backend("vde", "vde,sock={dir}[{name}]", "unix prog"),
    "stream-unix": Backend("stream", "stream,server=off,addr.type=unix,addr.path={dir}/{name}.stream", "stream"),
    "stream-tcp": Backend("stream,addr=127.0.0.1:{ours},server=on",
                          "stream,server=off,addr.type=inet,addr.host=127.0.0.1,addr.port={ours}", "stream"),
    "socket-listen": Backend("stream,addr=127.0.0.1:{theirs}", "socket,listen=127.0.0.1:{theirs}", "stream"),
    "socket-connect": Backend("stream,addr=127.0.0.1:{ours},server=on", "socket,connect=127.0.0.1:{ours}", "stream"),
    "socket-udp": Backend("dgram,local=127.0.0.1:{ours},remote=127.0.0.1:{theirs}",
                          "socket,udp=127.0.0.1:{ours},localaddr=127.0.0.1:{theirs}", "dgram"),
    "socket-mcast": Backend("dgram,mcast=230.0.0.1:{ours},local=127.0.0.1",
                            "socket,mcast=230.0.0.1:{ours},localaddr=127.0.0.1", "dgram"),
    "dgram-udp": Backend("dgram,local=127.0.0.1:{ours},remote=127.0.0.1:{theirs}",
                         "dgram,local.type=inet,local.host=127.0.0.1,local.port={theirs},"
                         "remote.type=inet,remote.host=127.0.0.1,remote.port={ours}", "dgram"),
    "dgram-unix": Backend("dgram,local={public}/{name}.switch,remote={public}/{name}.qemu",
                          "dgram,local.type=unix,local.path={public}/{name}.qemu,"
                          "remote.type=unix,remote.path={public}/{name}.switch", "dgram"),
    "tap": Backend("", "tap,ifname={name},script={tools}/qemu-ifup,downscript={tools}/qemu-ifdown", "tuntap"),
}
NAMES = list(BACKENDS)
IN_CHECK = list(zip(NAMES, [*NAMES[1:], NAMES[0]]))
PAIRS = [pytest.param((*pair, way), id=f"{pair[0]}-to-{pair[1]}-{way}", marks=[] if pair in IN_CHECK else pytest.mark.full)
         for pair in itertools.product(NAMES, NAMES) for way in ("untagged", "trunk")]
for_each_pair = pytest.mark.parametrize("pair", PAIRS, indirect=True)

MIB = 1 << 20
SIZE = 20 * MIB
LARGE, LARGE_MTU = 8900, 9000


class Lab:
    """The switch and the guests alice and bob, which serve a file by HTTP."""

    def __init__(self, stack, tools):
        namespace = stack.enter_context(Namespace())
        public = stack.enter_context(public_dir())
        self.dir = public / "sw"
        self.tools, self.public = tools, public
        ports = [self.words(BACKENDS[kind].port, guest, kind) + f",name={self.port(guest, kind)},vlan={self.number(guest, kind)}"
                 for guest in ("alice", "bob") for kind in NAMES if BACKENDS[kind].port]
        self.switch = stack.enter_context(Switch(*itertools.chain(*(("--port", port) for port in ports)), dir=self.dir,
                                                 prefix=namespace.prefix))
        self.guests = {}
        for name in ("alice", "bob"):
            tap = self.port(name, "tap")
            namespace.add_tap(tap)
            namespace.run("ip", "link", "set", tap, "mtu", LARGE_MTU)
            settings = ("env", f"VSW_DIR={self.dir}", "VSW_IFUP_CONF=/dev/null", f"VSW_VLAN={self.number(name, 'tap')}")
            cards = [self.words(BACKENDS[kind].netdev, name, kind) for kind in NAMES]
            self.guests[name] = stack.enter_context(Guest(name, cards, [*namespace.prefix, *settings]))
        for guest in self.guests.values():
            guest.wait_ready()
            guest.ok("for card in /sys/class/net/eth*; do ip link set ${card##*/} promisc on up; done")
        self.digests = {name: self.serve_file(guest) for name, guest in self.guests.items()}

    @staticmethod
    def port(guest, kind):
        """The name of a port of the switch, and of a TAP."""
        return f"{guest}-{kind}"

    @staticmethod
    def number(guest, kind):
        """Unique for each card."""
        return (100 if guest == "alice" else 200) + NAMES.index(kind)

    def words(self, text, guest, kind):
        number = self.number(guest, kind)
        return text.format(dir=self.dir, public=self.public, tools=self.tools, name=self.port(guest, kind),
                           ours=5000 + number, theirs=6000 + number)

    @staticmethod
    def serve_file(guest):
        """Returns the digest of what the guest serves as /file."""
        guest.ok(f"mkdir /tmp/www; dd if=/dev/urandom of=/tmp/www/file bs={MIB} count={SIZE // MIB}")
        guest.ok("httpd -h /tmp/www")
        return guest.ok("sha256sum < /tmp/www/file")

    def attached(self, guest, kind):
        """What the console says of the endpoint of a card, or nothing."""
        text = self.switch.port_text(self.port(guest, kind))
        return re.findall(r"-- endpoint ID \d+ module (.*?) *: ", text)

    def heard(self):
        """{(guest, card): frames that it has received}."""
        counts = {}
        for name, guest in self.guests.items():
            lines = guest.ok("cd /sys/class/net; grep -H . eth*/statistics/rx_packets").splitlines()
            counts |= {(name, line.partition("/")[0]): int(line.rpartition(":")[2]) for line in lines}
        assert len(counts) == 2 * len(NAMES)
        return counts


class Pair:
    """A card of alice and one of bob, each with an address, in a VLAN of their own."""

    def __init__(self, lab, sender, receiver, way):
        self.switch = lab.switch
        self.vid = 1000 + 100 * NAMES.index(sender) + NAMES.index(receiver)
        self.alice, self.bob = lab.guests["alice"], lab.guests["bob"]
        self.cards = {("alice", f"eth{NAMES.index(sender)}"), ("bob", f"eth{NAMES.index(receiver)}")}
        self.alice_card, self.bob_card = (card for _, card in sorted(self.cards))
        self.tagged = way == "trunk"
        self.alice_link = f"{self.alice_card}.{self.vid}" if self.tagged else self.alice_card
        self.alice_port, self.bob_port = lab.port("alice", sender), lab.port("bob", receiver)
        self.alice_home, self.bob_home = lab.number("alice", sender), lab.number("bob", receiver)
        subnet = f"10.{NAMES.index(sender)}.{NAMES.index(receiver)}"
        self.alice_address, self.bob_address = f"{subnet}.1", f"{subnet}.2"

    def join(self):
        self.switch.ok(f"port/set {self.alice_port} " +
                       (f"vlan=none,trunk={self.vid}" if self.tagged else f"vlan={self.vid}"))
        self.switch.ok(f"port/set {self.bob_port} vlan={self.vid}")
        if self.tagged:
            self.alice.add_vlan(self.alice_card, self.vid, f"{self.alice_address}/24")
        else:
            self.alice.up(self.alice_card, f"{self.alice_address}/24")
        self.bob.up(self.bob_card, f"{self.bob_address}/24")
        self.be_promiscuous("off")

    def part(self):
        self.switch.ok(f"port/set {self.alice_port} vlan={self.alice_home},trunk=")
        self.switch.ok(f"port/set {self.bob_port} vlan={self.bob_home}")
        if self.tagged:
            self.alice.ok(f"vconfig rem {self.alice_link}")
        for guest, card in ((self.alice, self.alice_card), (self.bob, self.bob_card)):
            guest.ok(f"ip addr flush dev {card}")
        self.be_promiscuous("on")

    def be_promiscuous(self, how):
        """Promiscuous mode: QEMU would otherwise filter frames for others, or with tags, before they reach the guest."""
        self.alice.ok(f"ip link set {self.alice_card} promisc {how}")
        self.bob.ok(f"ip link set {self.bob_card} promisc {how}")

    def set_mtu(self, mtu):
        for guest, links in ((self.alice, f"{self.alice_card} {self.alice_link}"), (self.bob, self.bob_card)):
            guest.ok(f"for link in {links}; do ip link set $link mtu {mtu}; done")

    def drops(self):
        return {port: collections.Counter(self.switch.drops(port)) for port in (self.alice_port, self.bob_port)}


@pytest.fixture(scope="module")
def lab(tools):
    with contextlib.ExitStack() as stack:
        made = Lab(stack, tools)
        for guest, kind in itertools.product(made.guests, NAMES):
            wait_for(lambda: made.attached(guest, kind), message=f"{kind} of {guest}")  # pylint: disable=cell-var-from-loop
        yield made


@pytest.fixture(scope="module")
def pair(lab, request):
    """Two cards in a common VLAN; the other eighteen receive nothing from them, and every frame is accounted for."""
    joined = Pair(lab, *request.param)
    before = lab.heard()
    joined.join()
    yield joined
    joined.part()
    after = lab.heard()
    assert {card for card in after if after[card] != before[card]} == joined.cards
    lab.switch.assert_balanced()


@pytest.mark.parametrize("guest, kind", itertools.product(("alice", "bob"), NAMES))
def test_the_console_tells_what_is_attached(lab, guest, kind):
    assert lab.attached(guest, kind) == [BACKENDS[kind].module]


@for_each_pair
def test_frames_of_all_sizes_pass(pair):
    pair.set_mtu(LARGE_MTU)
    before = pair.drops()
    assert pair.alice.ping(pair.bob_address) == 3
    assert pair.alice.ping(pair.bob_address, size=LARGE) == 3
    assert pair.drops() == before


@for_each_pair
def test_twenty_megabytes_pass(pair, lab):
    """From alice to bob; where alice is on a trunk, also to her."""
    pair.set_mtu(1500)
    assert pair.bob.ok(f"wget -q -O - http://{pair.alice_address}/file | sha256sum", 60) == lab.digests["alice"]
    if pair.tagged:
        assert pair.alice.ok(f"wget -q -O - http://{pair.bob_address}/file | sha256sum", 60) == lab.digests["bob"]
