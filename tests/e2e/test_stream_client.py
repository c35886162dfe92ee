"""Streams: the switch connects to others, and reconnects."""

import contextlib
import socket
import time

import pytest

import lan
from frames import frame_from
from netns import Namespace
from process import cpu_share
from streamclient import StreamClient, StreamServer, assert_hear_each_other, plug
from switch import Switch, wait_for
from vdeclient import VdeClient


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
                far.send(frame_from(attempt, 60))
                assert ear.recv() == frame_from(attempt, 60)
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


@pytest.mark.alone
@pytest.mark.parametrize("silent", ["accepts and says nothing", "does not accept", "does not answer"])
def test_hanging_far_side_disturbs_nobody(stack, tmp_path, silent):
    """A backlog that is full, or a host that drops everything: others are not affected, the console answers."""
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
    """One listens and one connects; either is killed and started again; within a second the hosts reach each other."""
    namespace = stack.enter_context(Namespace())
    place = f"path={tmp_path}/link.sock" if kind == "path" else "addr=127.0.0.1:7200"
    options = {"near": ["--port", f"stream,{place},server=on,port=9"], "far": ["--port", f"stream,{place},port=9"]}
    switches = {name: Switch(*words, dir=tmp_path / name, prefix=namespace.prefix) for name, words in options.items()}
    for switch in switches.values():
        stack.callback(lambda name=switch: name.kill())
    for victim in ("near", "far", "near"):
        switches[victim].kill()
        switches[victim].close()
        (tmp_path / victim / "ctl").unlink()  # when it returns the next one is up
        switches[victim] = Switch(*options[victim], dir=tmp_path / victim, prefix=namespace.prefix)
        begin = time.monotonic()
        one, two = (StreamClient(switches[name].dir / "stream") for name in ("near", "far"))
        sent = frame_from(1, 60)
        with one, two:
            wait_for(lambda: one.send(sent) or sent in two.pending(),  # pylint: disable=cell-var-from-loop
                     message="a frame to cross")
            assert time.monotonic() - begin < 1.5
    for switch in switches.values():
        switch.assert_balanced()
        switch.close()
