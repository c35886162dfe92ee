"""The console against Debian's vde_switch: the same commands and clients on both, and answers compared byte for byte.

Sequences are random but for the seed, which a failure prints and DIFFERENTIAL_SEED sets. What may differ is listed in
vde_deviations.py, and nowhere else, and the last test sees to it that the list does not outlive its reasons.
"""

import contextlib
import os
import random
import re
import select

import pytest

from console import END_OF_SESSION, PROMPT, Console
from switch import PROGRAM, Switch, wait_for
from vde_deviations import TABLE, normalise
from vdeclient import BROADCAST, NEW_PORT0, Refused, VdeClient, frame, tag, unread

DEBIAN_SWITCH = "/usr/bin/vde_switch"
HIGHEST = 9
SEED = int(os.environ.get("DIFFERENTIAL_SEED", "0"))


# -- one switch of the two -----------------------------------------------------------------------------------


class Side:
    """A switch, two sessions (the first subscribes to events), and its clients by label."""

    def __init__(self, mgmt, program, numports, home):
        self.mgmt = home / mgmt
        self.script = home / "script"
        self.switch = Switch("-n", numports, "-M", self.mgmt, "--macaddr", "02:11:22:33:44:55", program=program)
        wait_for(self.mgmt.exists, message="the management socket")
        self.numports = numports
        self.names = {"script": self.script}
        self.clients = {}
        self.ids = {}
        self.first, self.second = Console(self.mgmt), Console(self.mgmt)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for client in self.clients.values():
            client.close()
        self.first.close()
        self.second.close()
        return self.switch.__exit__(*error)

    # Steps: each returns what the console and the clients have to say of it.

    def command(self, line):
        return self._ask(self.first, line) + self._events()

    def elsewhere(self, line):
        """A command of the second session; the first sees its events."""
        return self._ask(self.second, line) + self._events()

    def load(self, line, text):
        self.script.write_text(text)
        return self.command(line)

    def attach(self, label, port):
        where = {"request": NEW_PORT0} if port == "zero" else {"port": port}
        try:
            self.clients[label] = VdeClient(self.switch.dir, descr=f"client {label}", timeout=2, **where)
        except (Refused, TimeoutError):
            return "refused\n"
        got = self.clients[label].port
        known = set(self.ids.values())
        (self.ids[label],) = (number for number in self._endpoints(got) if number not in known)
        return f"{label} is on port {got}\n" + self._events(2)

    def detach(self, label):
        if label not in self.clients:
            return "nobody\n"
        self.clients[label].close()
        del self.clients[label]
        return self._events(2)

    def send(self, label, *frames):
        if label not in self.clients:
            return "nobody\n"
        sender = self.clients[label]
        for each in frames:
            sender.data.send(each)
        wait_for(lambda: unread(sender.data) == 0, message="the switch to read the frames")
        events = self._events(2)
        heard = {name: client.pending() for name, client in self.clients.items()}
        return events + "".join(f"{name} heard {each.hex()}\n" for name in sorted(heard) for each in heard[name])

    def forget(self):
        """Empties the address table, which says nothing by itself: see "forgets" in the table."""
        size = re.search(r"Hash size (\d+)", self._ask(self.second, "hash/showinfo"))[1]
        self._ask(self.second, f"hash/setsize {size}")
        self._events()

    def closed(self):
        """The clients whose cable the switch has pulled; they are clients no more."""
        gone = [label for label, client in self.clients.items() if select.select([client.ctl], [], [], 0)[0]]
        for label in gone:
            assert self.clients[label].ctl.recv(16) == b""
            self.clients.pop(label).close()
        return gone

    # What they are made of.

    def _ask(self, session, line):
        written = re.sub(r"<(\w+)>", lambda label: str(self.names.get(label[1], self.ids.get(label[1], 999))), line)
        session.send(written + "\n")
        return session.read_to(PROMPT).decode(errors="replace").removesuffix(PROMPT.decode())

    def _events(self, rounds=1):
        """What the first session gets unasked, up to now: an empty line is answered by just a prompt."""
        return "".join(self._ask(self.first, "") for _ in range(rounds))

    def _endpoints(self, port):
        return [int(number) for number in re.findall(r"endpoint ID (\d+)", self._ask(self.second, f"port/print {port}"))]

    def in_common_words(self, text):
        """TEXT with what is this side's alone replaced: its paths, and its descriptors by the clients' labels."""
        labels = {number: label for label, number in self.ids.items()}

        def named(width):
            def name(found):
                number = int(found[2])
                as_vde_prints_it = f"{number:{width}}"
                return f"{found[1]}<{labels[number]}>" if found[2] == as_vde_prints_it and number in labels else found[0]
            return name

        text = re.sub(r"^(303[12] .* FD |3023 .* FD )([ \d]\d+)", named("2d"), text, flags=re.M)
        text = re.sub(r"^(  -- endpoint ID )(\d+)", named("04d"), text, flags=re.M)
        return text.replace(str(self.mgmt), "<mgmt>").replace(str(self.switch.dir), "<dir>")


class Pair:
    """vde_switch and ours, which get the same steps; `record` keeps (command, vde's answer, ours)."""

    def __init__(self, home, program=PROGRAM):
        self._stack = contextlib.ExitStack()
        self.record = []
        with contextlib.ExitStack() as stack:
            self.vde = stack.enter_context(Side("vde.mgmt", DEBIAN_SWITCH, HIGHEST + 1, home))
            self.ours = stack.enter_context(Side("our.mgmt", program, HIGHEST + (program == DEBIAN_SWITCH), home))
            self._stack = stack.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    def step(self, step):
        """Does one step on both and compares."""
        kind, *args = step
        answers = []
        for side in (self.vde, self.ours):
            text = getattr(side, kind)(*args)
            gone = "".join(f"{label} is unplugged\n" for label in side.closed())
            answers.append(side.in_common_words(text + gone))
            for label in set(side.ids) - set(side.clients):
                del side.ids[label]
        if kind == "load":
            self.forget()
        command = args[0].strip() if kind in ("command", "elsewhere", "load") else " ".join((kind, *(str(arg) if isinstance(arg, (str, int)) else arg.hex() for arg in args)))
        self.record.append((command, *answers))
        vde, ours = comparable(command, *answers)
        assert vde == ours, f"{command!r}: vde_switch and ours differ\n{difference(vde, ours)}"
        if moves_a_port(command):
            self.forget()

    def forget(self):
        for side in (self.vde, self.ours):
            side.forget()

    def farewell(self):
        """The end of the sessions, and of the switches."""
        for side in (self.vde, self.ours):
            side.second.send("logout\n")
            assert side.second.read_to_end() == END_OF_SESSION
            side.first.send("shutdown\n")
            assert side.first.read_to_end() == END_OF_SESSION
            assert side.switch.process.wait(20) == 0


def comparable(command, vde, ours, leave_out=None):
    """The two answers without what may differ, those to the lines of a script one by one."""
    if not command.startswith("load "):
        return normalise(command, vde, ours, leave_out)
    parts = [re.split(r"^(vde\[[^]]*\]: .*\n)|(?=^\S+ .*\n\Z)", text, flags=re.M) for text in (vde, ours)]
    if len(parts[0]) != len(parts[1]):
        return vde, ours
    line, both = command, []
    for one, other in zip(*parts):
        one, other = one or "", other or ""
        if one == other and one.startswith("vde["):
            line = one.partition(": ")[2].strip()
        both.append(normalise(line, one, other, leave_out))
    return "".join(vde for vde, _ in both), "".join(ours for _, ours in both)


def difference(vde, ours):
    return "".join(f"  {mark} {line}\n" for mark, text in (("vde ", vde), ("ours", ours)) for line in text.splitlines())


def moves_a_port(command):
    """Whether COMMAND makes vde_switch forget addresses of ports that it is not about (see the table)."""
    return re.search(r"^(attach|detach|load|port/(setvlan|epclose)|vlan/(add|del)port)\b", command)


# -- random sequences ----------------------------------------------------------------------------------------

PORTS = ["0", "1", "2", "3", "4", "5", "9", "10", "77", "-1"]
VLANS = ["0", "2", "7", "99", "4093", "4095", "4096", "-5"]
CATEGORIES = ["", "port", "port/", "port/+", "port/-", "port/descr", "port/ep", "port/ep/-", "hash", "hash/+", "hash/-",
              "p", "h", "nosuch", "port/+x"]
PATHS = ["", "ds", "help", "show", "d", "debug", "debug/a", "plugin", "hash", "hash/set", "port", "port/create", "vlan",
         "vlan/", "fstp", "nosuch", "load"]
JUNK = ["nosuch", "port", "vlan", "PORT/PRINT", "port/", "ports", "hash/fin", "9999", "1000 Success", ".", "vde$", "x" * 100]


class Script:
    """A random sequence of steps."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.labels = []
        self.made = 0

    def steps(self, length):
        """Addresses stay where they are however long the sequence takes, as vde_switch counts in whole seconds."""
        yield "command", "hash/setminper 600"
        yield "command", "debug/add"
        for _ in range(length):
            kind = self.random.choices([self.say, self.attach, self.detach, self.frames, self.load], [70, 8, 4, 16, 2])[0]
            yield from kind()

    def say(self):
        kind = self.random.choices(["command", "elsewhere"], [5, 1])[0]
        line = self.line()
        if self.random.random() < 0.1:
            line = self.random.choice([" ", "\t", "  \t "]) + line
        yield kind, line

    def line(self):
        pick = self.random.choice
        port, vlan = self.port(), self.vlan()
        line = pick([
            *["port/create " + pick(PORTS[1:])] * 3, "port/createauto", *[f"port/remove {port}"] * 2,
            *[f"port/setvlan {port} {vlan}"] * 4, f"port/allocatable {port} {pick('012')}",
            f"port/setuser {port} {pick(['root', 'NONE', 'ANY', '4242', 'no such', ''])}",
            f"port/setgroup {port} {pick(['root', 'daemon', 'NONE', 'ANY', '4242', 'nosuch', ''])}",
            *[f"port/epclose {port} {pick(self.labels + ['nobody'])}".replace(" c", " <c") + ">"] * 2,
            f"port/resetcounter {pick([port, ''])}".rstrip(), *[f"port/print {port}"] * 2, "port/print", "port/showinfo",
            *[f"port/allprint {port}", "port/allprint"] * 2, f"port/sethub {pick('0001')}",
            f"port/setnumports {pick(['0', '-3', '9', '12', '4', '1'])}",
            *[f"vlan/create {vlan}"] * 4, f"vlan/remove {pick(VLANS[1:])}", *[f"vlan/addport {vlan} {port}"] * 4,
            *[f"vlan/delport {vlan} {port}"] * 2, "vlan/print", f"vlan/print {vlan}", "vlan/allprint",
            f"vlan/allprint {vlan}",
            "hash/print", "hash/print", "hash/showinfo", f"hash/find {pick(self.addresses())}",
            f"hash/find {pick(self.addresses())} {vlan}", f"hash/setsize {pick(['64', '128', '100', '0', '-1'])}",
            f"hash/setgcint {pick(['1', '2', '60'])}", f"hash/setexpire {pick(['100', '900'])}",
            f"hash/setminper {pick(['600', '1000'])}",
            "fstp/showinfo", "fstp/print", f"fstp/print {vlan}", "fstp/setfstp 0",
            "ds/showinfo", "showinfo", f"help {pick(PATHS)}".rstrip(), "help", pick(["helpme", "showinfoX", "ds/showinfo2"]),
            f"debug/add {pick(CATEGORIES)}".rstrip(), f"debug/add {pick(CATEGORIES)}".rstrip(),
            f"debug/del {pick(CATEGORIES)}".rstrip(), f"debug/list {pick(CATEGORIES)}".rstrip(), "debug/list",
            "plugin/list", "plugin/list x", "plugin/add nosuch", "plugin/del nosuch",
            "", "#", "# port/create 1", pick(JUNK), pick(JUNK),
        ])
        return line

    def port(self):
        return self.random.choice(PORTS[:6] * 3 + PORTS)

    def vlan(self):
        return self.random.choice(VLANS[:3] * 3 + VLANS)

    def addresses(self):
        known = [self.address(label, self.random.randrange(4)) for label in self.labels] or ["02:00:00:00:00:01"]
        return known * 3 + [known[0].replace(":", "."), "02:00", "nosuch", "", "ff:ff:ff:ff:ff:ff"]

    def address(self, label, number):
        """Each client has its own few: an address that moves depends on time."""
        return f"02:00:00:00:{int(label[1:]) % 256:02x}:{number:02x}"

    def attach(self):
        if len(self.labels) >= 6:
            return
        label = f"c{self.made}"
        self.made += 1
        self.labels.append(label)
        yield "attach", label, self.random.choice([0, 0, 0, 1, 2, 3, 3, 4, 9, "zero"])

    def detach(self):
        if self.labels:
            label = self.random.choice(self.labels)
            self.labels.remove(label)
            yield "detach", label

    def frames(self):
        if self.labels:
            label = self.random.choice(self.labels)
            yield "send", label, *(self.frame(label) for _ in range(self.random.randint(1, 3)))

    def frame(self, label):
        other = self.random.choice(self.labels)
        target = self.random.choice([BROADCAST, "01:00:5e:00:00:01", self.address(other, self.random.randrange(4))])
        tags = self.random.choice([[], [], [], [tag(0)], [tag(2)], [tag(7)], [tag(4093)]])
        return frame(target, self.address(label, self.random.randrange(4)), *tags, size=self.random.choice([60, 64, 1400]))

    def load(self):
        lines = [self.line() for _ in range(self.random.randint(0, 6))]
        yield "load", "load <script>", "".join(f"{line}\n" for line in lines if line and "<" not in line)


def run_sequence(seed, length, home, program=PROGRAM):
    """One random sequence on two new switches; a difference shows how to get there again."""
    with Pair(home, program) as pair:
        try:
            for step in Script(seed).steps(length):
                pair.step(step)
            pair.farewell()
        except BaseException as error:
            done = "\n".join(f"  {command:.100}" for command, _, _ in pair.record)
            raise AssertionError(f"DIFFERENTIAL_SEED={seed}: after\n{done}\n{error}") from error


@pytest.mark.parametrize("number", range(12))
def test_random_sequence(number, tmp_path):
    run_sequence(SEED + number, 120, tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("number", range(1000, 1200))
def test_many_random_sequences(number, tmp_path):
    run_sequence(SEED + number, 150, tmp_path)
