"""VDE clients on a switch: vswitchd beside Debian's vde_switch. A part of bench.py, which says how to read the table.

The figures
-----------
  CPU/frame  CPU time of the switch, all its threads, divided by the frames that
             were sent to it. The clock is read while the switch sleeps, before
             the first frame and after the last one has come out, so nothing is
             estimated. In the flood rows a frame goes to 8 receivers and counts
             once.
  floor      the CPU/frame, in brackets, of a bare relay in the switch's place, and
             its ratio to vde_switch: see below.
  frames/s   frames that arrived at receivers, flat out. It depends on the load
             generator too, which shares the machine's cores: with two cores, a
             switch that needs less CPU than the generator is no longer what
             limits the rate. Believe CPU/frame first.
  delivered  frames that arrived, in percent of those that should have.
             vde_switch drops when a receiver's socket is full, and says nothing.
             A dropped frame is cheap, so CPU/frame flatters whoever drops much:
             where few were delivered, look at CPU per delivered frame.
  silent     clients that are attached and neither send nor receive.
  latency    round trip of one frame, two passages of the switch, at no load. Both
             clients live in one thread, which sleeps while the switch works.
  wake-ups   context switches of the switch per second, with 1,000 idle clients.
  lost       frames lost when both switches are offered 95 % of the rate that
             vde_switch has just delivered flat out, in bursts every 200 us. The
             second such row has net.core.wmem_max at a default kernel's 212,992,
             which root can set; it is put back on every way out but SIGKILL.

The floor
---------
Most of a switch's CPU time is spent in the kernel, on the datagram sockets that VDE
clients are attached by, and no switch can save that. relay.c shows how much it is:
it reads and writes frames as sparingly as a switch can, up to 64 a system call, and
looks at six bytes of each in between. It is measured in the same rounds, and "vswitchd
is 1.04 of it" (again the median of the rounds' ratios) says that all that our switch
does besides, which is the switching, costs 4 %.

So where the floor's ratio is above a target, no switch that attaches its clients by
these sockets and delivers their frames can meet that target on this machine, and the
line about the missed target says "below the floor"; "about the floor" when the target
lies within the floor's "+-", which leaves the matter open. The relay loses nothing, it
waits for full receivers. Where a switch delivers fewer than 95 % of the frames, which
is then said beside the floor, its CPU/frame is low because it does less: vswitchd can
seem to be less than the floor, and a target below it can be met by dropping. (In eleven
flood rounds the floor was 0.64 to 0.81 of vde_switch when that delivered 97 % or more,
and 0.94 to 1.11 when it delivered less than 65 %.)

Is the relay the cheapest that there is? In its place were tried, one to one with
60 bytes: blocking sockets without epoll (1.01 +-0.09 of its CPU/frame), reading until
nothing is left (1.01 +-0.13), 256 frames a system call (1.00 +-0.08), a nap before each
read, so that more frames wait (of 20 us 1.19 +-0.12, of 100 us 1.22 +-0.19). None was
cheaper by more than the noise, and the naps were dearer; a trick that nobody thought
of may be.

Choices
-------
The switches have 64 ports (-n) where few clients are attached and 2,000 otherwise,
because vde_switch pays for that number when it floods: to 8 receivers and with 2,000
ports it needed 1.1 to 1.2 times the CPU per delivered frame that it needed with 64
(1.19 +-0.20 over 60 rounds flat out; 1.13 +-0.14 and 1.11 +-0.11 over 40 each at
10,000 frames/s, where nothing was dropped). No difference was seen one to one
(0.95 +-0.09, 12 rounds), nor in floods of vswitchd (0.97 +-0.06, 12 rounds).

The load uses the system's default socket buffers and batches of 32 frames a system
call; it blocks when the switch does not read, as QEMU does. Receivers are woken by
arriving frames, as QEMU is, which charges the wake-up to the switch; --rx-sleep 100
lets them look every 100 us instead.

Nothing is pinned by default. With vde_switch on both sides, --pin (switch on core
0, load on core 1) made the ratios no steadier than the default: one to one, half
spans of 0.03 to 0.10 for CPU/frame either way, 0.13 to 0.16 for floods. But a
virtual machine's cores may get one core's time between them, for minutes at a
time; in pinned runs made in such minutes the ratio of frames/s spread by 0.7,
in unpinned ones by 0.05 to 0.2. (These were runs one after the other on a machine
that drifts, so they are a reason for a default and not a measurement of pinning.)
If the lines before and below the table differ in how many cores' worth of work the
machine does, trust CPU/frame and not frames/s.
"""

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import rounds
from rounds import MET, OURS, CannotRun, at_least, at_most, none, pairs_of, ratios_of, spread, with_spread

TITLE = "VDE clients, beside vde_switch"
DEFAULTS = {"rounds": 11, "seconds": 0.4, "pings": 4000, "idle_seconds": 5.0}
QUICK = {"rounds": 3, "seconds": 0.3, "pings": 1000, "idle_seconds": 2.0}
WMEM_MAX = Path("/proc/sys/net/core/wmem_max")
DEFAULT_WMEM_MAX = 212992
FEW_PORTS, MANY_PORTS = 64, 2000
STEP_TIMEOUT = 120
SUSTAINED = 0.95  # of the rate that the peer delivers
MOST = 95  # percent; whoever delivers less saves CPU time by it
PEER, FLOOR = "peer", "floor"


# ---- the switches, and the relay --------------------------------------------


class Switch:
    """One running switch, in a directory of its own."""

    def __init__(self, command, arguments, pin):
        self.home = tempfile.mkdtemp(prefix="vswbench-")
        self.dir = os.path.join(self.home, "sw")
        self.log = open(os.path.join(self.home, "log"), "w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            [command, "-s", self.dir, *arguments],
            stdin=subprocess.PIPE, stdout=self.log, stderr=self.log,
            env={**os.environ, "HOME": self.home},
            preexec_fn=(lambda: os.sched_setaffinity(0, {0})) if pin else None)
        self.pid = self.process.pid

    def __enter__(self):
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def _wait_until_it_listens(self):
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
                probe.connect(os.path.join(self.dir, "ctl"))
                time.sleep(0.05)
                return
            time.sleep(0.01)
        raise CannotRun(f"{self.process.args[0]} does not listen: {self.last_words()}")

    def last_words(self):
        self.log.seek(0)
        return rounds.last_words(self.log.read())

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdin.close()
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def context_switches(self):
        total = 0
        for status in Path(f"/proc/{self.pid}/task").glob("*/status"):
            total += sum(int(line.split()[1]) for line in status.read_text().splitlines()
                         if "ctxt_switches" in line)
        return total

    def memory_kib(self):
        def field(name, key):
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{self.pid}/{name}").read_text().splitlines():
                    if line.startswith(key):
                        return int(line.split()[1])
            return 0
        return {"rss": field("status", "VmRSS:"), "pss": field("smaps_rollup", "Pss:")}


# ---- the load generator -----------------------------------------------------


class Bench:
    """What all scenarios share: the options and the load generator."""

    def __init__(self, options):
        self.options = options
        self.commands = {OURS: options.ours, PEER: options.peer, FLOOR: rounds.build("relay", "relay.c")}
        self.generator = rounds.build("vdeblast", "vdeblast.c", "load.c", "client.c", "vde.c")

    def switch(self, side, clients=0, ports=()):
        """A switch with room for so many clients besides those that work, and with these --port."""
        most = MANY_PORTS if clients > FEW_PORTS // 2 else FEW_PORTS
        arguments = [] if side == FLOOR else ["-n", str(most)]
        for port in ports:
            arguments += ["--port", port]
        return Switch(self.commands[side], arguments, self.options.pin)

    def generate(self, switch, mode, helpers=(), **settings):
        """Run vdeblast; settings are its one-letter options. HELPERS are processes that work for the switch."""
        command = [self.generator, mode, "-s", switch.dir, "-p", str(switch.pid)]
        for pid in helpers:
            command += ["-p", pid]
        if self.options.pin:
            settings |= {"C": 1, "D": 1}
        if self.options.rx_sleep:
            settings["y"] = self.options.rx_sleep
        for letter, value in settings.items():
            command += ["-" + letter, str(value)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=STEP_TIMEOUT)
        except subprocess.TimeoutExpired:
            raise CannotRun(f"no result after {STEP_TIMEOUT} s") from None
        if switch.process.poll() is not None:
            raise CannotRun(f"the switch ended with status {switch.process.returncode}: {switch.last_words()}")
        if done.returncode != 0:
            raise CannotRun(done.stderr.strip() or f"vdeblast: status {done.returncode}")
        return json.loads(done.stdout)

    def blast(self, side, silent=0, **settings):
        with self.switch(side, silent) as switch:
            result = self.generate(switch, "blast", n=silent, t=self.options.seconds, **settings)
        figures = self.figures(result)
        if side == FLOOR and figures["lost"]:
            raise CannotRun("the relay lost frames, which it must not, so there is no floor")
        return figures

    def figures(self, result):
        """What the table and its readers want to know of what vdeblast says; the first process is the switch."""
        received, sent, receivers = sum(result["received"]), result["sent"], len(result["received"])
        if not received or not sent:
            raise CannotRun("nothing arrived")
        return {
            "cpu": result["cpu_ns"][0] / sent / 1e3,
            "cpu_delivered": result["cpu_ns"][0] / received * receivers / 1e3,
            "rate": received / result["seconds"],
            "delivered": 100 * received / receivers / sent,
            "lost": sent * receivers - received,
            "offered": sent / self.options.seconds,
            "misordered": result["misordered"],
            "load_cpu": result["load_ns"] / sent / 1e3,
        }


# ---- scenarios: each measures one side once ---------------------------------


def one_to_one(size):
    return lambda bench, side, _: bench.blast(side, z=size)


def among_silent(silent):
    """Ours is measured without silent clients too, directly afterwards."""
    def measure(bench, side, _):
        result = bench.blast(side, silent, z=60)
        if side == OURS:
            alone = bench.blast(side, z=60)
            result |= {"alone_cpu": alone["cpu"], "alone_rate": alone["rate"]}
        return result
    return measure


def flood(receivers):
    return lambda bench, side, _: bench.blast(side, z=60, r=receivers, d="broadcast")


def latency(bench, side, _):
    with bench.switch(side) as switch:
        return bench.generate(switch, "latency", z=60, c=bench.options.pings)


def idle(clients):
    def measure(bench, side, _):
        with bench.switch(side, clients) as switch:
            time.sleep(0.2)
            empty = switch.memory_kib()
            with subprocess.Popen([bench.generator, "hold", "-s", switch.dir, "-n", str(clients)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
                if holder.stdout.readline() != b"ready\n":
                    raise CannotRun(f"{clients} clients could not attach")
                time.sleep(1)
                before = switch.context_switches()
                time.sleep(bench.options.idle_seconds)
                wakes = switch.context_switches() - before
                full = switch.memory_kib()
                holder.stdin.close()
        return {"wakeups": wakes / bench.options.idle_seconds,
                "rss_empty": empty["rss"], "pss_empty": empty["pss"],
                "rss_full": full["rss"], "pss_full": full["pss"]}
    return measure


def sustained(wmem_max=None):
    """Both sides at a rate that is measured once a round, on the peer."""
    def measure(bench, side, shared):
        with wmem_limit(wmem_max):
            if "rate" not in shared:
                shared["rate"] = SUSTAINED * bench.blast(PEER, z=60)["rate"]
            return bench.blast(side, z=60, R=shared["rate"], w=0)
    return measure


@contextlib.contextmanager
def wmem_limit(value):
    if value is None:
        yield
        return
    before = WMEM_MAX.read_text()
    try:
        WMEM_MAX.write_text(str(value))
    except OSError as error:
        raise CannotRun(f"net.core.wmem_max can only be set by root: {error.strerror}") from None
    try:
        yield
    finally:
        WMEM_MAX.write_text(before)


SCENARIOS = {
    "one60": one_to_one(60),
    "one1514": one_to_one(1514),
    "flood8": flood(8),
    "silent50": among_silent(50),
    "silent200": among_silent(200),
    "silent1000": among_silent(1000),
    "latency": latency,
    "idle1000": idle(1000),
    "sustained": sustained(),
    "sustained212992": sustained(DEFAULT_WMEM_MAX),
}

FLOORED = ("one60", "one1514", "flood8")  # the relay is measured here too

ROUNDS_AT_MOST = {"idle1000": 5}  # slow, and not noisy


# ---- rows of the table ------------------------------------------------------


class Row:
    """One figure of one scenario; `met` judges (ratio, ours) by the target, `limit` is its number."""

    def __init__(self, scenario, key, title, form="{:.2f}", target="", met=None, limit=None):
        self.scenario, self.key, self.title, self.form = scenario, key, title, form
        self.target, self.met, self.limit = target, met, limit

    def pairs(self, samples):
        return pairs_of(samples, self.scenario, self.key, OURS, PEER)

    def cells(self, samples):
        pairs = self.pairs(samples)
        if not pairs:
            return None
        ours, peer = (statistics.median(values) for values in zip(*pairs))
        ratios = ratios_of(pairs)
        ratio = statistics.median(ratios) if len(ratios) == len(pairs) else None
        met = self.met(ratio, ours) if self.met and (ratio is not None or "ratio" not in self.target) else None
        return {"title": self.title, "ours": self.form.format(ours), "peer": self.form.format(peer),
                "ratio": with_spread(ratios) if ratio is not None else "-",
                "target": self.target, "met": MET[met], "row": self}


class OwnRow(Row):
    """Ours among silent clients against ours without them, in the same round."""

    def pairs(self, samples):
        return [(r[OURS][self.key], r[OURS]["alone_" + self.key]) for r in samples.get(self.scenario, [])]

    def cells(self, samples):
        cells = super().cells(samples)
        if cells:
            cells["peer"] = f"({cells['peer']})"
        return cells


class FloorRow(Row):
    """The relay against the peer, and ours against the relay, in the same round."""

    def pairs(self, samples):
        return pairs_of(samples, self.scenario, self.key, FLOOR, PEER)

    def cells(self, samples):
        cells = super().cells(samples)
        if cells:
            measured = samples[self.scenario]
            above = ratios_of(pairs_of(samples, self.scenario, self.key, OURS, FLOOR))
            cells["ours"] = f"({cells['ours']})"
            cells["note"] = f"vswitchd is {with_spread(above)} of it" + few_delivered(", delivering", measured, OURS)
        return cells


def few_delivered(words, measured, side):
    delivered = statistics.median(r[side]["delivered"] for r in measured)
    return f"{words} {delivered:.0f} %" if delivered < MOST else ""


CPU, RATE, COUNT, KIB = "{:.3f}", "{:,.0f}", "{:,.0f}", "{:,.0f}"

ROWS = [
    Row("one60", "cpu", "60 bytes, one to one: CPU/frame, us", CPU, **at_most(0.7)),
    FloorRow("one60", "cpu", "  floor: (a bare relay)", CPU),
    Row("one60", "rate", "  frames/s", RATE, **at_least(1.2)),
    Row("one60", "delivered", "  delivered, %"),
    Row("one60", "cpu_delivered", "  CPU per delivered frame, us", CPU),
    Row("one1514", "cpu", "1514 bytes, one to one: CPU/frame, us", CPU, **at_most(0.8)),
    FloorRow("one1514", "cpu", "  floor: (a bare relay)", CPU),
    Row("one1514", "rate", "  frames/s", RATE, **at_least(1.2)),
    Row("one1514", "delivered", "  delivered, %"),
    Row("one1514", "cpu_delivered", "  CPU per delivered frame, us", CPU),
    Row("flood8", "cpu", "60 bytes, flood to 8: CPU/frame, us", CPU, **at_most(0.7)),
    FloorRow("flood8", "cpu", "  floor: (a bare relay)", CPU),
    Row("flood8", "rate", "  frames/s, all receivers", RATE),
    Row("flood8", "delivered", "  delivered, %"),
    Row("flood8", "cpu_delivered", "  CPU per delivered frame, us", CPU),
    Row("silent50", "cpu", "60 bytes, 50 silent: CPU/frame, us", CPU),
    Row("silent50", "rate", "  frames/s", RATE),
    OwnRow("silent50", "rate", "  frames/s, and (without silent ones)", RATE, **at_least(0.9)),
    OwnRow("silent50", "cpu", "  CPU/frame, and (without silent ones)", CPU),
    Row("silent200", "cpu", "60 bytes, 200 silent: CPU/frame, us", CPU),
    Row("silent200", "rate", "  frames/s", RATE, **at_least(20)),
    OwnRow("silent200", "rate", "  frames/s, and (without silent ones)", RATE, **at_least(0.9)),
    OwnRow("silent200", "cpu", "  CPU/frame, and (without silent ones)", CPU),
    Row("silent1000", "cpu", "60 bytes, 1,000 silent: CPU/frame, us", CPU),
    Row("silent1000", "rate", "  frames/s", RATE),
    OwnRow("silent1000", "rate", "  frames/s, and (without silent ones)", RATE, **at_least(0.9)),
    OwnRow("silent1000", "cpu", "  CPU/frame, and (without silent ones)", CPU),
    Row("latency", "median_us", "latency, round trip: median, us"),
    Row("latency", "p99_us", "  99th percentile, us"),
    Row("idle1000", "wakeups", "1,000 idle clients: wake-ups/s", "{:.1f}", **none()),
    Row("idle1000", "rss_empty", "memory, no client: RSS, KiB", KIB),
    Row("idle1000", "pss_empty", "  PSS, KiB", KIB),
    Row("idle1000", "rss_full", "memory, 1,000 clients: RSS, KiB", KIB),
    Row("idle1000", "pss_full", "  PSS, KiB", KIB),
    Row("sustained", "lost", "at 95 % of vde_switch's rate: lost", COUNT, **none()),
    Row("sustained", "offered", "  offered, frames/s", RATE),
    Row("sustained212992", "lost", "the same, wmem_max 212992: lost", COUNT, **none()),
    Row("sustained212992", "offered", "  offered, frames/s", RATE),
]


def report(samples, failures):
    """Prints the table, and what to say about it."""
    body = [cells for cells in (row.cells(samples) for row in ROWS) if cells]
    rounds.print_table({"title": "scenario", "ours": "vswitchd", "peer": "vde_switch", "ratio": "ratio",
                        "target": "target", "met": "met?"}, body)
    rounds.print_missed(body, misses(body, samples), failures)


def misses(body, samples):
    title, missed = "", []
    for cells in body:
        title = title if cells["title"].startswith("  ") else cells["title"].split(":")[0]
        if cells["met"] == "NO":
            missed.append(f"{title}: {cells['title'].split(':')[-1].strip()}: {cells['ours']}, "
                          f"ratio {cells['ratio']}, target {cells['target']}"
                          + beside_the_floor(cells["row"], samples))
    for name, measured in samples.items():
        wrong = sum(r[OURS].get("misordered", 0) for r in measured)
        if wrong:
            missed.append(f"{name}: vswitchd delivered {wrong} frames out of order or twice")
    if any("below the floor" in line for line in missed):
        missed.append("(below the floor: on this machine these sockets alone cost more than the target, so no switch "
                      "that uses them\n  and delivers the frames can meet it)")
    return missed


def beside_the_floor(row, samples):
    """What the relay makes of a target that ours has missed: words, or "" if nothing is known."""
    ratios = ratios_of(pairs_of(samples, row.scenario, row.key, FLOOR, PEER))
    if row.limit is None or not ratios:
        return ""
    ratio = statistics.median(ratios)
    margin = spread(ratios) + 0.005  # what is printed is rounded
    if row.key == "rate":
        return "" if ratio + margin >= row.limit else f"; a bare relay misses it too: {with_spread(ratios)}"
    if ratio + margin < row.limit:
        return ""
    return (f"; {'about' if abs(ratio - row.limit) <= margin else 'below'} the floor: {with_spread(ratios)}"
            + few_delivered(", with vde_switch delivering", samples[row.scenario], PEER))


# ---- rounds -----------------------------------------------------------------


def facts(options):
    return {"wmem_max": WMEM_MAX.read_text().strip(),
            "vde_switch": f"{rounds.first_line([options.peer, '--version'])} "
                          f"({options.peer}, package {rounds.package_version('vde-switch')})",
            "rounds": f"{options.rounds} of {options.seconds:g} s"
                      + (", pinned" if options.pin else ", not pinned")}


def run(options, names):
    """Returns the samples, scenario -> one dictionary of sides a round, and the failures, scenario -> reason."""
    bench, samples, failures = Bench(options), {name: [] for name in names}, {}
    for number in range(options.rounds):
        order = rounds.alternate((FLOOR, OURS, PEER), number)
        for name in names:
            if name in failures or number >= ROUNDS_AT_MOST.get(name, options.rounds):
                continue
            rounds.show_progress(number, options.rounds, name)
            try:
                samples[name].append(measure_sides(bench, name, order))
            except CannotRun as error:
                failures[name] = str(error)
    rounds.end_progress()
    return samples, failures


def measure_sides(bench, name, order):
    shared, sides = {}, {}
    for side in order:
        if side != FLOOR or name in FLOORED:
            sides[side] = SCENARIOS[name](bench, side, shared)
    return sides
