"""Streams: frames over connections, however the bytes are split, and the ports that they are on."""

import contextlib
import os
import random
import re
import signal
import socket
import time

import pytest

from frames import BROADCAST, LARGEST_FRAME, frame, frame_from, host, tag
from process import cpu_share, paused
from streamclient import LONGEST, PREFIX, StreamClient, assert_hear_each_other, framed, plug
from switch import Switch, wait_for
from users import NOBODY, acting_as, needs_two_users, public_dir
from vdeclient import VdeClient

SIZES = [14, 15, 59, 60, 61, 1514, 1518, 4096, 9216, LARGEST_FRAME]


# -- frames --------------------------------------------------------------------------------------------------


def test_frames_of_every_size_arrive_as_they_were(stack, switch):
    one, other = plug(stack, switch), plug(stack, switch)
    vde = stack.enter_context(VdeClient(switch.dir))
    switch.wait_attached(2)
    for sender, number, receivers in ((one, 1, (other, vde)), (other, 2, (one, vde)), (vde, 3, (one, other))):
        for size in SIZES:
            sent = frame_from(number, size)
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
    frames = [frame_from(1, size) for size in sizes]
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
    """Its socket accepts frames in pieces; framing is kept all the same, and nothing is lost below the bounds."""
    one, slow = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    sizes = [random.Random(7).choice(SIZES) for _ in range(400)]
    frames = [frame_from(1, size) for size in sizes]
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
    one.send(frame_from(1, 60))
    assert stopped.recv() == frame_from(1, 60) == other.recv()
    switch.assert_balanced()


def test_many_small_frames_in_one_write(stack, switch):
    """More than one batch in one read: all arrive, without another write by the peer."""
    one, other = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    frames = [frame(BROADCAST, host(1), payload=number.to_bytes(4, "big")) for number in range(1000)]
    one.send(*frames)
    assert [other.recv() for _ in frames] == frames
    share = cpu_share(switch.pid)
    assert share < 0.2, f"busy when there is nothing to do: {share:.0%}"


def test_one_read_of_many_frames_does_not_hold_up_others(stack, switch):
    """A thousand frames that are read at once are switched a batch at a time; others' frames are switched in between."""
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
    """A switch, a malicious peer on port 1, and two that exchange frames whatever happens."""
    evil, one, other = plug(stack, switch), plug(stack, switch), plug(stack, switch)
    switch.wait_attached(3)
    yield switch, evil, (one, other)
    assert_hear_each_other(one, other, 5, 6)
    switch.assert_balanced()


@pytest.mark.parametrize("length", [LONGEST + 1, 70_000, 1 << 31, (1 << 32) - 1])
def test_impossible_length_resets_that_connection_alone(trio, length):
    switch, evil, bystanders = trio
    last = frame_from(1, 100)
    evil.send(last)
    evil.send_bytes(PREFIX.pack(length) + b"xyz")
    assert evil.is_closed()
    assert all(each.recv() == last for each in bystanders), "what came before was good"
    assert re.search(f"port 1: its stream announces a frame of {length} bytes", switch.stderr())


@pytest.mark.parametrize("length", [0, 1, 13])
def test_runts_are_counted(trio, length):
    switch, evil, bystanders = trio
    evil.send(bytes(length), bytes(length))
    evil.send(frame_from(1, 60))
    assert all(each.recv() == frame_from(1, 60) for each in bystanders)
    assert switch.drops(1) == {"runt": 2}


@pytest.mark.parametrize("length", [LARGEST_FRAME + 1, 20_000, LONGEST])
def test_oversize_frames_are_counted(trio, length):
    switch, evil, bystanders = trio
    evil.send(frame_from(1, length))
    evil.send(frame_from(1, 60))
    assert all(each.recv() == frame_from(1, 60) for each in bystanders)
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


def test_frame_that_was_cut_is_counted(stack):
    """A client disconnects in the middle of a frame: that frame does not count as delivered."""
    switch = stack.enter_context(Switch())
    one, slow = plug(stack, switch), plug(stack, switch)
    switch.wait_attached(2)
    for number in range(500):
        one.send(frame_from(number, 9000))
    wait_for(lambda: switch.balance()["received"] == 500, message="all frames to be read")
    whole = 0
    while not slow.has_part():  # the room in the socket may end where a frame does
        assert whole < 400, "no frame was cut"
        whole += len([slow.recv() for _ in range(20)])
        switch.ok("port/showinfo")  # as much as there is room for is sent
        with paused(switch.pid):
            whole += len(slow.pending())
            if slow.has_part():
                slow.close()
    switch.wait_left(2)
    balance = switch.assert_balanced()
    assert balance["handed"] == whole and balance["egress_drops"] == 500 - whole
    assert switch.drops(2).keys() <= {"queue-full", "send-error", "detached"} and switch.drops(2)["detached"] > 0


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
    """A second client is refused with a reason while the first is connected; the next one finds VLAN and counters again."""
    switch = stack.enter_context(Switch("--port", "stream,name=web,vlan=10,port=7", "--port", "vde,port=8,vlan=10"))
    listener = stack.enter_context(VdeClient(switch.dir, port=8))
    first = plug(stack, switch, "web.stream")
    switch.wait_attached("web")
    second = plug(stack, switch, "web.stream")
    assert second.is_closed()
    assert re.search(r"refused a stream client \(user \d+, process \d+ \(.*\)\): web is in use by ", switch.stderr())
    for number in range(1, 4):
        first.send(frame_from(1, 60))
        assert listener.recv() == frame_from(1, 60)
        assert switch.port(7)["IN"][0] == number
        first.close()
        switch.wait_left("web")
        first = plug(stack, switch, "web.stream")
        switch.wait_attached("web")
    assert "VLAN: 10" in switch.port_text("web")


@pytest.mark.parametrize("kind", ["stream", "vde"])
def test_named_port_is_found_by_every_protocol(stack, kind):
    """Without further options: DIR/web and DIR/web.stream; and by its new name when it is renamed."""
    switch = stack.enter_context(Switch("--port", f"{kind},name=web,vlan=10", "--port", "stream,name=other,vlan=10"))
    other = plug(stack, switch, "other.stream")
    with VdeClient(switch.dir, ctl="web") as vde:
        other.send(frame_from(1, 60))
        assert vde.recv() == frame_from(1, 60)
    switch.wait_left("web")
    with StreamClient(switch.dir / "web.stream") as stream:
        switch.wait_attached("web")
        assert_hear_each_other(other, stream, 1, 2)
    switch.ok("port/setname web db")
    assert {"db", "db.stream"} <= set(os.listdir(switch.dir)) and not {"web", "web.stream"} & set(os.listdir(switch.dir))
    switch.ok("port/del db")
    assert not {"db", "db.stream"} & set(os.listdir(switch.dir))


def test_name_that_one_protocol_cannot_have_is_nobodys(stack, switch):
    """If DIR/web.stream exists, DIR/web is not created, and the old name is not removed."""
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
        sent = frame_from(1, 60 + number)
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
