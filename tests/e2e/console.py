"""A session on the management socket, byte by byte: what the switch writes, in how many writes, and when."""

import contextlib
import os
import re
import select
import socket
import time

from process import Closes

PROMPT = b"\nvde$ "
DATA = "0000 DATA END WITH '.'"
REPLY = re.compile(r"^(1\d{3})(?: (.*))?$")
EVENT = re.compile(r"^3\d{3} ")
END_OF_SESSION = b"9999 END OF SESSION"


def text(lines):
    return "\n".join(lines)


class Closed(Exception):
    """The switch has closed the session."""


class Console(Closes):
    """A session. Events that arrive between replies are kept in `events`."""

    def __init__(self, path, greet=True, timeout=20.0):
        self.timeout = timeout
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(os.fspath(path))
        self.buffer = b""
        self.events = []
        self.greeting = self.read_to(PROMPT).decode() if greet else None

    def send(self, data):
        """Writes DATA as it is, without appending a newline."""
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def read_to(self, mark, timeout=None):
        """Everything up to and with MARK."""
        end = time.monotonic() + (timeout or self.timeout)
        while mark not in self.buffer:
            self._fill(end)
        at = self.buffer.index(mark) + len(mark)
        text, self.buffer = self.buffer[:at], self.buffer[at:]
        return text

    def read_for(self, seconds):
        """Everything that arrives within SECONDS; less if the switch closes."""
        end = time.monotonic() + seconds
        with contextlib.suppress(TimeoutError, Closed):
            while True:
                self._fill(end)
        text, self.buffer = self.buffer, b""
        return text

    def read_to_end(self, timeout=None):
        """Everything until the switch closes the session."""
        end = time.monotonic() + (timeout or self.timeout)
        with contextlib.suppress(Closed):
            while True:
                self._fill(end)
        text, self.buffer = self.buffer, b""
        return text

    def _fill(self, end):
        ready, _, _ = select.select([self.socket], [], [], max(0, end - time.monotonic()))
        if not ready:
            raise TimeoutError(f"nothing more after {self.buffer[-200:]!r}")
        try:
            chunk = self.socket.recv(65536)
        except ConnectionResetError as error:
            raise Closed from error
        if not chunk:
            raise Closed
        self.buffer += chunk

    def reply(self):
        """Reads the next reply up to its prompt. Returns (code, data lines, text after the code)."""
        lines = self.read_to(PROMPT).decode(errors="replace").removesuffix(PROMPT.decode()).split("\n")
        code, words, data, inside = None, "", [], False
        for line in lines:
            if inside:
                inside = line != "."
                if inside:
                    data.append(line)
            elif line == DATA:
                inside = True
            elif EVENT.match(line):
                self.events.append(line)
            elif REPLY.match(line):
                code, words = int(REPLY.match(line)[1]), REPLY.match(line)[2]
            else:
                assert line == "", f"a line that is no part of a reply: {line!r} in {lines}"
        return code, data, words

    def ask(self, line):
        """Runs one command. Returns (code, data lines, text after the code); code is None for an empty line."""
        self.send(line + "\n")
        return self.reply()

    def cmd(self, line):
        """Runs one command. Returns (code, data lines)."""
        return self.ask(line)[:2]

    def ok(self, line):
        """Runs one command that must succeed. Returns its data lines."""
        code, data, words = self.ask(line)
        assert code == 1000, f"{line}: {code} {words}"
        return data

    def endpoint_ids(self, port):
        """The numbers of PORT's endpoints."""
        return [int(number) for number in re.findall(r"endpoint ID (\d+)", text(self.ok(f"port/print {port}")))]

    def next_events(self, count, timeout=10.0):
        """Returns the next COUNT event lines, those kept first."""
        end = time.monotonic() + timeout
        while len(self.events) < count:
            while b"\n" not in self.buffer:
                self._fill(end)
            line, self.buffer = self.buffer.split(b"\n", 1)
            text = line.decode(errors="replace")
            assert EVENT.match(text), f"not an event: {text!r}"
            self.events.append(text)
        events, self.events = self.events[:count], self.events[count:]
        return events

    def close(self):
        self.socket.close()


def state_of(console):
    """The state that commands change, except for values that depend on time."""
    views = [console.ok(view) for view in ("vlan/allprint", "port/allprint", "port/showinfo", "hash/print")]
    return [[re.sub(r"  age \d+ secs", "", line) for line in view] for view in views]
