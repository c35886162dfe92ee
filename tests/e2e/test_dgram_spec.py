"""Datagram ports: which keys are accepted, from whom, and that nothing is left behind."""

import os
import socket
import stat
import subprocess
import time

import pytest

from console import Console
from frames import BROADCAST, frame, host
from switch import PROGRAM, Switch, wait_for
from users import NOBODY, as_user, needs_two_users, public_dir
from vdeclient import VdeClient


@pytest.mark.parametrize("keys, words", [
    ("", "local= is missing: dgram takes local= and remote=, or mcast=, or fd="),
    ("local=127.0.0.1:1", "remote= is missing: dgram takes local= and remote="),
    ("remote=127.0.0.1:1", "local= is missing"),
    ("local=/tmp/a", "remote= is missing"),
    ("local=/tmp/a,remote=127.0.0.1:1", "are of two kinds: both must be paths, or IPv4, or IPv6"),
    ("local=127.0.0.1:1,remote=[::1]:1", "are of two kinds"),
    ("local=127.0.0.1:1,remote=127.0.0.1:1", "local= and remote= are the same"),
    ("local=/tmp/a,remote=/tmp/a", "local= and remote= are the same"),
    ("local=127.0.0.1:1,remote=[::ffff:127.0.0.1]:1", "local= and remote= are the same"),
    ("local=0.0.0.0:5911,remote=127.0.0.1:5911", "remote=127.0.0.1:5911 is this socket itself: frames would come back by it"),
    ("local=[::]:5911,remote=[::1]:5911", "remote=[::1]:5911 is this socket itself"),
    ("local=" + "/" + "x" * 107 + ",remote=/tmp/a", "local= has 108 bytes: the path of a socket may have 107"),
    ("local=/tmp/a,remote=/" + "x" * 107, "remote= has 108 bytes"),
    ("local=127.0.0.1:1,remote=230.0.0.1:1", "remote=230.0.0.1:1 is a multicast group: that is what mcast= is for"),
    ("local=[::1]:1,remote=[ff02::1]:1", "is a multicast group"),
    ("local=0.0.0.0:1,remote=[::ffff:230.0.0.1]:1", "is a multicast group"),
    ("local=230.0.0.1:1,remote=127.0.0.1:1", "local=230.0.0.1:1 is a multicast group"),
    ("local=127.0.0.1:1,remote=0.0.0.0:1", "remote=0.0.0.0:1 is nobody's address"),
    ("local=127.0.0.1:1,remote=255.255.255.255:1", "remote=255.255.255.255:1 is everybody's address"),
    ("local=127.0.0.1:1,remote=127.0.0.1:0", '"0" is not a port number (1 to 65535)'),
    ("local=127.0.0.1:65536,remote=127.0.0.1:1", '"65536" is not a port number'),
    ("local=127.0.0.1,remote=127.0.0.1:1", "local=127.0.0.1 is neither an absolute path nor ADDRESS:PORT"),
    ("local=a.sock,remote=b.sock", "local=a.sock is neither an absolute path"),
    ("local=localhost:1,remote=127.0.0.1:1", "names are not looked up"),
    ("local=:5001,remote=127.0.0.1:1", "the address in front of the colon is missing"),
    ("mcast=127.0.0.1:1", "mcast=127.0.0.1:1 is not a multicast group of IPv4"),
    ("mcast=[ff02::1]:1234", "is not a multicast group of IPv4"),
    ("mcast=/tmp/a", "is not a multicast group of IPv4"),
    ("mcast=230.0.0.1", "neither an absolute path nor ADDRESS:PORT"),
    ("mcast=230.0.0.1:1,remote=127.0.0.1:1", "leave remote= out"),
    ("mcast=230.0.0.1:1,local=127.0.0.1:1", "is not an interface's IPv4 address, as 127.0.0.1"),
    ("mcast=230.0.0.1:1,local=::1", "is not an interface's IPv4 address"),
    ("mcast=230.0.0.1:1,local=10.9.9.9", "cannot use local=10.9.9.9: no interface here has that address"),
    ("fd=5,local=/tmp/a", "fd= is a socket that has its addresses"),
    ("fd=5,mcast=230.0.0.1:1", "leave local=, remote= and mcast= out"),
    ("fd=5,remote=/tmp/a", "leave local=, remote= and mcast= out"),
    ("local=10.9.9.9:1,remote=127.0.0.1:1", "cannot use local=10.9.9.9:1: no interface here has that address"),
    ("local=/nonexistent/a,remote=/tmp/a", "cannot make socket /nonexistent/a: No such file or directory"),
    ("local=/etc/passwd,remote=/tmp/a", "/etc/passwd is in the way: it is not a socket"),
    ("lokal=/tmp/a,remote=/tmp/a", 'did you mean "local"?'),
], ids=lambda value: value[:40])
def test_refused(keys, words, shared_console):
    switch, console = shared_console
    before = switch.fds()
    code, data, said = console.ask("port/add dgram" + (f",{keys}" if keys else ""))
    assert code != 1000 and words in said and not data
    assert switch.fds() == before and switch.ok("port/allprint") == []


@pytest.fixture(name="shared_console", scope="module")
def fixture_shared_console():
    with Switch() as switch, Console(switch.dir / "mgmt") as console:
        yield switch, console


def test_ipv4_in_the_clothes_of_ipv6(dgram):
    """[::] includes IPv4, and an IPv4 address may be written as an IPv4-mapped IPv6 address."""
    net = dgram("udp")
    for local in ("[::]:5001", "[::ffff:127.0.0.1]:5001"):
        words = f"dgram,port=1,local={local},remote=[::ffff:127.0.0.1]:5002"
        with Switch("--port", words, prefix=net.namespace.prefix) as switch, VdeClient(switch.dir) as client:
            assert " to 127.0.0.1:5002" in switch.port_text(1)
            with net.socket(address=("127.0.0.1", 5002)) as peer:
                client.send(frame(BROADCAST, host(1)))
                assert peer.recv(2000) == frame(BROADCAST, host(1))
                peer.sendto(frame(BROADCAST, host(2)), ("127.0.0.1", 5001))
                assert client.recv() == frame(BROADCAST, host(2))


def test_refused_at_start(tmp_path):
    done = subprocess.run([PROGRAM, "-s", str(tmp_path / "sw"), "-f", "/dev/null", "--port", "dgram,local=127.0.0.1:1"],
                          input="", capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "remote= is missing" in done.stderr
    assert not (tmp_path / "sw").exists()


@needs_two_users
def test_only_the_owner_may_reach_beyond_the_switch():
    specs = ["local=127.0.0.1:5001,remote=127.0.0.1:5002", "mcast=230.0.0.1:1234", "fd=5"]

    def answers():
        with Console(directory / "sw" / "mgmt") as console:
            return [console.ask(f"port/add dgram,{spec}") for spec in specs]

    with public_dir() as directory, Switch("--mgmtmode", "666", dir=directory / "sw"):
        os.chmod(directory / "sw", 0o755)
        for code, _, said in as_user(NOBODY, answers):
            assert code == 1001 and "may make a dgram port" in said


def test_one_address_is_one_ports(dgram):
    """Neither a second port nor a second switch shares it; groups are shared."""
    net = dgram("udp")
    switch = net.switch()
    with Switch(prefix=net.namespace.prefix) as other:
        for each in (switch, other):
            with Console(each.dir / "mgmt") as console:
                code, _, said = console.ask("port/add dgram,local=127.0.0.1:5001,remote=127.0.0.1:5003")
                assert code != 1000 and "another program has that port" in said
        switch.ok(f"port/epclose 1 {switch.endpoint_id(1)}")
        switch.ok("port/del 1")
        other.ok("port/add dgram,local=127.0.0.1:5001,remote=127.0.0.1:5003")


def test_socket_file(dgram):
    """Created with the mode of the switch's sockets; a stale one is replaced, a live one is not; removed at the end."""
    net = dgram("unix")
    path = net.dir / "a"
    with net.socket(socket.AF_UNIX, str(path)):
        with Switch() as switch, Console(switch.dir / "mgmt") as console:
            code, _, said = console.ask(f"port/add dgram,local={path},remote={net.dir}/b")
            assert code != 1000 and f"{path} is in use by a running switch, or another program" in said
    assert stat.S_ISSOCK(path.stat().st_mode), "the other program's"
    with Switch("-m", "0620", "--port", f"dgram,local={path},remote={net.dir}/b"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o620
    assert not path.exists()
    with Switch("--port", f"dgram,port=1,local={path},remote={net.dir}/b") as switch:
        os.unlink(path)
        with net.socket(socket.AF_UNIX, str(path)):
            switch.ok("port/del 1")
            assert path.exists(), "somebody else's by now"


def test_nothing_is_left_of_a_port(dgram):
    """A hundred of each kind, whose peer is there, was never there, or is dead."""
    net = dgram("unix")
    net.socket(socket.AF_UNIX, f"{net.dir}/dead").close()
    with Switch(prefix=net.namespace.prefix) as switch, net.socket(socket.AF_UNIX, f"{net.dir}/there"):
        specs = ["local=127.0.0.1:5001,remote=127.0.0.1:5002", "local=[::1]:5001,remote=[::1]:5002",
                 *(f"local={net.dir}/a,remote={net.dir}/{peer}" for peer in ("there", "never", "dead")),
                 "mcast=230.0.0.1:1234,local=127.0.0.1"]
        for number in range(101):
            for spec in specs:
                switch.ok(f"port/add dgram,port=1,{spec}")
                switch.ok("port/del 1")
            if number == 0:
                before = switch.fds()
        assert switch.fds() == before
        time.sleep(0.1)  # retries come after 50 ms
        (net.dir / "never").touch()  # and a path is checked when it changes
        (net.dir / "there").chmod(0o600)
        switch.ok("port/allprint")
        assert not (net.dir / "a").exists()


def test_descriptors_that_will_not_do(tmp_path):
    """One line each; what is not for us stays as it is."""
    stream, other = socket.socketpair()
    lonely = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    pair, peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    narcissus, echo = (socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_UNIX))
    narcissus.bind(("127.0.0.1", 0))
    echo.bind(str(tmp_path / "echo"))
    for each in (narcissus, echo):
        each.connect(each.getsockname())
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM)
    netlink.connect((0, 0))
    with stream, other, lonely, pair, peer, narcissus, echo, netlink, open(tmp_path / "file", "wb") as plain:
        passed = [each.fileno() for each in (stream, lonely, pair, plain, narcissus, echo, netlink)]
        with Switch(inherit=passed) as switch, Console(switch.dir / "mgmt") as console:
            refused = {
                900: "fd=900 is not open", 99999: "fd=99999 is not open",
                stream.fileno(): "not a datagram socket: the port type stream takes it",
                narcissus.fileno(): "is connected to itself", echo.fileno(): "is connected to itself",
                netlink.fileno(): "is a socket of another family than UNIX, IPv4 or IPv6",
                lonely.fileno(): "is not connected", plain.fileno(): "is not a socket", 0: "is not open",
                "x": "fd=x is not the number of a descriptor", -1: "fd=-1 is not the number", "": "fd= is not the number",
            }
            for fd, words in refused.items():
                before = switch.fds()
                code, _, said = console.ask(f"port/add dgram,fd={fd}")
                assert code != 1000 and words in said, (fd, said)
                assert switch.fds() == before
            assert console.ask(f"port/add dgram,port=1,fd={pair.fileno()}")[0] == 1000
            code, _, said = console.ask(f"port/add dgram,port=2,fd={pair.fileno()}")
            assert code != 1000 and "was given to a port before" in said
            peer.send(frame(BROADCAST, host(2)))
            wait_for(lambda: switch.port(1)["IN"][0] == 1, message="the frame")


def test_descriptors_of_the_switch_itself_are_not_to_be_had(switch, console):
    """Its own sockets are connected, too."""
    for fd in range(3, switch.fds() + 5):
        assert console.ask(f"port/add dgram,fd={fd}")[0] != 1000
