"""The networks that taps.py measures: namespaces, and what joins them.

A network lives in namespaces without names, which only the bench's own processes hold, and
every process dies with the bench, even when that is killed: nothing is left behind, and the
machine's own interfaces are never touched.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rounds
from rounds import CannotRun

sys.path.insert(0, str(rounds.ROOT / "tests" / "e2e"))
import process  # noqa: E402
from netns import Namespace, become_root  # noqa: E402, F401

OVS_SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
START_TIMEOUT = 10
ECHO_PORT, IPERF_PORT = 7, 5201


class Network:
    """One switch and its users, up as long as the `with` block.

    ENDS names the users' namespaces; user number i has the address 10.0.0.i on its interface.
    """

    ENDS = ()
    SERVERS = ()  # the ends that answer

    def __init__(self, options):
        self.options = options
        self.ends = {}
        self.switch_pids = []
        self._programs = []  # (process, name, log)

    def __enter__(self):
        self._stack = contextlib.ExitStack()
        try:
            self.home = tempfile.mkdtemp(prefix="vswbench-")
            self._stack.callback(shutil.rmtree, self.home, ignore_errors=True)
            self.host = self._stack.enter_context(Namespace())
            for name in self.ENDS:
                self.ends[name] = self.host if name == "host" else self._stack.enter_context(Namespace())
            self.build()
            self._serve()
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            why = self._why(error)
            self._stack.close()
            raise CannotRun(why) from None
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def build(self):
        """Joins the ends; each kind of network its own way."""
        raise NotImplementedError

    def address(self, end):
        return f"10.0.0.{1 + self.ENDS.index(end)}"

    def ask(self, end, *argv, timeout):
        """Runs a program at END to its end. Returns what it printed."""
        try:
            done = subprocess.run([*process.DIE_WITH_PARENT, *self.ends[end].prefix, *map(str, argv)], timeout=timeout,
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            raise CannotRun(self.dead() or f"{Path(argv[0]).name}: no result after {timeout:g} s") from None
        if done.returncode != 0:
            raise CannotRun(self.dead() or rounds.last_words(done.stderr or done.stdout))
        return done.stdout

    def cpu_seconds(self):
        """CPU time of the switch's processes, all their threads; None where the kernel is the switch."""
        if not self.switch_pids:
            return None
        try:
            return sum(rounds.cpu_seconds(pid) for pid in self.switch_pids)
        except OSError:
            raise CannotRun(self.dead() or "the switch has ended") from None

    def dead(self):
        """Which program has ended that should not have, and its last words; "" if all live."""
        for program, name, log in self._programs:
            if program.poll() is not None:
                log.seek(0)
                return f"{name} ended with status {program.returncode}: {rounds.last_words(log.read())}"
        return ""

    # ---- for those who build ----

    def start(self, namespace, *argv, switch=False, **options):
        name = Path(argv[0]).name
        if not shutil.which(argv[0]):
            raise CannotRun(f"{name} is not there; build or install it first")
        log = self._stack.enter_context(
            open(os.path.join(self.home, f"log.{len(self._programs)}"), "w+", encoding="utf-8", errors="replace"))
        program = self._stack.enter_context(namespace.running(*argv, stdout=log, stderr=log, **options))
        self._programs.append((program, name, log))
        if switch:
            self.switch_pids.append(program.pid)

    def start_switch(self, *argv):
        """A VDE switch in the host's namespace, with its directory; stdin is a pipe, since it lives as long as that."""
        home = os.path.join(self.home, "sw")
        self.start(self.host, argv[0], "-s", home, *argv[1:], switch=True, stdin=subprocess.PIPE,
                   env={**os.environ, "HOME": self.home})
        self.wait(lambda: os.path.exists(os.path.join(home, "ctl")), f"{Path(argv[0]).name} to listen")

    def wait(self, what, message):
        end = time.monotonic() + START_TIMEOUT
        while not what():
            if self.dead():
                raise CannotRun(self.dead())
            if time.monotonic() > end:
                raise CannotRun(f"waited in vain for {message}")
            time.sleep(0.01)

    def give(self, ifname, end):
        """Moves a TAP of the switch to an end and sets it up there; the switch keeps its descriptor."""
        self.wait(lambda: self.host.has(ifname), f"interface {ifname}")
        self.ends[end].take(ifname, self.host)
        self.up(end, ifname)

    def cable(self, inside, end, ifname):
        """A veth from INSIDE, in the host's namespace, to an end."""
        self.host.add_veth(inside, self.ends[end], ifname)
        self.host.run("ip", "link", "set", inside, "up")
        self.up(end, ifname)

    def up(self, end, ifname):
        self.ends[end].up(ifname, self.address(end) + "/24")

    def bridge(self, *members):
        self.host.run("ip", "link", "add", "br0", "type", "bridge")
        for member in members:
            self.host.run("ip", "link", "set", member, "master", "br0", "up")
        self.host.run("ip", "link", "set", "br0", "up")

    def _serve(self):
        for end in self.SERVERS:
            self.start(self.ends[end], rounds.build("pingpong", "pingpong.c"), "serve", ECHO_PORT)
            self.start(self.ends[end], "iperf3", "-s", "-p", IPERF_PORT)
        for end in self.SERVERS:
            for port in (ECHO_PORT, IPERF_PORT):
                self.ends[end].wait_listening(port)

    def _why(self, error):
        said = getattr(error, "stdout", None)
        return self.dead() or (rounds.last_words(said) if said else str(error))


# ---- two namespaces ---------------------------------------------------------


class TwoEnds(Network):
    ENDS = ("a", "b")
    SERVERS = ("b",)

    def give_both(self):
        self.give("tap-a", "a")
        self.give("tap-b", "b")


class VswitchdTaps(TwoEnds):
    def build(self):
        self.start_switch(self.options.ours, "--port", "tap,ifname=tap-a", "--port", "tap,ifname=tap-b")
        self.give_both()


class BridgeVeths(TwoEnds):
    def build(self):
        self.cable("veth-a", "a", "eth0")
        self.cable("veth-b", "b", "eth0")
        self.bridge("veth-a", "veth-b")


class OvsTaps(TwoEnds):
    """ovsdb-server and ovs-vswitchd of our own, which share nothing with the machine's, if those run."""

    SETTING = ""

    def build(self):
        if not OVS_SCHEMA.exists():
            raise CannotRun("Open vSwitch is not there; install openvswitch-switch")
        self.env = os.environ | {f"OVS_{name}": self.home for name in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR")}
        database, socket = os.path.join(self.home, "conf.db"), os.path.join(self.home, "db.sock")
        self._run("ovsdb-tool", "create", database, OVS_SCHEMA)
        self.start(self.host, "ovsdb-server", database, f"--remote=punix:{socket}",
                   f"--unixctl={self.home}/ovsdb.ctl", env=self.env)
        self.wait(lambda: os.path.exists(socket), "ovsdb-server to listen")
        vsctl = ("ovs-vsctl", f"--timeout={START_TIMEOUT}", f"--db=unix:{socket}")
        self._run(*vsctl, "--no-wait", "init")
        if self.SETTING:
            self._run(*vsctl, "--no-wait", "set", "Open_vSwitch", ".", self.SETTING)
        self.start(self.host, "ovs-vswitchd", f"unix:{socket}", f"--unixctl={self.home}/ovs.ctl", switch=True,
                   env=self.env)
        self._run(*vsctl, "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
        for ifname in ("tap-a", "tap-b"):
            self._run(*vsctl, "add-port", "br0", ifname, "--", "set", "interface", ifname, "type=tap")
        self.give_both()

    def _run(self, *argv):
        subprocess.run([*process.DIE_WITH_PARENT, *map(str, argv)], env=self.env, check=True, text=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=2 * START_TIMEOUT)


class OvsTsoTaps(OvsTaps):
    SETTING = "other_config:userspace-tso-enable=true"


class VdeSwitchTaps(TwoEnds):
    def build(self):
        self.start_switch(self.options.peer, "-t", "tap-a", "-t", "tap-b")
        self.give_both()


class RelayTaps(TwoEnds):
    def build(self):
        self.start(self.host, rounds.build("taprelay", "taprelay.c"), "tap-a", "tap-b", switch=True)
        self.give_both()


# ---- a guest, its host, the LAN ---------------------------------------------


class Uplink(Network):
    """The host's eth0 and the LAN are the ends of one veth, which stands for the cable."""

    ENDS = ("guest", "lan", "host")
    SERVERS = ("lan", "host")


class VswitchdUplink(Uplink):
    def build(self):
        self.cable("eth0", "lan", "eth0")
        self.up("host", "eth0")
        self.start_switch(self.options.ours, "--port", self.options.uplink, "--port", "tap,ifname=tap-g")
        self.give("tap-g", "guest")


class BridgeUplink(Uplink):
    """eth0 is enslaved and its address moves to the bridge, as an administrator does it."""

    def build(self):
        self.cable("eth0", "lan", "eth0")
        self.cable("veth-g", "guest", "eth0")
        self.bridge("eth0", "veth-g")
        self.up("host", "br0")
