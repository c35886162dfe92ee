"""Where our console answers otherwise than vde_switch 2.3.2, each with its reason: the whole list, and no more.

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
    """One difference. WHEN is searched for in the command; attaching and the like have a made-up one (see steps)."""

    name: str
    reason: str
    when: str
    vde: Callable[[str, str], str] | None = None
    ours: Callable[[str, str], str] | None = None
    vde_says: str | None = None
    we_say: str | None = None

    def apply(self, command, vde, ours):
        """The two answers to COMMAND without this difference."""
        if not re.search(self.when, command):
            return vde, ours
        if self.vde_says is not None:
            both = re.fullmatch(self.vde_says, vde) and re.fullmatch(self.we_say, ours)
            return (f"<{self.name}>",) * 2 if both else (vde, ours)
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


def port_of(command):
    """The port that a command or step is about."""
    return int(re.search(r"^(?:vlan/\w+ \S+|\S+) (\d+)", command)[1])


def forgets_others(text, command):
    return re.sub(rf"^3012 hash/- \S+ VLAN \S+ Port (?!{port_of(command)}$)\d+\n", "", text, flags=re.M)


def only_paths_of_vde(text, _command):
    """`help` without the commands and menus that vde_switch does not have."""
    lines = text.splitlines(True)
    return "".join(line for line in lines if not OUR_COMMANDS.match(line))


OUR_COMMANDS = re.compile(r"(frame|fdb|drop|guard)(/\w+)? ")

TABLE = [
    # -- what is bound to differ -----------------------------------------------------------------------------
    Deviation(
        "version", "We are another program of another version.", r"^showinfo",
        **masked(r"^VDE switch V\.\d\.\d\.\d\n.+$", "<version>"),
    ),
    Deviation(
        "process", "Two processes have two ids, and did not start in the same second.", r"^showinfo",
        **masked(r"^pid \d+ (MAC \S+) uptime \d+$", r"pid <pid> \1 uptime <s>"),
    ),
    Deviation(
        "bucket", "Each table has its own hash function and its own clock, so bucket and age say nothing.",
        r"^hash/(print|find)",
        **masked(r"^Hash: \d{4} (Addr: .* )age \d+ secs$", r"Hash: <n> \1age <s> secs"),
    ),
]


def normalise(command, vde, ours, leave_out=None):
    """The two answers to COMMAND as far as they must be the same, or as the table without one entry has them."""
    for entry in TABLE:
        if entry is not leave_out:
            vde, ours = entry.apply(command, vde, ours)
    return vde, ours
