"""Each program that is known to drive vde_switch, with its command lines and its side of the console, literally.

The real programs and libraries of Debian's vde2 run here as they are; the others (Kathara, the NixOS test driver,
openQA, virtualbricks, Marionnet, User Mode Linux) are played by what their sources send and expect.
With VSWITCHD=/usr/bin/vde_switch the tests check their own expectations.
"""

import contextlib
import ctypes
import multiprocessing
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import pytest

import process
from console import END_OF_SESSION, PROMPT, Console
from frames import BROADCAST, frame, host, mac, tag
from switch import PROGRAM, wait_for
from vdeclient import VdeClient, abstract_name, ask, data_socket, reply_path, request_v3

SPANNING_TREE = mac("01:80:c2:00:00:00")


@pytest.fixture
def place(tmp_path):
    """A directory for sockets; $HOME is in it, so no rc file of ours is read."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "vde_switch").symlink_to(PROGRAM)
    return tmp_path


@pytest.fixture
def vde_switch(place):
    """Starts the switch as vde_switch, in the foreground, with pipes; it ends with the test."""
    with contextlib.ExitStack() as stack:
        def start(*args, **options):
            options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **options}
            return stack.enter_context(process.running(place / "bin" / "vde_switch", *args, cwd=place,
                                                       env={**os.environ, "HOME": str(place)}, **options))
        yield start


def console(path):
    """A session, as soon as the switch has made its socket."""
    def connected():
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            return Console(path)
        return None
    return wait_for(connected, message=f"a console at {path}")


def client(directory, **how):
    wait_for(lambda: os.path.exists(f"{directory}/ctl"), message="ctl")
    return VdeClient(directory, **how)


def hears(receiver, sent, timeout=5.0):
    """Whether the next frame that RECEIVER gets is SENT; spanning tree frames do not count."""
    try:
        while (heard := receiver.recv(timeout)).startswith(SPANNING_TREE):
            pass
        return heard == sent
    except TimeoutError:
        return False


def hear_each_other(one, other):
    """Whether each receives what the other one sends."""
    for sender, receiver in ((one, other), (other, one)):
        greeting = frame(BROADCAST, host(sender.port))
        sender.send(greeting)
        if not hears(receiver, greeting):
            return False
    return True


def read_until(fd, mark, timeout=20.0):
    """What comes out of FD up to the first read that completes MARK (bytes, or a condition on all so far)."""
    said, end = b"", time.monotonic() + timeout
    enough = mark if callable(mark) else lambda text: mark in text
    while not enough(said):
        ready, _, _ = select.select([fd], [], [], max(0, end - time.monotonic()))
        assert ready, f"nothing more after {said!r}"
        chunk = os.read(fd, 65536)
        assert chunk, f"the end after {said!r}"
        said += chunk
    return said


def quiet(fd, seconds=0.3):
    """Whether nothing comes out of FD for a while."""
    return not select.select([fd], [], [], seconds)[0]


# -- Kathara -------------------------------------------------------------------------------------------------


class Kathara:
    """Its network plugin's side of the management socket."""

    STATUS = re.compile(r"^(1\d{3})(?: (.*))?$")

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(5)
        self.socket.connect(str(path))
        self._reply()

    def _reply(self):
        data = b""
        while not data.endswith(PROMPT):
            chunk = self.socket.recv(4096)
            assert chunk, f"closed after {data!r}"
            data += chunk
        return data.removesuffix(PROMPT).decode()

    def run(self, command):
        """Returns (code, data lines)."""
        self.socket.sendall(command.encode() + b"\n")
        code, lines, inside = None, [], False
        for line in self._reply().split("\n"):
            line = line.rstrip("\r")
            if inside:
                inside = line != "."
                lines += [line] * inside
            elif line.startswith("0000 DATA END WITH"):
                inside = True
            elif found := self.STATUS.match(line):
                code = int(found[1])
        assert code is not None, f"no status in the reply to {command}"
        return code, lines

    def create_port(self):
        """Recreates a port, whatever it was before."""
        code, lines = self.run("port/createauto")
        assert code == 1000
        (number,) = [int(found[1]) for found in map(re.compile(r"^Port (\d+)").match, lines) if found]
        assert self.run(f"port/remove {number}")[0] == 1000
        assert self.run(f"port/create {number}")[0] == 1000
        return number

    def remove_port(self, number):
        """Until the switch has seen that the endpoint is gone. Returns the codes it gave."""
        codes = []
        while not codes or codes[-1] == 1098:
            codes.append(self.run(f"port/remove {number}")[0])
            assert len(codes) <= 20
            time.sleep(0.05 * (codes[-1] == 1098))
        return codes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture
def kathara(place):
    """A collision domain: its files, and how the plugin starts, kills and clears it."""
    class Domain:
        directory, pidfile, mgmt = place / "lab" / "sw", place / "lab" / "pid", place / "lab" / "mgmt"
        running = None

        def start(self, *options):
            self.directory.parent.mkdir(exist_ok=True)
            done = subprocess.run([place / "bin" / "vde_switch", "-n", "65535", *options, "-d", "-s", self.directory,
                                   "-p", self.pidfile, "-M", self.mgmt], stdin=subprocess.DEVNULL, timeout=20,
                                  env={**os.environ, "HOME": str(place)}, check=False)
            assert done.returncode == 0
            wait_for(lambda: self.pidfile.exists() and self.pidfile.read_text().endswith("\n") and self.mgmt.exists()
                     and (self.directory / "ctl").exists(), message="pidfile and sockets")
            self.running = int(self.pidfile.read_text())

        def destroy(self):
            """SIGKILL and rm -rf."""
            if self.running:
                os.kill(self.running, signal.SIGKILL)
                wait_for(lambda: not process.is_alive(self.running), message="the end of the switch")
            self.running = None
            shutil.rmtree(self.directory.parent, ignore_errors=True)

    domain = Domain()
    try:
        yield domain
    finally:
        domain.destroy()


def test_kathara_ports(kathara):
    kathara.start()
    with Kathara(kathara.mgmt) as mgmt:
        first, second = mgmt.create_port(), mgmt.create_port()
        assert (first, second) == (1, 2)
        one = VdeClient(kathara.directory, port=first)
        assert mgmt.run(f"port/remove {first}")[0] == 1098
        one.close()
        assert mgmt.remove_port(first)[-1] == 1000
        assert mgmt.remove_port(first) == [1006]
        assert mgmt.create_port() == first


def test_kathara_vlans(kathara):
    """Two machines on untagged ports of VLAN 10, a third on a trunk; machines without a common VLAN stay apart."""
    kathara.start()
    with Kathara(kathara.mgmt) as mgmt:
        ports = [mgmt.create_port() for _ in range(4)]
        for port in ports[:2]:
            assert mgmt.run("vlan/create 10")[0] == (1000 if port == ports[0] else 1017)
            assert mgmt.run(f"port/setvlan {port} 10")[0] == 1000
        assert mgmt.run(f"vlan/addport 10 {ports[2]}")[0] == 1000
        machines = [VdeClient(kathara.directory, port=port) for port in ports]
        sent = frame(BROADCAST, host(1))
        machines[0].send(sent)
        assert hears(machines[1], sent)
        assert hears(machines[2], frame(BROADCAST, host(1), tag(10)))
        assert mgmt.run(f"vlan/delport 10 {ports[2]}")[0] == 1000
        assert mgmt.run("vlan/delport 10 77")[0] == 1006
        machines[0].send(sent)
        assert hears(machines[1], sent)
        assert mgmt.run(f"port/setvlan {ports[1]} 0")[0] == 1000
        assert hear_each_other(machines[1], machines[3])
        assert not machines[2].pending()[2:] and not hears(machines[0], sent, 0.2)
        for machine in machines:
            machine.close()


def test_kathara_hub(kathara):
    kathara.start("-x")
    with VdeClient(kathara.directory) as one, VdeClient(kathara.directory) as other:
        sent = frame(host(7), host(1), tag(33))
        one.send(sent)
        assert hears(other, sent)


def test_kathara_kills_and_starts_in_the_same_place(kathara):
    for _ in range(2):
        kathara.start()
        with Kathara(kathara.mgmt) as mgmt, VdeClient(kathara.directory) as one, VdeClient(kathara.directory) as other:
            assert mgmt.create_port() == 3
            assert hear_each_other(one, other)
        kathara.destroy()


def test_switch_starts_over_what_a_killed_one_left(kathara):
    """Without the rm -rf: stale sockets are replaced (a pidfile is not)."""
    kathara.start()
    os.kill(kathara.running, signal.SIGKILL)
    wait_for(lambda: not process.is_alive(kathara.running), message="the end of the switch")
    assert kathara.mgmt.exists() and (kathara.directory / "ctl").exists()
    kathara.pidfile.unlink()
    kathara.start()
    with console(kathara.mgmt) as mgmt, client(kathara.directory) as one:
        assert mgmt.ok(f"port/print {one.port}")


# -- NixOS test driver ---------------------------------------------------------------------------------------


def test_nixos_driver(vde_switch, place):
    """Ready when a line of the reply to showinfo has come and ctl is there; a hub; ends with its stdin."""
    directory = place / "vde1.ctl"
    switch = vde_switch("--sock", directory, "--dirmode", "0700", "--hub")
    switch.stdin.write(b"showinfo\n")
    switch.stdin.flush()
    read_until(switch.stdout.fileno(), lambda said: re.search(rb"1000 Success.*\n", said))
    assert (directory / "ctl").exists()
    with VdeClient(directory) as one, VdeClient(directory) as other:
        sent = frame(host(5), host(1), tag(77))
        one.send(sent)
        assert hears(other, sent)
    switch.stdin.close()
    assert switch.wait(20) == 0
    assert not directory.exists()


def test_older_nixos_driver(vde_switch, place):
    """A terminal as stdin, some command, and any line on stdout means that the switch is up."""
    master, slave = pty.openpty()
    switch = vde_switch("-s", place / "vde1.ctl", "--dirmode", "0700", stdin=slave)
    os.close(slave)
    try:
        os.write(master, b"version\n")
        assert read_until(switch.stdout.fileno(), b"\n").split(b"\n")[0].strip()
        assert (place / "vde1.ctl" / "ctl").exists()
    finally:
        os.close(master)


# -- openQA --------------------------------------------------------------------------------------------------


def unixcmd(mgmt, *words):
    """Debian's vdecmd: its exit status is 255 whatever the switch says, so what it did must be looked up."""
    done = subprocess.run(["unixcmd", "-s", mgmt, "-f", "/etc/vde2/vdecmd", *words], capture_output=True, timeout=20,
                          stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 255, done
    return done.stdout.replace(b"\0", b"").decode()


def test_openqa(vde_switch, place):
    """The network of a job: ports made and put into a VLAN before its machines attach, and again after they left."""
    directory, mgmt = place / "vde.ctl", place / "vde.mgmt"
    vde_switch("-sock", directory, "-mgmt", mgmt)
    with console(mgmt) as looker:
        unixcmd(mgmt, "vlan/create", "5")
        for port in (6, 7):
            for words in (["port/remove", str(port)], ["port/create", str(port)], ["vlan/create", "5"],
                          ["port/setvlan", str(port), "5"]):
                unixcmd(mgmt, *words)
        for _ in range(2):
            with client(directory, port=6) as one, client(directory, port=7) as two, client(directory) as outsider:
                assert hear_each_other(one, two)
                assert not outsider.pending()
                assert "untagged_vlan=0005 ACTIVE" in unixcmd(mgmt, "port/print", "6").splitlines()[0]
            wait_for(lambda: looker.cmd("port/print")[1] == [], message="the machines to be gone")
            assert "untagged_vlan=0005 INACTIVE" in unixcmd(mgmt, "port/allprint", "7").splitlines()[0]
        unixcmd(mgmt, "port/remove", "6")
        assert looker.cmd("port/allprint 6")[0] == 1006


# -- virtualbricks -------------------------------------------------------------------------------------------


class Virtualbricks:
    """Its side of a switch's stdin and stdout: a prompt is the acknowledgement of one command."""

    PROMPT = re.compile(rb"^vde(?:\[[^]]*\]:|\$) ", re.M)

    def __init__(self, switch):
        self.switch = switch
        self.said = b""

    def prompts(self):
        return len(self.PROMPT.findall(self.said))

    def command(self, line):
        """Returns how many prompts came, waiting for the first and a little longer for one too many."""
        before = self.prompts()
        self.switch.stdin.write(line.encode() + b"\n")
        self.switch.stdin.flush()
        self.said += read_until(self.switch.stdout.fileno(), lambda text: self.PROMPT.search(text))
        self.listen()
        return self.prompts() - before

    def listen(self, seconds=0.2):
        while not quiet(self.switch.stdout.fileno(), seconds):
            chunk = os.read(self.switch.stdout.fileno(), 65536)
            if not chunk:
                return
            self.said += chunk


@pytest.mark.skipif(os.path.basename(PROGRAM) == "vde_switch", reason="writes its prompts to its standard input")
@pytest.mark.parametrize("options", [[], ["-x"], ["-F"]], ids=["switch", "hub", "fstp"])
def test_virtualbricks(vde_switch, place, options):
    """Exactly one prompt for each live command, none before, none for what happens; SIGTERM ends it well."""
    name = place / "sw0"
    hub = options[:1] if options == ["-x"] else []
    switch = vde_switch(*hub, "-n", "32", *(options if not hub else []), "-s", f"{name}.ctl", "-M", f"{name}.mgmt")
    bricks = Virtualbricks(switch)
    with console(f"{name}.mgmt") as other, client(f"{name}.ctl") as one, client(f"{name}.ctl") as two:
        assert hear_each_other(one, two)
        other.ok("vlan/create 3")
        bricks.listen()
        assert bricks.prompts() == 0, bricks.said
        for line in ("fstp/setfstp 0", "fstp/setfstp 1", "port/sethub 1", "port/sethub 0", "port/setnumports 40"):
            assert bricks.command(line) == 1, (line, bricks.said)
        assert "Numports=40" in other.ok("port/showinfo")
    bricks.listen()
    assert bricks.prompts() == 5
    switch.terminate()
    assert switch.wait(20) == 0
    assert not os.path.exists(f"{name}.ctl") and not os.path.exists(f"{name}.mgmt")


# -- Marionnet -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [[], ["-x"]], ids=["switch", "hub"])
def test_marionnet(vde_switch, place, kind):
    """VLANs come from the rc file; stdin is neither written to nor closed."""
    (place / "rc").write_text("vlan/create 10\nport/create 1\nport/create 2\nport/setvlan 1 10\nport/setvlan 2 10\n")
    switch = vde_switch(*kind, "-n", "5", "-mod", "777", "--fstp", "--rcfile", "rc", "-unix", place / "S1.sock",
                        "--mgmt", place / "S1.mgmt")
    with console(place / "S1.mgmt") as mgmt:
        assert ["VLAN 0010"] == mgmt.ok("vlan/print 10")[:1]
        assert "HUB=" + ("true" if kind else "false") in mgmt.ok("port/showinfo")
        with client(place / "S1.sock", port=1) as one, client(place / "S1.sock", port=2) as two, \
                client(place / "S1.sock", port=3) as three:
            assert hear_each_other(one, two)
            heard = [each for each in three.pending() if not each.startswith(SPANNING_TREE)]
            assert bool(heard) == bool(kind)
    assert switch.poll() is None


# -- User Mode Linux -----------------------------------------------------------------------------------------


def test_user_mode_linux_on_the_console(vde_switch, place):
    """Its request ends in two bytes of padding, which look like a description."""
    vde_switch("-s", place / "sw", "-M", place / "mgmt")
    with console(place / "mgmt") as mgmt:
        mgmt.ok("debug/add port")
        mgmt.ok("debug/del port/descr")
        name = abstract_name()
        request = request_v3(name, descr=b"\x12\x00")
        assert len(request) == 124
        with data_socket(name) as data:
            stream, reply = ask(place / "sw", request)
            with stream:
                added, endpoint = mgmt.next_events(2)
                assert added == "3021 port/+ 01"
                number = int(re.fullmatch(r"3031 port/ep/\+ Port 01 FD ([ \d]\d+)", endpoint)[1])
                lines = mgmt.ok("port/print 1")
                assert lines[0] == "Port 0001 untagged_vlan=0000 ACTIVE - Unnamed Allocatable"
                assert lines[4].startswith(f"  -- endpoint ID {number:04d} module unix prog   : ")
                data.sendto(frame(BROADCAST, host(1)), reply_path(reply))
                wait_for(lambda: " IN:  pkts          1          bytes                   60"
                         in mgmt.ok("port/print 1"), message="the frame to be counted")
        assert mgmt.next_events(2) == [f"3032 port/ep/- Port 01 FD {number:2d}", "3022 port/- 01"]


# -- terminals of vde2 ---------------------------------------------------------------------------------------


def test_unixterm(vde_switch, place):
    """It copies what is typed and what comes back."""
    vde_switch("-s", place / "sw", "-M", place / "mgmt")
    console(place / "mgmt").close()
    with process.running("unixterm", place / "mgmt", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as term:
        assert read_until(term.stdout.fileno(), PROMPT).startswith(b"VDE switch V.")
        for line, reply in ((b"port/create 3\n", rb"1000 Success\n"),
                            (b"port/create 3\n", rb"1017 File exists(: .+)?\n"), (b"\n", b"")):
            os.write(term.stdin.fileno(), line)
            assert re.fullmatch(reply + re.escape(PROMPT), read_until(term.stdout.fileno(), PROMPT))
        os.write(term.stdin.fileno(), b"logout\n")
        assert term.stdout.read() in (b"", END_OF_SESSION)
        assert term.wait(10) == 0


@contextlib.contextmanager
def vdeterm(mgmt):
    """vdeterm on a terminal of its own. Gives the terminal's other end."""
    master, slave = pty.openpty()
    try:
        with process.running("vdeterm", mgmt, stdin=slave, stdout=slave, stderr=slave):
            os.close(slave)
            yield master
    finally:
        os.close(master)


def typed(master, text, mark):
    """Types TEXT. Returns what is on the screen once MARK is; without one, soon."""
    os.write(master, text.encode())
    if not mark:
        return os.read(master, 65536).decode() if not quiet(master, 0.1) else ""
    return read_until(master, mark.encode()).decode()


def test_vdeterm(vde_switch, place):
    """It asks for help at once, to complete words by it, sends a command without a newline, and shows no codes."""
    vde_switch("-s", place / "sw", "-M", place / "mgmt")
    with console(place / "mgmt") as mgmt, vdeterm(place / "mgmt") as term:
        prompt = f"vde[{place}/mgmt]: "
        assert "VDE switch V." in read_until(term, prompt.encode()).decode()
        os.write(term, b"vlan/cr")
        wait_for(lambda: "vlan/create " in typed(term, "\t", ""), message="the completed word")
        assert "\nvde" in typed(term, "12\r", "Success\r\r\n" + prompt)
        assert "VLAN 0012" in mgmt.ok("vlan/print 12")
        typed(term, "vlan/pri\t", "vlan/print ")
        assert "VLAN 0012\r\r\nSuccess" in typed(term, "12\r", "Success\r\r\n" + prompt)
        os.write(term, b"nonsense\r")
        answer = re.compile(rb"Function not implemented.*\r\r\n" + re.escape(prompt.encode()))
        read_until(term, answer.search)


# -- libvdemgmt ----------------------------------------------------------------------------------------------


def apart(work, *args, timeout=30):
    """WORK(*ARGS) in a process of its own, so that a library that crashes or hangs affects nothing else."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply_async(work, args).get(timeout)


class Output(ctypes.Structure):
    """struct vdemgmt_out."""

    _fields_ = [("buf", ctypes.POINTER(ctypes.c_char)), ("size", ctypes.c_size_t)]

    def lines(self):
        """Each line ends in a newline and a NUL."""
        return [line.removesuffix(b"\n").decode() for line in self.buf[:self.size].split(b"\0") if line]


HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)


def libvdemgmt(path):
    """A connection of the library. Returns (library, connection)."""
    lib = ctypes.CDLL("libvdemgmt.so.0")
    for name in ("open", "getbanner", "getprompt", "getversion", "commandlist"):
        getattr(lib, f"vdemgmt_{name}").restype = ctypes.c_char_p
        getattr(lib, f"vdemgmt_{name}").argtypes = [ctypes.c_void_p]
    lib.vdemgmt_open.restype = ctypes.c_void_p
    lib.vdemgmt_open.argtypes = [ctypes.c_char_p]
    lib.vdemgmt_commandlist.restype = ctypes.POINTER(ctypes.c_char_p)
    lib.vdemgmt_sendcmd.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(Output)]
    lib.vdemgmt_asyncreg.argtypes = [ctypes.c_void_p, ctypes.c_char_p, HANDLER]
    for name in ("asyncrecv", "getfd", "close"):
        getattr(lib, f"vdemgmt_{name}").argtypes = [ctypes.c_void_p]
    connection = lib.vdemgmt_open(os.fsencode(path))
    assert connection, "vdemgmt_open"
    return lib, connection


def send(lib, connection, command):
    """vdemgmt_sendcmd(). Returns (errno by the switch, lines)."""
    output = Output()
    return lib.vdemgmt_sendcmd(connection, command.encode(), ctypes.byref(output)), output.lines() if output.buf else []


def mgmt_greeting(path):
    lib, connection = libvdemgmt(path)
    return [getattr(lib, f"vdemgmt_get{name}")(connection).decode() for name in ("version", "banner", "prompt")]


def mgmt_commands(path, commands):
    lib, connection = libvdemgmt(path)
    return [send(lib, connection, command) for command in commands]


def mgmt_command_list(path):
    lib, connection = libvdemgmt(path)
    found = lib.vdemgmt_commandlist(connection)
    names = []
    while found[len(names)]:
        names.append(found[len(names)].decode())
    return names


def mgmt_events(path):
    """Events inside the reply to one's own command, then events that come by themselves."""
    lib, connection = libvdemgmt(path)
    seen = []
    handler = HANDLER(lambda event, number, data: seen.append((event.decode(), number, data.decode().strip())))
    status = lib.vdemgmt_asyncreg(connection, b"port", handler)
    created = send(lib, connection, "port/create 4")
    with Console(path) as other:
        for port in (5, 6):
            other.ok(f"port/create {port}")
            assert select.select([lib.vdemgmt_getfd(connection)], [], [], 10)[0], seen
            lib.vdemgmt_asyncrecv(connection)
    listed = send(lib, connection, "port/showinfo")
    return status, created, seen, listed


@pytest.fixture
def managed(vde_switch, place):
    """A running switch: its directory and its management socket."""
    vde_switch("-s", place / "sw", "-M", place / "mgmt")
    console(place / "mgmt").close()
    return place / "sw", place / "mgmt"


def test_libvdemgmt_reads_the_greeting(managed):
    version, banner, prompt = apart(mgmt_greeting, managed[1])
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert banner.startswith(f"VDE switch V.{version}\n")
    assert prompt.startswith("vde$ ")


def test_libvdemgmt_reads_replies(managed):
    """Data lines, success, and the error's number with or without text after it."""
    replies = apart(mgmt_commands, managed[1], ["vlan/create 7", "vlan/create 7", "vlan/print", "port/print 99",
                                                "port/setvlan 1 5000", "nonsense", "vlan/print 7"])
    assert replies == [(0, []), (17, []), (0, ["VLAN 0000", "VLAN 0007"]), (22, []), (22, []), (38, []),
                       (0, ["VLAN 0007"])]


def test_libvdemgmt_lists_commands(managed):
    names = apart(mgmt_command_list, managed[1])
    assert {"ds/showinfo", "help", "logout", "showinfo", "debug/add", "port/create", "vlan/allprint"} <= set(names)
    assert not {"ds", "port", "vlan", "hash", "debug"} & set(names), "menus are left out"
    assert all(re.fullmatch(r"[a-z0-9]+(/[a-z0-9]+)?", name) for name in names), names


def test_libvdemgmt_gets_events(managed):
    status, created, seen, listed = apart(mgmt_events, managed[1])
    assert status == 0 and created == (0, [])
    assert seen == [("port", 0o21, "+ 05"), ("port", 0o21, "+ 06")]
    assert listed[0] == 0 and "HUB=false" in listed[1]


# -- libvdesnmp ----------------------------------------------------------------------------------------------


class Traffic(ctypes.Structure):
    """struct traffic of libvdesnmp.h."""

    _fields_ = [(name, ctypes.c_long) for name in ("octets", "packets", "discards", "errors", "unknown")]


class PortStats(ctypes.Structure):
    """struct vde_port_stats of libvdesnmp.h."""

    _fields_ = [("active", ctypes.c_short), ("index", ctypes.c_int), ("desc", ctypes.c_char * 255),
                ("mtu", ctypes.c_int), ("speed", ctypes.c_int), ("address", ctypes.c_char * 17),
                ("admin", ctypes.c_int), ("oper", ctypes.c_int), ("changed", ctypes.c_long),
                ("inbound", ctypes.POINTER(Traffic)), ("outbound", ctypes.POINTER(Traffic))]


class Stats(ctypes.Structure):
    """struct vde_stats of libvdesnmp.h."""

    _fields_ = [("numports", ctypes.c_int), ("ports", ctypes.POINTER(PortStats))]


def snmp_ports(path):
    """What the library reads: (number of ports, {port: (is up, description, frames and bytes in, and out)}).

    It leaves out what is down, and forgets to end the description.
    """
    lib = ctypes.CDLL("libvdesnmp.so.0")
    lib.vde_snmp_init.argtypes = [ctypes.c_char_p]
    lib.vde_snmp_get_stats.restype = ctypes.POINTER(Stats)
    lib.vde_snmp_init(os.fsencode(path))
    stats = lib.vde_snmp_get_stats().contents
    ports = {}
    for port in stats.ports[:stats.numports]:
        if port.active:
            inbound, outbound = port.inbound.contents, port.outbound.contents
            ports[port.index] = (port.oper == 1, port.desc[:5].decode(), (inbound.packets, inbound.octets),
                                 (outbound.packets, outbound.octets))
    return stats.numports, ports


def test_libvdesnmp_reads_ports(managed):
    """It scans `port/showinfo` and `port/allprint` line by line: ports with a client, with two, and with none."""
    directory, mgmt = managed
    with console(mgmt) as looker, VdeClient(directory, port=1, descr="first") as one, \
            VdeClient(directory, port=3, descr="third") as three:
        looker.ok("port/create 2")
        for sender, size in ((one, 60), (one, 1000), (three, 100)):
            sender.send(frame(BROADCAST, host(sender.port), size=size))
        wait_for(lambda: " OUT: pkts          2          bytes                 1060" in looker.ok("port/print 3")
                 and " OUT: pkts          1          bytes                  100" in looker.ok("port/print 1"),
                 message="the frames to be counted")
        (numports,) = [int(line.partition("=")[2]) for line in looker.ok("port/showinfo") if line[:8] == "Numports"]
        assert apart(snmp_ports, mgmt) == (numports, {
            1: (True, "first", (2, 1060), (1, 100)),
            3: (True, "third", (1, 100), (2, 1060)),
        })


# -- vde_autolink --------------------------------------------------------------------------------------------


def test_vde_autolink(managed, place):
    """It subscribes to fstp events through libvdemgmt, takes the first free port for a link and gives it back."""
    directory, mgmt = managed
    wire = place / "wire"
    wire.write_text(f"#!/bin/sh\necho $* >> {place}/wires\nexec sleep 1000\n")
    wire.chmod(0o755)
    with console(mgmt) as looker:
        looker.ok("port/create 1")
        with process.running("vde_autolink", "-s", directory, "-S", mgmt, "-M", place / "alink",
                             "-f", "/dev/null") as program, autolink_console(place / "alink", program) as alink:
            for line in (f"addwire PIPE {wire} $myport $mysock $remotehost", "addlink L somewhere",
                         "addtypelink L PIPE"):
                assert "1000 Success" in tell(alink, line), line
            assert "INACTIVE - NOT Unnamed Allocatable" in looker.ok("port/allprint 2")[0]
            assert "PORT: 2" in tell(alink, "showlinks")
            assert "1000 Success" in tell(alink, "linkonoff L 1")
            plugged = place / "wires"
            wait_for(lambda: plugged.exists() and plugged.read_text() == f"2 {directory} somewhere\n",
                     message="the wire")
            assert "1000 Success" in tell(alink, "linkonoff L 0")
            assert "1000 Success" in tell(alink, "dellink L")
            assert looker.cmd("port/allprint 2")[0] == 1006


@contextlib.contextmanager
def autolink_console(path, program):
    """Its own console, which is like the switch's."""
    def connected():
        assert program.poll() is None, "vde_autolink ended"
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            stream.connect(str(path))
            return stream
        except OSError:
            stream.close()
            return None

    with wait_for(connected, message="vde_autolink's console") as stream:
        read_until(stream.fileno(), b"\nVDEal$ ")
        yield stream


def tell(stream, line):
    stream.sendall(line.encode() + b"\n")
    return read_until(stream.fileno(), b"\nVDEal$ ").decode()


# -- children with a pipe ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [
    ["-s", "sw"], ["--sock", "sw", "--mgmt", "mgmt", "--numports", "16", "--group", "root"],
    ["-sock", "sw", "-M", "mgmt", "-n", "16", "-m", "660"],
], ids=["dosemu2", "docker-vde-plugin", "gns"])
def test_child_with_piped_stdin(vde_switch, place, options):
    """It serves as long as its parent keeps the pipe, and exits and removes all its files when the parent closes it."""
    switch = vde_switch(*options)
    with client(place / "sw") as one, client(place / "sw") as two:
        assert hear_each_other(one, two)
        if "mgmt" in options:
            with console(place / "mgmt") as mgmt:
                assert len(mgmt.ok("port/print")) >= 10
    assert switch.poll() is None
    switch.stdin.close()
    assert switch.wait(20) == 0
    assert not (place / "sw").exists() and not (place / "mgmt").exists()
