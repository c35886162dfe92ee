"""Streams: frames over UNIX and TCP connections, whoever connects, however the bytes are cut."""

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import time

import pytest

import lan
from console import Console
from frames import BROADCAST, LARGEST_FRAME, frame, host, tag
from netns import Namespace
from process import cpu_share, paused
from streamclient import LONGEST, PREFIX, StreamClient, StreamServer, framed
from switch import PROGRAM, Switch, preloaded, wait_for
from users import NOBODY, acting_as, needs_two_users, public_dir
from vdeclient import Refused, VdeClient

SIZES = [14, 15, 59, 60, 61, 1514, 1518, 4096, 9216, LARGEST_FRAME]


def plug(stack, switch, name="stream"):
    return stack.enter_context(StreamClient(switch.dir / name))


def content(number, size, target=BROADCAST):
    """A frame from host NUMBER of exactly SIZE bytes, which do not repeat."""
    return frame(target, host(number), payload=random.Random(size).randbytes(max(0, size - 14)))[:max(size, 14)]


def assert_hear_each_other(one, other, *numbers):
    """ONE sends broadcasts that OTHER hears, and the other way round."""
    for sender, receiver, number in ((one, other, numbers[0]), (other, one, numbers[1])):
        sent = content(number, 100)
        sender.send(sent)
        assert receiver.recv() == sent


# -- frames --------------------------------------------------------------------------------------------------


def test_frames_of_every_size_arrive_as_they_were(stack, switch):
    one, other = plug(stack, switch), plug(stack, switch)
    vde = stack.enter_context(VdeClient(switch.dir))
    switch.wait_attached(2)
    for sender, number, receivers in ((one, 1, (other, vde)), (other, 2, (one, vde)), (vde, 3, (one, other))):
        for size in SIZES:
            sent = content(number, size)
            sender.send(sent)
            assert all(receiver.recv() == sent for receiver in receivers)
    switch.assert_balanced()


@pytest.mark.parametrize("most", [1, 3, 7, 1000, 100_000])
def test_however_the_stream_is_cut(stack, switch, most):
    """Most is 1: a peer that trickles single bytes."""
    one, other = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    chance = random.Random(most)
    sizes = [60, 14, 1514] if most == 1 else [chance.choice(SIZES[:6 if most < 10 else None]) for _ in range(200)]
    frames = [content(1, size) for size in sizes]
    data, at = framed(*frames), 0
    one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    heard = []
    while at < len(data):
        size = chance.randint(1, most)
        one.send_bytes(data[at:at + size])
        at += size
        heard += other.pending()
    while len(heard) < len(frames):
        heard.append(other.recv())
    assert heard == frames
    switch.assert_balanced()


def test_trunk_and_access_ports(stack):
    switch = stack.enter_context(Switch("--port", "stream,name=trunk,vlan=none,trunk=10+20", "--port", "stream,name=ten,vlan=10",
                                        "--port", "stream,name=twenty,vlan=20"))
    trunk, ten, twenty = (plug(stack, switch, f"{name}.stream") for name in ("trunk", "ten", "twenty"))
    for name in ("trunk", "ten", "twenty"):
        switch.wait_attached(name)
    trunk.send(frame(BROADCAST, host(1), tag(20), payload=b"to twenty"))
    assert twenty.recv() == frame(BROADCAST, host(1), payload=b"to twenty")
    ten.send(frame(BROADCAST, host(2), payload=b"from ten"))
    assert trunk.recv() == frame(BROADCAST, host(2), tag(10), payload=b"from ten")
    assert ten.heard_nothing() and twenty.heard_nothing()
    switch.assert_balanced()


def test_slow_reader_gets_whole_frames(stack, switch):
    """Its socket takes frames in pieces; what it is sent is in step all the same, and nothing is lost below the bounds."""
    one, slow = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    sizes = [random.Random(7).choice(SIZES) for _ in range(400)]
    frames = [content(1, size) for size in sizes]
    one.send(*frames)
    wait_for(lambda: switch.port(2)["OUT"][0] + switch.balance()["queued"] == len(frames), message="all frames to be switched")
    assert switch.balance()["queued"] > 0, "it was not slow"
    assert [slow.recv() for _ in frames] == frames
    wait_for(lambda: switch.balance()["queued"] == 0, message="the queue to empty")
    switch.assert_balanced()


def test_reader_that_stops_costs_others_nothing(stack, switch):
    one, other, stopped = plug(stack, switch), plug(stack, switch), plug(stack, switch)
    switch.wait_attached(3)
    sent, heard = [], []
    for number in range(1200):
        sent.append(frame(BROADCAST, host(1), payload=number.to_bytes(4, "big"), size=9000))
        one.send(sent[-1])
        heard.append(other.recv())
    assert heard == sent
    assert switch.drops(3) and not switch.drops(2)
    switch.assert_balanced()
    late = []
    wait_for(lambda: late.extend(stopped.pending()) or switch.balance()["queued"] == 0, message="the queue to empty")
    late += stopped.pending()
    assert len(late) > 100 and late == sent[:len(late)], "what it reads later are whole frames, in order"
    one.send(content(1, 60))
    assert stopped.recv() == content(1, 60) == other.recv()
    switch.assert_balanced()


def test_many_small_frames_in_one_write(stack, switch):
    """More than one batch in one read: all come, and nobody need write again for that."""
    one, other = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    frames = [frame(BROADCAST, host(1), payload=number.to_bytes(4, "big")) for number in range(1000)]
    one.send(*frames)
    assert [other.recv() for _ in frames] == frames
    share = cpu_share(switch.pid)
    assert share < 0.2, f"busy when there is nothing to do: {share:.0%}"


def test_one_read_of_many_frames_does_not_hold_up_others(stack, switch):
    """A thousand frames that are read at once go through the switch a batch a turn; who sends one meanwhile has a turn, too."""
    flood, ear = plug(stack, switch), plug(stack, switch)
    early, late = (stack.enter_context(VdeClient(switch.dir)) for _ in range(2))
    switch.wait_attached(4)
    lone = [frame(BROADCAST, host(number), payload=b"a lone frame") for number in (7, 8)]
    with paused(switch.pid):
        early.send(lone[0])
        flood.send(*(frame(BROADCAST, host(1), payload=number.to_bytes(4, "big")) for number in range(1000)))
        late.send(lone[1])
    heard = [ear.recv() for _ in range(1002)]
    assert all(heard.index(each) < 300 for each in lone), [heard.index(each) for each in lone]


# -- lengths and cuts ----------------------------------------------------------------------------------------


@pytest.fixture
def trio(stack, switch):
    """A switch, an evil peer on port 1, and two that talk whatever happens."""
    evil, one, other = plug(stack, switch), plug(stack, switch), plug(stack, switch)
    switch.wait_attached(3)
    yield switch, evil, (one, other)
    assert_hear_each_other(one, other, 5, 6)
    switch.assert_balanced()


@pytest.mark.parametrize("length", [LONGEST + 1, 70_000, 1 << 31, (1 << 32) - 1])
def test_impossible_length_resets_that_connection_alone(trio, length):
    switch, evil, bystanders = trio
    last = content(1, 100)
    evil.send(last)
    evil.send_bytes(PREFIX.pack(length) + b"xyz")
    assert evil.is_closed()
    assert all(each.recv() == last for each in bystanders), "what came before was good"
    assert re.search(f"port 1: its stream announces a frame of {length} bytes", switch.stderr())


@pytest.mark.parametrize("length", [0, 1, 13])
def test_runts_are_counted(trio, length):
    switch, evil, bystanders = trio
    evil.send(bytes(length), bytes(length))
    evil.send(content(1, 60))
    assert all(each.recv() == content(1, 60) for each in bystanders)
    assert switch.drops(1) == {"runt": 2}


@pytest.mark.parametrize("length", [LARGEST_FRAME + 1, 20_000, LONGEST])
def test_oversize_frames_are_counted(trio, length):
    switch, evil, bystanders = trio
    evil.send(content(1, length))
    evil.send(content(1, 60))
    assert all(each.recv() == content(1, 60) for each in bystanders)
    assert switch.drops(1) == {"oversize": 1}


@pytest.mark.parametrize("data", [b"\0", b"\0\0\0", PREFIX.pack(60), PREFIX.pack(60) + bytes(59)],
                         ids=["one byte", "in the header", "behind the header", "in the frame"])
@pytest.mark.parametrize("end", ["close", "half", "reset"])
def test_cut_off(trio, data, end):
    switch, evil, _ = trio
    evil.send_bytes(data)
    if end == "half":
        evil.socket.shutdown(socket.SHUT_WR)
    else:
        evil.close()
    switch.wait_left(1)
    assert switch.port(1)["IN"] == (0, 0) and switch.drops(1) == {}


def test_silent_connections_cost_nothing(trio):
    switch, *_ = trio
    with contextlib.ExitStack() as silent:
        for _ in range(20):
            plug(silent, switch)
        switch.wait_attached(23)
        assert cpu_share(switch.pid) < 0.05


# -- ports ---------------------------------------------------------------------------------------------------


def test_each_connection_is_a_port_and_a_port_is_used_again(stack, switch):
    one, two = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    one.close()
    switch.wait_left(1)
    three = plug(stack, switch)
    switch.wait_attached(1)
    assert_hear_each_other(two, three, 2, 3)


def test_named_port_has_one_stream_at_a_time(stack):
    """A second claimant is refused with a reason while the first lives; the next finds VLAN and counters again."""
    switch = stack.enter_context(Switch("--port", "stream,name=web,vlan=10,port=7", "--port", "vde,port=8,vlan=10"))
    listener = stack.enter_context(VdeClient(switch.dir, port=8))
    first = plug(stack, switch, "web.stream")
    switch.wait_attached("web")
    second = plug(stack, switch, "web.stream")
    assert second.is_closed()
    assert re.search(r"refused a stream client \(user \d+, process \d+ \(.*\)\): web is in use by ", switch.stderr())
    for number in range(1, 4):
        first.send(content(1, 60))
        assert listener.recv() == content(1, 60)
        assert switch.port(7)["IN"][0] == number
        first.close()
        switch.wait_left("web")
        first = plug(stack, switch, "web.stream")
        switch.wait_attached("web")
    assert "VLAN: 10" in switch.port_text("web")


@pytest.mark.parametrize("kind", ["stream", "vde"])
def test_named_port_is_found_by_every_protocol(stack, kind):
    """Without another word: DIR/web and DIR/web.stream; and by its new name when it is renamed."""
    switch = stack.enter_context(Switch("--port", f"{kind},name=web,vlan=10", "--port", "stream,name=other,vlan=10"))
    other = plug(stack, switch, "other.stream")
    with VdeClient(switch.dir, ctl="web") as vde:
        other.send(content(1, 60))
        assert vde.recv() == content(1, 60)
    switch.wait_left("web")
    with StreamClient(switch.dir / "web.stream") as stream:
        switch.wait_attached("web")
        assert_hear_each_other(other, stream, 1, 2)
    switch.ok("port/setname web db")
    assert {"db", "db.stream"} <= set(os.listdir(switch.dir)) and not {"web", "web.stream"} & set(os.listdir(switch.dir))
    switch.ok("port/del db")
    assert not {"db", "db.stream"} & set(os.listdir(switch.dir))


def test_name_that_one_protocol_cannot_have_is_nobodys(stack, switch):
    """Something is in the way of DIR/web.stream: neither DIR/web is made, nor does the old name go."""
    (switch.dir / "web.stream").mkdir()
    switch.ok("port/add vde,name=db,port=3")
    for command in ("port/add vde,name=web", "port/setname db web", "port/set 3 name=web,vlan=10"):
        assert switch.cmd(command)[0] == 1017, command
    assert not (switch.dir / "web").exists() and (switch.dir / "db.stream").exists()
    (switch.dir / "web.stream").rmdir()
    switch.ok("port/setname db web")
    with VdeClient(switch.dir, ctl="web"):
        pass


@needs_two_users
def test_a_port_of_one_user_is_closed_to_others(stack):
    public = stack.enter_context(public_dir())
    switch = stack.enter_context(Switch("-m", "666", "--dirmode", "777", "--port", "stream,name=web", dir=public / "sw"))
    switch.ok("port/setuser 1 daemon")
    with acting_as(NOBODY):
        assert plug(stack, switch, "web.stream").is_closed()
    assert f"port 1 is not open to user {NOBODY}" in switch.stderr()
    with acting_as(1):
        plug(stack, switch, "web.stream")
    switch.wait_attached("web")


def test_two_hundred_kills(stack):
    """Clients that are killed and come back, VDE and stream in turn: name, VLAN and counters stay, descriptors do not."""
    switch = stack.enter_context(Switch("--port", "vde,name=web,vlan=10,port=1", "--port", "stream,name=ear,vlan=10,port=2"))
    ear = plug(stack, switch, "ear.stream")
    switch.wait_attached("ear")
    before = switch.fds()
    for number in range(200):
        sent = content(1, 60 + number)
        ready, told = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                client = VdeClient(switch.dir, ctl="web") if number % 2 else StreamClient(switch.dir / "web.stream")
                client.send(sent)
                os.write(told, b"x")
                time.sleep(60)
            finally:
                os._exit(1)
        os.close(told)
        assert os.read(ready, 1) == b"x", "the client could not plug in"
        os.close(ready)
        assert ear.recv() == sent
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        switch.wait_left("web")
    assert switch.port(1)["IN"][0] == 200
    text = switch.port_text("web")
    assert "Name: web" in text and "VLAN: 10" in text
    assert switch.fds() == before
    assert len(switch.ok("port/allprint")) > 0 and "Port 0003" not in "\n".join(switch.ok("port/allprint"))
    switch.assert_balanced()


# -- listening elsewhere -------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["path=/{}/g.sock", "addr=127.0.0.1:0", "addr=[::1]:0"], ids=["unix", "tcp", "tcp6"])
def test_listener_gives_each_client_a_port_like_its_own(stack, tmp_path, where):
    place = where.format(str(tmp_path).lstrip("/"))
    switch = stack.enter_context(Switch("--port", f"stream,{place},server=on,vlan=10,descr=a,, b,learn=7"))
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
    """Whom a listener gives ports to cannot take them all, whatever becomes of the listener's other clients."""
    switch = stack.enter_context(Switch("--port", f"stream,path={tmp_path}/a,server=on,most=2,vlan=10",
                                        "--port", f"stream,path={tmp_path}/b,server=on,most=1"))
    one, two = (stack.enter_context(StreamClient(tmp_path / "a")) for _ in range(2))
    switch.wait_attached(2)
    switch.ok("port/set 2 name=kept")
    three = stack.enter_context(StreamClient(tmp_path / "a"))
    switch.wait_attached(3)
    assert StreamClient(tmp_path / "a").is_closed()
    assert f"{tmp_path}/a has 2 clients, and most= allows no more" in switch.stderr()
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


def test_places_are_listed_and_can_be_closed(stack, tmp_path):
    switch = stack.enter_context(Switch("--port", "vde,name=web", "--port", f"stream,path={tmp_path}/one.sock,server=on,port=5",
                                        "--port", f"stream,path={tmp_path}/all.sock,server=on,vlan=10"))
    assert switch.ok("listen/print") == [
        f"VDE {switch.dir}/ctl any port", f"stream {switch.dir}/stream any port", f"VDE {switch.dir}/web port web",
        f"stream {switch.dir}/web.stream port web", f"stream {tmp_path}/one.sock port 5",
        f"stream {tmp_path}/all.sock a port each, 256 at most: stream,vlan=10"]
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
    """A connection of ours to a place of ours, and a plug whose program connects to DIR/stream."""
    switch = stack.enter_context(Switch("--port", f"stream,addr={place},server=on", "--port",
                                        "stream,addr=127.0.0.1:7303,port=9"))
    switch.ok(f"port/add plug,port=8,vnl=cmd://socat - UNIX-CONNECT:{switch.dir}/stream")
    wait_for(lambda: switch.stderr().count("it is this switch itself") >= 2, message="two words in the log")
    one, other = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    sent = content(1, 100)
    one.send(sent)
    assert other.recv() == sent
    assert one.heard_nothing(0.5) and other.heard_nothing(0)
    assert "loop" not in switch.stderr()


@needs_two_users
def test_vde_clients_of_others_do_not_join_what_is_not_for_guests(stack):
    """By its number, which anybody may ask for: the port of a TCP peer would let him hear, and keep, what is not his."""
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
    """A port that waits for anybody is anybody's; one whose endpoint came from elsewhere is nobody's when that has left."""
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
    """Who comes by TCP is nobody's user; who comes by a path is somebody's. Neither port is to be had by its number."""
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


def test_frame_that_was_cut_is_counted(stack):
    """A client leaves in the middle of a frame: what it has got of that is nothing."""
    switch = stack.enter_context(Switch())
    one, slow = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    for number in range(500):
        one.send(content(number, 9000))
    wait_for(lambda: switch.balance()["received"] == 500, message="all frames to be read")
    whole = 0
    while not slow.has_part():  # the room in the socket may end where a frame does
        assert whole < 400, "no frame was cut"
        whole += len([slow.recv() for _ in range(20)])
        switch.ok("port/showinfo")  # what there is room for is sent
        with paused(switch.pid):
            whole += len(slow.pending())
            if slow.has_part():
                slow.close()
    switch.wait_left(2)
    balance = switch.assert_balanced()
    assert balance["handed"] == whole and balance["egress_drops"] == 500 - whole
    assert switch.drops(2).keys() <= {"queue-full", "send-error", "detached"} and switch.drops(2)["detached"] > 0


@pytest.mark.full
def test_paused_tcp_guest_stays_plugged_in(stack):
    """It takes nothing for longer than a peer may be silent, while others go on talking."""
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
    guest.send(content(5, 60))
    wait_for(lambda: content(5, 60) in other.pending(), message="a word of the paused one")


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
    """Its machine was switched off: its port is free again for the next after some 25 seconds. (The pauses are the kernel's;
    here it is looked at whether the kernel was told.)"""
    switch = stack.enter_context(Switch("--port", "stream,addr=127.0.0.1:0,server=on,port=5"))
    port = int(re.search(r"(\d+) *$", subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.split(
        f"pid={switch.pid},")[0].rsplit("127.0.0.1:", 1)[1].split()[0])[1])
    with StreamClient(("127.0.0.1", port)):
        switch.wait_attached(5)
        shown = subprocess.run(["ss", "-Htnpo", f"sport = :{port}"], capture_output=True, text=True, check=True).stdout
        assert re.search(r"timer:\(keepalive,(10sec|\d\.\d+m?s)", shown), shown  # not 119min


# -- connecting, and connecting again ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_switch_connects_and_comes_back(stack, tmp_path, kind):
    namespace = stack.enter_context(Namespace())
    place = tmp_path / "far.sock" if kind == "unix" else ("127.0.0.1", 7100)
    spec = f"path={place}" if kind == "unix" else "addr=127.0.0.1:7100"
    switch = stack.enter_context(Switch("--port", f"stream,{spec},port=4,vlan=10", "--port", "vde,port=5,vlan=10",
                                        prefix=namespace.prefix))
    ear = stack.enter_context(VdeClient(switch.dir, port=5))
    switch.wait_said("port 4: stream")
    switch.wait_said("trying again")
    before = switch.fds()
    for attempt in range(3):
        listening = lan.new_socket(namespace, socket.AF_INET if kind == "tcp" else socket.AF_UNIX)
        with StreamServer(place, listening) as server:
            begin = time.monotonic()
            with server.accept(timeout=3) as far:
                assert time.monotonic() - begin < 1.5, "whoever comes back is found within a second"
                far.send(content(attempt, 60))
                assert ear.recv() == content(attempt, 60)
            switch.wait_left(4)
        if kind == "unix":
            place.unlink()
    assert switch.port(4)["IN"][0] == 3
    assert switch.fds() == before
    assert 3 <= switch.stderr().count("not connected, trying again") <= 8 and switch.stderr().count(": connected") >= 1


@pytest.mark.parametrize("how", ["port/del 4", "port/epclose 4 {}"])
def test_who_is_sent_away_does_not_come_back(stack, tmp_path, how):
    server = stack.enter_context(StreamServer(tmp_path / "far.sock"))
    switch = stack.enter_context(Switch("--port", f"stream,path={tmp_path}/far.sock,port=4"))
    far = stack.enter_context(server.accept())
    switch.wait_attached(4)
    switch.ok(how.format(switch.endpoint_id(4)))
    assert far.is_closed()
    with pytest.raises(TimeoutError):
        server.accept(timeout=1.5)


def test_removed_while_it_is_away(stack, tmp_path):
    switch = stack.enter_context(Switch("--port", f"stream,path={tmp_path}/far.sock,port=4"))
    switch.ok("port/del 4")
    server = stack.enter_context(StreamServer(tmp_path / "far.sock"))
    with pytest.raises(TimeoutError):
        server.accept(timeout=1.5)


def test_far_side_that_accepts_and_hangs_up_keeps_nobody_busy(stack, tmp_path):
    server = stack.enter_context(StreamServer(tmp_path / "far.sock"))
    switch = stack.enter_context(Switch("--port", f"stream,path={tmp_path}/far.sock,port=4"))
    count, end = 0, time.monotonic() + 4
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            server.accept(timeout=max(0.01, end - time.monotonic())).close()
            count += 1
    assert 3 <= count <= 12, f"{count} attempts in 4 s"
    assert cpu_share(switch.pid) < 0.1 and len(switch.stderr().splitlines()) < 30


@pytest.mark.parametrize("silent", ["accepts and says nothing", "does not accept", "does not answer"])
def test_hanging_far_side_disturbs_nobody(stack, tmp_path, silent):
    """A backlog that is full, or a host that swallows everything: others talk, the console answers."""
    namespace = stack.enter_context(Namespace())
    if silent == "does not answer":
        namespace.add_veth("eth0", stack.enter_context(Namespace()), "far")
        namespace.up("eth0", "198.51.100.1/24")
        namespace.run("ip", "neigh", "add", "198.51.100.9", "lladdr", "02:00:00:00:00:09", "dev", "eth0", "nud", "permanent")
        spec = "addr=198.51.100.9:7000"
    else:
        server = stack.enter_context(StreamServer(tmp_path / "far.sock"))
        server.socket.listen(0 if silent == "does not accept" else 10)
        if silent == "does not accept":
            filler = socket.socket(socket.AF_UNIX)
            stack.callback(filler.close)
            filler.connect(str(tmp_path / "far.sock"))
        spec = f"path={tmp_path}/far.sock"
    switch = stack.enter_context(Switch("--port", f"stream,{spec},port=9", prefix=namespace.prefix))
    one, two = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    end = time.monotonic() + (6 if silent == "does not answer" else 1.5)
    while time.monotonic() < end:
        begin = time.monotonic()
        assert_hear_each_other(one, two, 1, 2)
        switch.ok("port/showinfo")
        assert time.monotonic() - begin < 0.5
    assert cpu_share(switch.pid) < 0.2
    assert silent != "does not answer" or "not connected, trying again: no answer" in switch.stderr()
    switch.assert_balanced()


@pytest.mark.parametrize("kind", ["path", "tcp"])
def test_two_switches_joined_by_a_stream_find_each_other_again(stack, tmp_path, kind):
    """One listens and one connects; either is killed and started again; within a second the hosts talk."""
    namespace = stack.enter_context(Namespace())
    place = f"path={tmp_path}/link.sock" if kind == "path" else "addr=127.0.0.1:7200"
    options = {"near": ["--port", f"stream,{place},server=on,port=9"], "far": ["--port", f"stream,{place},port=9"]}
    switches = {name: Switch(*words, dir=tmp_path / name, prefix=namespace.prefix) for name, words in options.items()}
    for switch in switches.values():
        stack.callback(lambda name=switch: name.kill())
    for victim in ("near", "far", "near"):
        switches[victim].kill()
        switches[victim].close()
        (tmp_path / victim / "ctl").unlink()  # its return tells that the next one is up
        switches[victim] = Switch(*options[victim], dir=tmp_path / victim, prefix=namespace.prefix)
        begin = time.monotonic()
        one, two = (StreamClient(switches[name].dir / "stream") for name in ("near", "far"))
        with one, two:
            wait_for(lambda: one.send(content(1, 60)) or content(1, 60) in two.pending(),  # pylint: disable=cell-var-from-loop
                     message="a frame to cross")
            assert time.monotonic() - begin < 1.5
    for switch in switches.values():
        switch.assert_balanced()
        switch.close()


# -- descriptors that were inherited -------------------------------------------------------------------------


def test_inherited_connection(stack):
    ours, theirs = socket.socketpair()
    with theirs:
        assert "most= is for a place" in refused("--port", f"stream,fd={theirs.fileno()},most=2", inherit=[theirs.fileno()])
        switch = stack.enter_context(Switch("--port", f"stream,fd={theirs.fileno()},port=4", inherit=[theirs.fileno()]))
    far, near = stack.enter_context(StreamClient(ours)), plug(stack, switch)
    switch.wait_attached(1)
    assert_hear_each_other(far, near, 1, 2)
    far.close()
    switch.wait_left(4)


@pytest.mark.parametrize("port", ["", ",port=4"])
def test_inherited_listener(stack, tmp_path, port):
    """As a service manager opens one in advance."""
    with StreamServer(tmp_path / "g.sock") as server:
        fd = server.socket.fileno()
        os.set_blocking(fd, True)
        switch = stack.enter_context(Switch("--port", f"stream,fd={fd}{port}", inherit=[fd]))
    one, two = (stack.enter_context(StreamClient(place)) for place in (tmp_path / "g.sock", switch.dir / "stream"))
    switch.wait_attached(1)
    switch.wait_attached(4 if port else 2)
    assert_hear_each_other(one, two, 1, 2)


def refused(*arguments, inherit=()):
    """What a switch says that refuses to start with ARGUMENTS."""
    with public_dir() as directory:
        ended = subprocess.run([PROGRAM, "-s", str(directory / "sw"), "-f", "/dev/null", *arguments], input="", text=True,
                               capture_output=True, timeout=20, pass_fds=inherit)
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


# -- what nobody should ask for ------------------------------------------------------------------------------


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
    ("stream,most=5", "most= is for a place where each client gets a port"),
    ("stream,path=/run/x,most=5", "most= is for a place where each client gets a port"),
    ("stream,path=/run/x,server=on,name=a,most=5", "most= is for a place where each client gets a port"),
    ("stream,path=/run/x,server=on,most=0", "most=0 is not a number of clients, 1 to 65535"),
    ("stream,path=/run/x,server=on,most=many", "most=many is not a number of clients"),
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
    """By the console anybody whom the switch lets in may make a port; but not have it write and connect where he likes."""
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
