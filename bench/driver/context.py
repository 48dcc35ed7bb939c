"""What a run of the driver has at hand: where the programs are, where files go, how much is wanted."""

import copy
import os
import shutil
import socket
import tempfile

from machine import Machine
from servers import Failed, NotRun, Server


class Context:
    def __init__(self, options, source):
        self.source = source  # bench/
        self.build = os.path.abspath(options.build)
        self.bin = os.path.abspath(options.bin or os.path.join(options.build, "bin"))
        self.tools = self.bin  # the load and the counter of allocations, whatever is measured
        self.out = os.path.abspath(options.out)
        os.makedirs(self.out, exist_ok=True)
        self.scratch = tempfile.mkdtemp(prefix="run.", dir=self.out)  # two drivers may run at once
        self.www = os.path.join(self.out, "www")
        self.smoke = options.smoke
        self.rounds = options.rounds or (3 if options.smoke else 41)
        self.machine = Machine(options.apart, options.policy)
        self.beside = dict(item.split("=", 1) for item in options.beside) or self._other_compiler()
        self.only = options.only
        self.connections = getattr(options, "connections", None)  # hold: how many, in how many processes
        self.processes = getattr(options, "processes", None)
        self.force = getattr(options, "force", False)
        self._write_files()
        self._hello = None

    def _other_compiler(self):
        """The same programs by the other compiler, if they have been built next to these."""
        other = os.path.join(os.path.dirname(self.build), "release-gcc", "bin")
        there = os.access(os.path.join(other, "echo"), os.X_OK)
        return {"GCC": other} if there and "gcc" not in self.build else {}

    def _write_files(self):
        os.makedirs(self.www, exist_ok=True)
        for name, size in (("1k.bin", 1024), ("1m.bin", 1024 * 1024)):
            path = os.path.join(self.www, name)
            if not os.path.exists(path) or os.path.getsize(path) != size:
                with open(path, "wb") as file:
                    file.write(os.urandom(size))

    def clean(self):
        shutil.rmtree(self.scratch, ignore_errors=True)

    def with_bin(self, folder):
        """The same run with the programs of another build."""
        return self._changed(bin=os.path.abspath(folder), _hello=None)

    def without_instruments(self):
        """The same run with the programs of the preset `bare`, if they have been built next to these."""
        bare = os.path.join(os.path.dirname(self.build), "bare")
        programs = [os.path.join(bare, "bin", name) for name in ("echo", "http_hello", "vigil")]
        if not all(os.access(path, os.X_OK) for path in programs):
            raise NotRun("there is no build without instruments beside this one: ./dev bench counts makes it")
        with open(os.path.join(bare, "CMakeCache.txt"), encoding="utf-8") as cache:
            if "VIGIL_INSTRUMENTS:BOOL=OFF\n" not in cache:
                raise Failed(f"{bare} was built with instruments: remove it, ./dev bench counts makes it anew")
        return self.with_bin(os.path.join(bare, "bin"))

    def with_policy(self, policy):
        return self._with_machine(policy=policy)

    def on_all_cores(self):
        return self._with_machine(core=None, load_core=None)

    def _with_machine(self, **parts):
        machine = copy.copy(self.machine)
        machine.__dict__.update(parts)
        return self._changed(machine=machine)

    def _changed(self, **parts):
        other = copy.copy(self)
        other.__dict__.update(parts)
        return other

    def scaled(self, requests):
        return max(256, requests // 20) if self.smoke else requests

    def wanted(self, name):
        return self.only is None or self.only in name

    def hello_answer(self):
        """A file with one answer of vigil's http_hello, or None."""
        if self._hello is None:
            self._hello = os.path.join(self.scratch, "hello.answer")
            try:
                with Server(self, ["http_hello"]).start() as server:
                    answer = _fetch(server.port)
                with open(self._hello, "wb") as file:
                    file.write(answer)
            except (NotRun, Failed, OSError):
                self._hello = ""
        return self._hello or None


def _fetch(port):
    with socket.create_connection(("127.0.0.1", port), 5) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += _more(peer)
        head, _, body = answer.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields[b"content-length"]):
            body += _more(peer)
        return head + b"\r\n\r\n" + body


def _more(peer):
    got = peer.recv(65536)
    if not got:
        raise Failed("http_hello closed a connection before its answer was whole")
    return got
