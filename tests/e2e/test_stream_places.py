"""Streams: listen addresses, in the switch's directory and elsewhere, inherited sockets, and what is refused."""

import os
import re
import socket
import subprocess
import time

import pytest

from console import Console
from frames import BROADCAST, frame, frame_from, host
from streamclient import StreamClient, StreamServer, assert_hear_each_other, plug
from startup import run_to_end
from switch import Switch, preloaded, wait_for
from users import NOBODY, acting_as, needs_two_users, public_dir
from vdeclient import Refused, VdeClient


# -- listening elsewhere -------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["path=/{}/g.sock", "addr=127.0.0.1:0", "addr=[::1]:0"], ids=["unix", "tcp", "tcp6"])
def test_listener_gives_each_client_a_port_like_its_own(stack, tmp_path, where):
    place = where.format(str(tmp_path).lstrip("/"))
    switch = stack.enter_context(Switch("--port", f"stream,{place},server=on,vlan=10,description=a,, b,max-addresses=7"))
    said = re.search(r"stream clients that connect to (\S+) get a port each", switch.stderr())[1]
    target = said if said.startswith("/") else (said.rsplit(":", 1)[0].strip("[]"), int(said.rsplit(":", 1)[1]))
    one = stack.enter_context(StreamClient(target))
    switch.wait_attached(1)
    two = stack.enter_context(StreamClient(target))
    switch.wait_attached(2)
    plain = plug(stack, switch)
    switch.wait_attached(3)
    assert_hear_each_other(one, two, 1, 2)
    assert plain.heard_nothing(), "it is in VLAN 0"
    text = switch.port_text(1)
    assert "VLAN: 10" in text and "Description: a, b" in text and "of 7" in text
    joined = stack.enter_context(VdeClient(switch.dir, port=1))
    one.close()
    joined.close()
    wait_for(lambda: switch.cmd("port/allprint 1")[0] == 1006, message="port 1 to go with its client")
    switch.ok("port/del 2")
    assert two.is_closed() and switch.cmd("port/allprint 2")[0] == 1006
    switch.ok(f"port/epclose 3 {switch.endpoint_id(3)}")
    assert plain.is_closed() and switch.cmd("port/allprint 3")[0] == 1000
    switch.assert_balanced()


NO_IPV6 = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int socket(int family, int type, int protocol)
{
    int (*real)(int, int, int) = dlsym(RTLD_NEXT, "socket");

    if (family != AF_INET6)
        return real(family, type, protocol);
    errno = EAFNOSUPPORT;
    return -1;
}
"""


@pytest.mark.parametrize("ipv6", [True, False], ids=["with IPv6", "kernel without IPv6"])
@pytest.mark.parametrize("addr", ["", "[::]"])
def test_listener_at_all_addresses(stack, tmp_path, addr, ipv6):
    env = {} if ipv6 else preloaded(tmp_path, NO_IPV6)
    switch = stack.enter_context(Switch("--port", f"stream,addr={addr}:0,server=on", env=env))
    said, number = re.search(r"stream clients that connect to (\S+):(\d+) get a port each", switch.stderr()).groups()
    assert said == ("[::]" if ipv6 else "0.0.0.0")
    one = stack.enter_context(StreamClient(("127.0.0.1", int(number))))
    switch.wait_attached(1)
    other = stack.enter_context(StreamClient(("::1" if ipv6 else "127.0.0.1", int(number))))
    switch.wait_attached(2)
    assert_hear_each_other(one, other, 1, 2)


def test_place_is_full(stack, tmp_path):
    """Clients of one listener cannot use up all ports, whatever becomes of the listener's other clients."""
    switch = stack.enter_context(Switch("--port", f"stream,path={tmp_path}/a,server=on,max-clients=2,vlan=10",
                                        "--port", f"stream,path={tmp_path}/b,server=on,max-clients=1"))
    one, two = (stack.enter_context(StreamClient(tmp_path / "a")) for _ in range(2))
    switch.wait_attached(2)
    switch.ok("port/set 2 name=kept")
    three = stack.enter_context(StreamClient(tmp_path / "a"))
    switch.wait_attached(3)
    assert StreamClient(tmp_path / "a").is_closed()
    assert f"{tmp_path}/a has 2 clients, and max-clients= allows no more" in switch.stderr()
    other = stack.enter_context(StreamClient(tmp_path / "b"))
    switch.wait_attached(4)
    plain = plug(stack, switch)
    switch.wait_attached(5)
    assert_hear_each_other(other, plain, 1, 2)
    assert_hear_each_other(one, three, 3, 4)
    for _ in range(20):
        one.close()
        switch.wait_left(1)
        one = stack.enter_context(StreamClient(tmp_path / "a"))
        switch.wait_attached(1)
    assert two.pending() and not two.is_closed(0.1)


def test_a_place_leaves_half_of_the_ports(stack, tmp_path):
    """Clients by TCP must not keep out the local users of the switch."""
    switch = stack.enter_context(Switch("-n", "9", "--port", f"stream,path={tmp_path}/a,server=on"))
    for number in range(1, 6):
        stack.enter_context(StreamClient(tmp_path / "a"))
        switch.wait_attached(number)
    assert StreamClient(tmp_path / "a").is_closed()
    assert "has 5 clients, and max-clients= allows no more" in switch.stderr()
    plug(stack, switch)
    switch.wait_attached(6)


def test_places_are_listed_and_can_be_closed(stack, tmp_path):
    switch = stack.enter_context(Switch("--port", "vde,name=web", "--port", f"stream,path={tmp_path}/one.sock,server=on,port=5",
                                        "--port", f"stream,path={tmp_path}/all.sock,server=on,vlan=10,description=a,, b,max-addresses=9"))
    assert switch.ok("listen/print") == [
        f"VDE {switch.dir}/ctl any port", f"stream {switch.dir}/stream any port", f"VDE {switch.dir}/web port web",
        f"stream {switch.dir}/web.stream port web", f"stream {tmp_path}/one.sock port 5",
        f"stream {tmp_path}/all.sock a port each, 256 at most: stream,vlan=10,max-addresses=9,description=a,, b"]
    switch.ok("port/setname 5 db")
    assert f"stream {tmp_path}/one.sock port db" in switch.ok("listen/print")
    stays = stack.enter_context(StreamClient(tmp_path / "all.sock"))
    switch.wait_attached(2)
    for place in (f"{tmp_path}/one.sock", f"{switch.dir}/ctl"):
        assert switch.cmd(f"listen/del {place}")[0] == 1001
    switch.ok(f"listen/del {tmp_path}/all.sock")
    assert switch.cmd(f"listen/del {tmp_path}/all.sock")[0] == 1006
    assert not (tmp_path / "all.sock").exists() and (tmp_path / "one.sock").exists()
    assert stays.heard_nothing() and not stays.is_closed(timeout=0.1)


def test_switch_does_not_plug_into_itself(stack, tmp_path):
    switch = stack.enter_context(Switch(dir=tmp_path / "sw"))
    switch.ok(f"port/add stream,path={switch.dir}/stream,port=9")
    one, other = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    switch.wait_said("it is this switch itself")
    assert_hear_each_other(one, other, 1, 2)
    assert one.heard_nothing(0.5) and other.heard_nothing(0)


@pytest.mark.parametrize("place", ["127.0.0.1:7303", ":7303"])
def test_nor_by_tcp_nor_by_a_program(stack, place):
    """A connection to one of our own listeners, and a plug whose program connects to DIR/stream."""
    switch = stack.enter_context(Switch("--port", f"stream,addr={place},server=on", "--port",
                                        "stream,addr=127.0.0.1:7303,port=9"))
    switch.ok(f"port/add plug,port=8,vnl=cmd://socat - UNIX-CONNECT:{switch.dir}/stream")
    wait_for(lambda: switch.stderr().count("it is this switch itself") >= 2, message="two words in the log")
    one, other = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    sent = frame_from(1, 100)
    one.send(sent)
    assert other.recv() == sent
    assert one.heard_nothing(0.5) and other.heard_nothing(0)
    assert "loop" not in switch.stderr()


@needs_two_users
def test_vde_clients_of_others_do_not_join_what_is_not_for_guests(stack):
    """By its number, which any user may ask for: on the port of a TCP peer it could receive, and take over, its traffic."""
    public = stack.enter_context(public_dir())
    switch = stack.enter_context(Switch("-m", "666", "--dirmode", "777", "--port", "stream,addr=127.0.0.1:7304,server=on,port=5",
                                        "--port", "vde,port=6", dir=public / "sw"))
    with VdeClient(switch.dir, port=5):
        pass
    with acting_as(NOBODY):
        with pytest.raises(Refused):
            VdeClient(switch.dir, port=5)
        with VdeClient(switch.dir, port=6):
            pass
    assert f"port 5 is of type stream, which is not for guests of user {NOBODY}" in switch.stderr()


def test_unnamed_ports_are_for_whom_they_were_made(stack):
    """A port for any client may be used by any user; one with an endpoint of another kind by none after that has left."""
    ours, theirs = socket.socketpair()
    with theirs:
        switch = stack.enter_context(Switch("--port", f"stream,fd={theirs.fileno()},vlan=10", "--port", "stream,vlan=20",
                                            inherit=[theirs.fileno()]))
    ours.close()
    switch.wait_left(1)
    plug(stack, switch)
    switch.wait_attached(2)
    assert "VLAN: 20" in switch.port_text(2)
    plug(stack, switch)
    switch.wait_attached(3)


@needs_two_users
def test_ports_of_a_place_are_nobody_elses(stack):
    """A TCP client has no known user; a client by a path has one. Neither port can be requested by its number."""
    public = stack.enter_context(public_dir())
    switch = stack.enter_context(Switch("-m", "666", "--dirmode", "777", "--port", "stream,addr=127.0.0.1:7306,server=on,vlan=10",
                                        "--port", f"stream,path={public}/place,server=on,vlan=10", dir=public / "sw"))
    stack.enter_context(StreamClient(("127.0.0.1", 7306)))
    switch.wait_attached(1)
    stack.enter_context(StreamClient(public / "place"))
    switch.wait_attached(2)
    for number in (1, 2):
        with acting_as(NOBODY), pytest.raises(Refused):
            VdeClient(switch.dir, port=number)
        VdeClient(switch.dir, port=number).close()
    assert "port 1 is of type stream, which is not for guests of user" in switch.stderr()
    with acting_as(NOBODY):
        own = stack.enter_context(StreamClient(public / "place"))
        switch.wait_attached(3)
        VdeClient(switch.dir, port=3).close()
    own.close()


@pytest.mark.full
def test_paused_tcp_guest_stays_plugged_in(stack):
    """It reads nothing for longer than the keepalive time, while others go on."""
    switch = stack.enter_context(Switch("--port", "stream,addr=127.0.0.1:7305,server=on,port=5"))
    guest, one, other = stack.enter_context(StreamClient(("127.0.0.1", 7305))), plug(stack, switch), plug(stack, switch)
    switch.wait_attached(5)
    switch.wait_attached(2)
    end = time.monotonic() + 40
    while time.monotonic() < end:
        one.send(*[frame(BROADCAST, host(1), size=9000)] * 20)
        other.pending()
        time.sleep(0.05)
    assert switch.drops(5), "it was not full"
    guest.pending()
    wait_for(lambda: guest.pending() == [] and switch.balance()["queued"] == 0, message="the queue to empty")
    guest.send(frame_from(5, 60))
    wait_for(lambda: frame_from(5, 60) in other.pending(), message="a word of the paused one")


def test_listener_with_a_port_serves_one_client_at_a_time(stack, tmp_path):
    switch = stack.enter_context(Switch("--port", f"stream,path={tmp_path}/g.sock,server=on,port=5,trunk=10+20"))
    first = stack.enter_context(StreamClient(tmp_path / "g.sock"))
    switch.wait_attached(5)
    second = stack.enter_context(StreamClient(tmp_path / "g.sock"))
    assert second.is_closed()
    first.close()
    switch.wait_left(5)
    third = stack.enter_context(StreamClient(tmp_path / "g.sock"))
    switch.wait_attached(5)
    assert "Trunk: 10+20" in switch.port_text(5)
    switch.ok("port/del 5")
    assert third.is_closed() and not (tmp_path / "g.sock").exists()


def test_listeners_file_has_the_switchs_mode_and_is_taken_over_from_the_dead(tmp_path):
    spec = f"stream,path={tmp_path}/g.sock,server=on"
    first = Switch("-m", "660", "--port", spec)
    assert (tmp_path / "g.sock").stat().st_mode & 0o777 == 0o660
    with pytest.raises(AssertionError, match="g.sock is in use by a running"):
        Switch("--port", spec)
    first.kill()
    first.close()
    with Switch("--port", spec), StreamClient(tmp_path / "g.sock"):
        pass
    assert not (tmp_path / "g.sock").exists()
    (tmp_path / "g.sock").write_text("a file of somebody's")
    with pytest.raises(AssertionError, match="is in the way: it is not a socket"):
        Switch("--port", spec)
    assert (tmp_path / "g.sock").read_text() == "a file of somebody's"


def test_vanished_tcp_peer_is_given_up(stack):
    """If its machine was switched off, its port is free again after some 25 seconds. (The kernel does that; the test checks
    that it was configured.)"""
    switch = stack.enter_context(Switch("--port", "stream,addr=127.0.0.1:0,server=on,port=5"))
    port = int(re.search(r"(\d+) *$", subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.split(
        f"pid={switch.pid},")[0].rsplit("127.0.0.1:", 1)[1].split()[0])[1])
    with StreamClient(("127.0.0.1", port)):
        switch.wait_attached(5)
        shown = subprocess.run(["ss", "-Htnpo", f"sport = :{port}"], capture_output=True, text=True, check=True).stdout
        assert re.search(r"timer:\(keepalive,(10sec|\d\.\d+m?s)", shown), shown  # not 119min


# -- inherited descriptors -----------------------------------------------------------------------------------


def test_inherited_connection(stack):
    ours, theirs = socket.socketpair()
    with theirs:
        assert "max-clients= is for a place" in refused("--port", f"stream,fd={theirs.fileno()},max-clients=2", inherit=[theirs.fileno()])
        switch = stack.enter_context(Switch("--port", f"stream,fd={theirs.fileno()},port=4", inherit=[theirs.fileno()]))
    far, near = stack.enter_context(StreamClient(ours)), plug(stack, switch)
    switch.wait_attached(1)
    assert_hear_each_other(far, near, 1, 2)
    far.close()
    switch.wait_left(4)


@pytest.mark.parametrize("port", ["", ",port=4"])
def test_inherited_listener(stack, tmp_path, port):
    """A listening socket that a service manager opened in advance."""
    with StreamServer(tmp_path / "g.sock") as server:
        fd = server.socket.fileno()
        os.set_blocking(fd, True)
        switch = stack.enter_context(Switch("--port", f"stream,fd={fd}{port}", inherit=[fd]))
    one, two = (stack.enter_context(StreamClient(place)) for place in (tmp_path / "g.sock", switch.dir / "stream"))
    switch.wait_attached(1)
    switch.wait_attached(4 if port else 2)
    assert_hear_each_other(one, two, 1, 2)


def refused(*arguments, inherit=()):
    """The error message of a switch that refuses to start with ARGUMENTS."""
    with public_dir() as directory:
        ended = run_to_end(directory / "sw", *arguments, pass_fds=inherit)
        assert ended.returncode == 1, (ended.returncode, ended.stderr)
        assert not (directory / "sw").exists()
    assert ended.stderr.count("\n") == 1, ended.stderr
    return ended.stderr


@pytest.mark.parametrize("what, words", [
    ("closed", "is not open: who starts the switch must have left it open"),
    ("pipe", "is not a socket"),
    ("datagram", "is not a stream socket: the port type dgram takes datagrams"),
    ("seqpacket", "is not a stream socket"),
    ("lonely", "is neither connected nor listening"),
    ("twice", "was given to a port before"),
])
def test_wrong_descriptor(what, words):
    ends = {"pipe": os.pipe, "datagram": lambda: socket.socketpair(type=socket.SOCK_DGRAM),
            "seqpacket": lambda: socket.socketpair(type=socket.SOCK_SEQPACKET),
            "lonely": lambda: (socket.socket(), socket.socket())}.get(what, socket.socketpair)()
    fds = [end if isinstance(end, int) else end.fileno() for end in ends]
    ports = ["--port", f"stream,fd={fds[0]}"] * (2 if what == "twice" else 1)
    assert f"fd={fds[0]} {words}" in refused(*ports, inherit=() if what == "closed" else fds)
    for end in ends:
        os.close(end) if isinstance(end, int) else end.close()


# -- invalid requests ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec, words", [
    ("stream,path=/a,addr=127.0.0.1:1", "path=, addr= and fd= are three places: give one"),
    ("stream,server=on", "server= is about path= or addr=, and neither is there"),
    ("stream,fd=3,server=on", "server= is about path= or addr="),
    ("stream,path=relative", "path=relative is not an absolute path"),
    ("stream,path=", "path= is not an absolute path"),
    (f"stream,path=/{'x' * 107}", "path= has 108 bytes: the path of a socket may have 107"),
    (f"stream,path=/{'x' * 200},server=on", "path= has 201 bytes"),
    ("stream,addr=/run/x", "addr=/run/x is a path: path= takes it"),
    ("stream,addr=127.0.0.1", "neither an absolute path nor ADDRESS:PORT"),
    ("stream,addr=::1:5", "neither an absolute path nor ADDRESS:PORT"),
    ("stream,addr=:5", "the address in front of the colon is missing"),
    ("stream,addr=127.0.0.1:0", '"0" is not a port number (1 to 65535)'),
    ("stream,addr=127.0.0.1:65536,server=on", '"65536" is not a port number (0 to 65535)'),
    ("stream,addr=localhost:5", '"localhost" is not an address in numbers'),
    ("stream,addr=127.0.0.1:5,server=yes", "server=yes is neither on nor off"),
    ("stream,max-clients=5", "max-clients= is for a place where each client gets a port"),
    ("stream,path=/run/x,max-clients=5", "max-clients= is for a place where each client gets a port"),
    ("stream,path=/run/x,server=on,name=a,max-clients=5", "max-clients= is for a place where each client gets a port"),
    ("stream,path=/run/x,server=on,max-clients=0", "max-clients=0 is not a number of clients, 1 to 65535"),
    ("stream,path=/run/x,server=on,max-clients=many", "max-clients=many is not a number of clients"),
    ("stream,fd=x", "fd=x is not the number of a descriptor"),
    ("stream,fd=0", "fd=0 is not open: who starts the switch must have left it open, and from 3 up"),
    ("stream,fd=99999999", "fd=99999999 is not open"),
    ("stream,pth=/run/x", 'unknown key "pth" (did you mean "path"?)'),
    ("stream,addr=192.0.2.1:7000,server=on", "cannot listen on 192.0.2.1:7000: Cannot assign requested address"),
    ("stream,path=/nonexistent/x,server=on", "cannot make socket /nonexistent/x: No such file or directory"),
])
def test_refused_at_start(spec, words):
    assert words in refused("--port", spec)


def test_a_name_or_number_in_use(stack, tmp_path):
    switch = stack.enter_context(Switch("--port", "stream,name=web,port=5"))
    with Console(switch.dir / "mgmt") as console:
        for spec, words in (("name=web", 'port name "web" is in use by port 5'), ("port=5", "port 5 is in use"),
                            (f"path={tmp_path}/x,server=on,port=5", "port 5 is in use")):
            code, _, said = console.ask(f"port/add stream,{spec}")
            assert code == 1017 and words in said, (spec, said)
    assert not (tmp_path / "x").exists()
    assert words in refused("--port", "stream,port=5", "--port", "stream,port=5")


@needs_two_users
def test_places_are_for_the_owner_of_the_switch(stack):
    """Any user with access to the console may create a port; but not one that creates files or connects anywhere."""
    public = stack.enter_context(public_dir())
    switch = stack.enter_context(Switch("--mgmtmode", "666", "-m", "666", "--dirmode", "777", dir=public / "sw"))
    with acting_as(NOBODY):
        console = Console(switch.dir / "mgmt")
    stack.callback(console.close)
    for key in (f"path={public}/x,server=on", "addr=127.0.0.1:7000", "fd=3"):
        assert console.cmd(f"port/add stream,{key}")[0] == 1001, key
    assert not (public / "x").exists()
    assert console.cmd("port/add stream,name=mine")[0] == 1000
    assert (switch.dir / "mine.stream").exists()
