"""Where our console's replies differ from vde_switch 2.3.2's, each with its reason: the complete list.

An entry names the commands that it is for and makes the two answers comparable, either by what is known to differ in
their lines (`vde` and `ours` edit that switch's text) or, for an answer that is another one altogether, by what each
must say (`vde_says` and `we_say`, which match all of it). What no entry covers must be the same byte for byte.

test_console_differential.py fails when an entry is not needed, so a difference that has gone leaves this table too.
"""

import dataclasses
import re
from collections.abc import Callable

DATA = r"0000 DATA END WITH '\.'\n"
OK = r"1000 Success\n"
INVALID = r"1022 Invalid argument\n"


@dataclasses.dataclass(frozen=True)
class Deviation:
    """One difference. WHEN is searched for in the command; what is no command has a made-up one (`attach 3 c0`)."""

    name: str
    reason: str
    when: str
    vde: Callable[[str, str], str] | None = None
    ours: Callable[[str, str], str] | None = None
    both: Callable[[str, str], tuple[str, str]] | None = None
    vde_says: str | None = None
    we_say: str | None = None
    vde_is_told: Callable[[str], str] | None = None

    def apply(self, command, vde, ours):
        """The two answers to COMMAND without this difference."""
        if not re.search(self.when, command):
            return vde, ours
        if self.vde_says is not None:
            both = re.fullmatch(self.vde_says, vde) and re.fullmatch(self.we_say, ours)
            return (f"<{self.name}>",) * 2 if both else (vde, ours)
        if self.both:
            return self.both(vde, ours)
        return (self.vde(vde, command) if self.vde else vde), (self.ours(ours, command) if self.ours else ours)


def same(pattern, replacement):
    """An edit: PATTERN, line by line, becomes REPLACEMENT."""
    return lambda text, _command: re.sub(pattern, replacement, text, flags=re.M)


def without(pattern):
    """An edit: whole lines that match PATTERN go."""
    return lambda text, _command: re.sub(rf"^(?:{pattern})\n", "", text, flags=re.M)


def in_order(pattern):
    """An edit: neighbouring lines that match PATTERN stand in alphabetical order."""
    def edit(text, _command):
        return re.sub(rf"(?:^(?:{pattern})\n)+", lambda run: "".join(sorted(run[0].splitlines(True))), text, flags=re.M)
    return edit


def masked(pattern, replacement):
    """The same edit for both switches."""
    return {"vde": same(pattern, replacement), "ours": same(pattern, replacement)}


def forgets_others(text, command):
    """Without the addresses that vde_switch forgets of ports that COMMAND is not about."""
    port = re.search(r"^(?:vlan/\w+ \S+|\S+) (\d+)", command)
    own = rf"(?!{int(port[1])}$)" if port else ""
    return re.sub(rf"^3012 hash/- \S+ VLAN \S+ Port {own}\d+\n", "", text, flags=re.M)


# A port's lines up to its counters: number, "IN" if inactive, frames in, frames out.
BLOCK = re.compile(r"^Port (\d{4}) .* (IN|)ACTIVE - .*\n.*\n IN:  pkts +(\d+) .*\n OUT: pkts +(\d+) .*\n", re.M)
DROPS = re.compile(r"^Port (\d{4}) (?:.*\n(?!Port))*? Drops: in (\d+) out", re.M)
SHARED = re.compile(r"^Port (\d{4}) (?:.*\n){4}(?:  -- endpoint .*\n){2}", re.M)


def frames_refused(vde, ours):
    """Masks IN of a port by which vde_switch counts more than we do, but not more than we have dropped besides."""
    dropped = {found[1]: int(found[2]) for found in DROPS.finditer(ours)}
    by_vde, by_us = ({found[1]: int(found[3]) for found in BLOCK.finditer(text)} for text in (vde, ours))
    refused = {port for port in by_us if 0 < by_vde.get(port, 0) - by_us[port] <= dropped.get(port, 0)}
    return mask_counter("IN: ", refused, vde), mask_counter("IN: ", refused, ours)


def frames_to_nobody(vde, ours):
    """Masks OUT of an inactive port by which vde_switch counts more than we do."""
    by_vde, by_us = ({found[1]: int(found[4]) for found in BLOCK.finditer(text) if found[2]} for text in (vde, ours))
    missed = {port for port in by_us if by_vde.get(port, 0) > by_us[port]}
    return mask_counter("OUT:", missed, vde), mask_counter("OUT:", missed, ours)


def copies(vde, ours):
    """Masks OUT of a port with several endpoints where we count more than vde_switch does."""
    by_vde, by_us = ({found[1]: int(found[4]) for found in BLOCK.finditer(text)} for text in (vde, ours))
    more = {port for port in SHARED.findall(vde) if by_us.get(port, 0) > by_vde[port]}
    return mask_counter("OUT:", more, vde), mask_counter("OUT:", more, ours)


def mask_counter(way, ports, text):
    """TEXT without the numbers of one way of PORTS."""
    def mask(block):
        if block[1] not in ports:
            return block[0]
        return re.sub(rf"^ {way} pkts +\d+ +bytes +\d+$", f" {way} <masked>", block[0], flags=re.M)
    return BLOCK.sub(mask, text)


def forgets_elsewhere(text, command):
    """Without addresses in other VLANs than the one that the port leaves."""
    left = re.search(r"\(was (\d+)\)|^vlan/delport (\d+)", command)
    if not left:
        return text
    vlan = int(left[1] or left[2])
    stays = re.search(rf"^port/setvlan \d+ {vlan} ", command)
    kept = "" if stays else rf"(?!{vlan % 256:02x}:{vlan // 256:02x})"
    return re.sub(rf"^3012 hash/- \S+ VLAN {kept}\S+ Port .*\n", "", text, flags=re.M)


def tree_without_ports(text, command):
    """The tree of a VLAN without its ports and times."""
    text = without(r" -- Port \d{4} tagged=.*")(text, command)
    return same(r"( cost 0 age )\d+ ", r"\g<1>0 ")(text, command)


def not_closed(text, command):
    """A refused port/epclose without the event that a port has closed."""
    return without(r"3022 port/- \d+")(text, command) if re.search(r"^1006", text, re.M) else text


def as_syntax_of_vde(text, command):
    """`help` without brackets around what VDE shows without, and without what it does not show."""
    text = same(r"^(debug/(?:add|del) {10})\[dbgpath\]  ", r"\1dbgpath    ")(text, command)
    return same(r"^((?:debug|plugin)/list {8,9})\[\w+\] {2,}", r"\1" + " " * 16)(text, command)


def one_less(pattern):
    """An edit: the number in the second group of PATTERN is one less, and padded with zeros if it was."""
    def less(found):
        return found[1] + str(int(found[2]) - 1).zfill(len(found[2]) if found[2].startswith("0") else 0)
    return lambda text, _command: re.sub(pattern, less, text, flags=re.M)


def one_port_more(line):
    """port/setnumports with the number that vde_switch 2.3.2 needs for the same ports."""
    return re.sub(r"^(\s*port/setnumports )([1-9]\d*)$", lambda found: found[1] + str(int(found[2]) + 1), line)


TABLE = [
    # -- what is bound to differ -----------------------------------------------------------------------------
    Deviation(
        "version", "We are another program, of another version.", r"^showinfo",
        **masked(r"^VDE switch V\.\d\.\d\.\d\n.+$", "<version>"),
    ),
    Deviation(
        "process", "Two processes have two ids, and did not start in the same second.", r"^showinfo",
        **masked(r"^pid \d+ (MAC \S+) uptime \d+$", r"pid <pid> \1 uptime <s>"),
    ),
    Deviation(
        "bucket", "Each address table has its own hash function and its own clock.", r"^hash/(print|find)",
        **masked(r"^Hash: \d{4} (Addr: .*  age )\d+ secs$", r"Hash: <n> \1<s> secs"),
    ),
    Deviation(
        "table order", "Each address table has its own order of entries.", r"^hash/print",
        vde=in_order(r"Hash: .*"), ours=in_order(r"Hash: .*"),
    ),
    Deviation(
        "forgetting order", "Each address table has its own order of entries, in which it forgets them.", "",
        vde=in_order(r"3012 hash/- .*"), ours=in_order(r"3012 hash/- .*"),
    ),

    # -- what we say more ------------------------------------------------------------------------------------
    Deviation(
        "words", "Our errors may say in words what is wrong, behind VDE's line.", "",
        ours=same(r"^(1(?!000)\d{3} [^:\n]+): .+$", r"\1"),
    ),
    Deviation(
        "refused frames", "We count what a port lets in, vde_switch also what it then refuses for its VLAN.",
        r"^port/(all)?print", both=frames_refused,
    ),
    Deviation(
        "frames to nobody", "In hub mode vde_switch counts what it would send to ports that nobody is attached to.",
        r"^port/(all)?print", both=frames_to_nobody,
    ),
    Deviation(
        "copies", "We count a frame for each endpoint of a port that gets it, vde_switch once for the port.",
        r"^port/(all)?print", both=copies,
    ),
    Deviation(
        "unsent packets", "vde_switch 2.3.2 was built without queues; this is how later ones show them.",
        r"^port/(all)?print",
        ours=without(r" {14}unsent packets: \d+ max \d+"),
    ),
    Deviation(
        "peer", "We show who is at the other end of an endpoint, below its line.", r"^port/(all)?print",
        ours=without(r" {14}peer: user \S+( process \d+ \(.*\))?"),
    ),
    Deviation(
        "more of a port", "Our ports have more properties than VDE's; they stand below each port's lines.",
        r"^port/(all)?print",
        ours=without(r" (Name: \S+ Type|State|VLAN: \S+ Trunk|Addresses|Drops|Up): .*"),
    ),
    Deviation(
        "queue length", "vde_switch 2.3.2 was built without queues; this is how later ones show their length.",
        r"^port/showinfo",
        ours=without(r"default length of port packet queues: \d+"),
    ),
    Deviation(
        "entries", "We show how full the address table is.", r"^hash/showinfo",
        ours=without(r"Entries \d+ of \d+"),
    ),
    Deviation(
        "more commands", "We have commands that VDE has not.", r"^help",
        ours=without(r"(frame(/\w+)?|port/(add|del|set|setname|setdescr|setlearn|drops|endpoints|defqlen|epqlen)"
                     r"|hash/(addstatic|delete|flush)|(tap|listen)(/\w+)?) +.*"),
    ),
    Deviation(
        "help of vlan/delport", "VDE 2.3.2 says that it adds, which later versions mend.", r"^help",
        vde=same(r"^(vlan/delport +N PORT +)add port to the vlan", r"\1del port from the vlan"),
    ),
    Deviation(
        "more categories", "We report events that VDE does not know.", r"^debug/list",
        ours=without(r"(hash/(move|shared)|port/loop) +\d{3} .*"),
    ),
    Deviation(
        "more events", "We report events that VDE does not know.", r"^send ",
        ours=without(r"3(013 hash/move|014 hash/shared|024 port/loop) .*"),
    ),
    Deviation(
        "only our own categories", "VDE's categories are set already, but not ours of the same beginning.",
        r"^debug/(add|del) (p|h|port/?|hash/?)$",
        vde_says=r"1017 File exists\n|1002 No such file or directory\n", we_say=OK,
    ),

    # -- what vde_switch does in passing ---------------------------------------------------------------------
    Deviation(
        "no tree's events", "vde_switch reports a root for a new VLAN, and when port 0 closes, with its tree off, too.",
        r"^(vlan/create|detach|load|port/(setvlan|epclose)|vlan/delport)\b",
        vde=without(r"3045 fstp/root Port 0000 VLAN \S+ -> 80:00:02:11:22:33:44:55"),
    ),
    Deviation(
        "forgets", "A port that joins or leaves a VLAN makes vde_switch forget all addresses there, tree or no tree.",
        r"^(attach|detach|port/(setvlan|epclose)|vlan/(add|del)port)\b",
        vde=forgets_others,
    ),
    Deviation(
        "forgets all VLANs",
        "A port that changes VLANs makes vde_switch forget its addresses in the VLANs that it stays in, too.",
        r"^(port/setvlan .* \(was \d+\)|vlan/delport)", vde=forgets_elsewhere,
    ),
    Deviation(
        "hub forgets", "A hub has no addresses, so ours forgets them; vde_switch keeps them.", r"^port/sethub [1-9]",
        ours=without(r"3012 hash/- .*"),
    ),
    Deviation(
        "learning", "Without a spanning tree there is no learning state; vde_switch calls inactive ports so.",
        r"^vlan/allprint", vde=same(r"^( -- Port \d{4} tagged=[01] active=0 status=)Learning$", r"\1Forwarding"),
    ),
    Deviation(
        "tree of ports", "vde_switch shows the ports of a spanning tree that is off, and the age of its news.",
        r"^fstp/print",
        vde=tree_without_ports,
    ),
    Deviation(
        "closed twice", "vde_switch reports that a port closes when asked to close an endpoint that it does not have.",
        r"^port/epclose",
        vde=not_closed,
    ),
    Deviation(
        "user before port", "To us a user that does not exist is a mistake, whether or not the port exists.",
        r"^port/set(user|group) \d+ (nosuch|no such)$",
        vde_says=r"1006 No such device or address\n", we_say=INVALID,
    ),
    Deviation(
        "highest port", "vde_switch 2.3.2 leaves out port N of N ports; later ones, and we, do not.",
        r"^port/(setnumports|showinfo)",
        vde=one_less(r"^(Numports=)(\d+)$"), vde_is_told=one_port_more,
    ),
    Deviation(
        "VLAN 0", "vde_switch prints VLAN 0 among all, and by its number only with vlan/print.", r"^vlan/allprint 0$",
        vde_says=rf"{DATA}\.\n{INVALID}", we_say=rf"{DATA}VLAN 0000\n(?: -- Port .*\n)*\.\n{OK}",
    ),
    Deviation(
        "counters of no port", "vde_switch does not mind when there is no port whose counters it could reset.",
        r"^port/resetcounter \d+$",
        vde_says=OK, we_say=r"1006 No such device or address\n",
    ),
    Deviation(
        "optional arguments", "We show in brackets what VDE takes but does not show, or shows as if it were required.",
        r"^help",
        ours=as_syntax_of_vde,
    ),
    Deviation(
        "port found", "vde_switch's hash/find says one port too many.", r"^hash/find",
        vde=one_less(r"^(Hash: .* to port: )(\d+)(?=  age)"),
    ),
    Deviation(
        "VLAN to find in", "To us a VLAN out of range is a mistake; vde_switch looks, and finds nothing.",
        r"^hash/find [0-9a-f:.]+ (-\d+|4096)$",
        vde_says=rf"{DATA}\.\n1019 No such device\n", we_say=rf"{DATA}\.\n{INVALID}",
    ),

    # -- numbers ---------------------------------------------------------------------------------------------
    Deviation(
        "strict arguments", "No number, or a word too many, is a mistake to us; VDE reads as far as it can.",
        r"^(port/create \d+x|vlan/(print|create) \d+x|port/allocatable \d+ \d+ \d+|vlan/print \d+ \d+)$",
        vde_says=rf"(?s:{DATA}(Port|VLAN) .*)?{OK}|1017 File exists\n", we_say=rf"({DATA}\.\n)?{INVALID}",
    ),
    Deviation(
        "missing arguments", "What is missing is a mistake to us; VDE takes it for 0, or for a file without a name.",
        r"^(port/sethub|fstp/setfstp|load)$",
        vde_says=rf"({DATA}(?:Can't use fstp in hub mode\n)?\.\n)?{OK}|1002 No such file or directory\n",
        we_say=rf"({DATA}\.\n)?{INVALID}",
    ),
    Deviation(
        "directory as a script", "To VDE a directory is a script without lines.", r"^load /$",
        vde_says=OK, we_say=INVALID,
    ),
    Deviation(
        "dashes", "We read addresses with dashes, too.", r"^hash/find [0-9a-f]+-",
        vde_says=rf"{DATA}\.\n{INVALID}", we_say=rf"{DATA}\.\n1019 No such device\n",
    ),
    Deviation(
        "blanks at the end", "vdeterm leaves one behind what it completes; to VDE that is a part of the argument.",
        r"^help port/print$", ours=without(r"port/print .*"),
    ),
    Deviation(
        "port names", "Where VDE reads the number that a word begins with, we look for a port of that name.",
        r"^port/print \d+x$",
        vde_says=rf"(?s:{DATA}Port .*)\.\n{OK}", we_say=rf"{DATA}\.\n1006 No such device or address\n",
    ),
    Deviation(
        "zero and one", "To us a switch is 0 or 1; to VDE everything but 0 is 1.", r"^port/allocatable \d+ 2$",
        vde_says=OK, we_say=INVALID,
    ),
    Deviation(
        "leading zeros", "VDE reads 011 as nine, we as eleven.", r"^port/allocatable 011 1$",
        vde_says=r"1006 No such device or address\n", we_say=INVALID,
    ),
    Deviation(
        "hexadecimal", "We read 0x1 where VDE, in some commands, stops at the x.",
        r"^(port/print 0x1|vlan/create 0x0b)$",
        vde_says=rf"{DATA}\.\n1006 No such device or address\n|{INVALID}",
        we_say=rf"(?s:{DATA}Port 0001 .*)\.\n{OK}|{OK}",
    ),
    Deviation(
        "negative time", "VDE takes a negative number of seconds.", r"^hash/setgcint -1$", vde_says=OK, we_say=INVALID,
    ),
    Deviation(
        "VLAN 4094", "VDE refuses the highest VLAN there is.", r"^vlan/(create|remove) 4094$",
        vde_says=rf"{INVALID}|1006 No such device or address\n", we_say=OK,
    ),
    Deviation(
        "port 0", "Told to create port 0, VDE creates any port.", r"^port/create 0$",
        vde_says=rf"3021 port/\+ 02\n{OK}", we_say=rf"3021 port/\+ 00\n{OK}",
    ),
    Deviation(
        "no spanning tree", "We have none yet, and refuse what would need one.", r"^fstp/(setfstp 1|setedge|bonus)",
        vde_says=rf"(3044 fstp/status .*\n)?({DATA}\.\n)?{OK}", we_say=rf"({DATA}\.\n)?1095 Operation not supported\n",
    ),
    Deviation(
        "echo", "A script's line that ends like the prompt is shown otherwise, or it would be taken for that.", r"^load ",
        ours=same(r"^(vde\[[^]]*\]: .*)\\x24$", r"\1$"),
    ),
    Deviation(
        "blank lines", "A blank line in a script is not a command to us; VDE does not know it.", r"^load ",
        vde=same(r"^vde\[[^]]*\]: \n\n1038 Function not implemented\n", ""),
    ),
]


def for_vde(line):
    """The command that asks vde_switch for what LINE asks us for."""
    for entry in TABLE:
        if entry.vde_is_told:
            line = entry.vde_is_told(line)
    return line


def normalise(command, vde, ours, leave_out=None):
    """The two answers to COMMAND as far as they must be the same, or as the table without one entry has them."""
    for entry in TABLE:
        if entry is not leave_out:
            vde, ours = entry.apply(command, vde, ours)
    return vde, ours
