"""`hold`: N connections to `vigil serve`, held at once: whether this machine can, what they take of its
memory before and after each was asked once, and how soon 1,000 random ones are answered at once."""

import os
import random
import statistics
import sys
import time

from holders import Holders
from measure import private_bytes
from needs import connections_each, needs_of
from progress import Counted
from servers import Failed, Family, NotRun

AT_ONCE = 1000
FIRST = 256  # connections of each process that ask, and go, before anything is counted
CROWD = 10   # and then one of so many come and go
TARGET = "/1k.bin"
COLUMNS = [("name", "connections", None), ("held", "held", 0), ("user_bytes", "user bytes", 0),
           ("kernel_bytes", "kernel bytes", 0), ("slab_bytes", "of it slab", 0),
           ("asked", "asked at once", 0), ("p50_ms", "median, ms", 1), ("p99_ms", "99 %, ms", 1)]
OPENING = [("name", "what", None), ("seconds", "s", 1), ("rate", "a second", 0),
           ("again", "tries again", 0), ("dropped", "dropped by the kernel", 0),
           ("processes", "processes", 0), ("skew", "most to least", 2)]


class Workers(Family):
    """`vigil serve` in so many processes, which lets connections rest for as long as they like."""

    patience = 120  # to close so many takes its time

    def __init__(self, context, processes):
        super().__init__(context, ["vigil", "serve", context.www, "--listen", "127.0.0.1:0",
                                   "--log", "off", "--admin", "off", "--idle-timeout", "off",
                                   "--cache-files", "16", "--shards", "1"], processes)
        self.idle = []  # descriptors of each process that serves, without connections

    def start(self, **rest):
        return super().start(small_pages=True, **rest)

    def warm(self, context, connections):
        """What a process takes once, whoever comes, is not counted to the connections: some come first, ask, and go."""
        self._come_and_go(context, min(FIRST * self.processes, connections // 4), Holders.each)

    def crowd(self, context, connections):
        """Nor is what it takes when it is held up for the first time, since others have the processors. How many came:
        what they leave is used again."""
        come = max(min(FIRST * self.processes, connections // 4), connections // CROWD)
        self._come_and_go(context, come, lambda some: None)
        return come

    def _come_and_go(self, context, connections, do):
        with Holders(context, self.port, max(connections, 1), connections_each(), TARGET) as some:
            some.open()
            do(some)
        self.idle = _settled(lambda: [_descriptors(pid) for pid in self.serving()])

    def connections(self):
        """How many each process has that serves."""
        return [_descriptors(pid) - idle for pid, idle in zip(self.serving(), self.idle)]


def _descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except FileNotFoundError as gone:
        raise Failed(f"process {pid} of the server has ended") from gone


def _buffered():
    """Bytes in the queues of TCP sockets."""
    with open("/proc/net/sockstat", encoding="utf-8") as text:
        words = next(line for line in text if line.startswith("TCP:")).split()
    return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE")


class Memory:
    """Bytes that the server's processes have for themselves, and what the kernel has, for whomever. The parts are summed:
    what is missing of free memory also waits in the kernel's lists of free pages."""

    def __init__(self, server):
        self.user = _user_bytes(server)
        with open("/proc/meminfo", encoding="utf-8") as text:
            now = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in text}
        self.slab = now["Slab"]
        self.kernel = _buffered() + sum(now[name] for name in (
            "Slab", "VmallocUsed", "KernelStack", "PageTables", "Percpu"))

    def each(self, before, connections, first):
        """For one. What the `first` have left to the processes is used again; the kernel takes its own back."""
        return {f"{name}_bytes": (getattr(self, name) - getattr(before, name)) / (connections - again)
                for name, again in (("user", first), ("kernel", 0), ("slab", 0))}


def _user_bytes(server):
    return _settled(lambda: private_bytes(server.pids()))


def _settled(read):
    """Read until it comes out as the time before."""
    seen = read()
    for _ in range(50):
        time.sleep(0.2)
        now = read()
        if now == seen:
            break
        seen = now
    return now


def _dropped():
    """Connections that a full queue of a listener has refused until now; the client's kernel tries again."""
    with open("/proc/net/netstat", encoding="utf-8") as text:
        names, values = (line.split() for line in text if line.startswith("TcpExt:"))
    return int(values[names.index("ListenDrops")])


def _held(server, holders, connections):
    """All of them, at both ends: what the kernel has accepted in the server's name is not yet the server's."""
    until = time.monotonic() + 60
    while sum(server.connections()) < connections:
        if time.monotonic() > until:
            raise Failed(f"of {connections:,} connections the server has {sum(server.connections()):,}")
        time.sleep(0.05)
    standing = holders.standing()
    if standing != connections:
        raise Failed(f"of {connections:,} connections {standing:,} stand")
    return standing


def _ask(holders, name, connections, first, server, before):
    """The memory of all, then a request on random ones at once. A process takes whole pages: one of each may be more than
    its connections need."""
    row = {"name": name, "held": _held(server, holders, connections),
           **Memory(server).each(before, connections, first),
           "user_bytes_within": os.sysconf("SC_PAGE_SIZE") * len(server.pids()) / (connections - first)}
    wanted = min(AT_ONCE, connections)
    numbers, first = [0] * len(holders.shares), 0
    chosen = sorted(random.sample(range(connections), wanted))
    for i, share in enumerate(holders.shares):
        numbers[i] = sum(first <= one < first + share for one in chosen)
        first += share
    delays = sorted(holders.ask(numbers, random.randrange(1 << 30)))
    row.update(asked=len(delays), p50_ms=statistics.median(delays) / 1e3,
               p99_ms=delays[len(delays) * 99 // 100] / 1e3)
    return row


def _timed(name, connections, work):
    begun = time.monotonic()
    again = work()
    took = time.monotonic() - begun
    return {"name": name, "seconds": took, "rate": connections / took, "again": again}


def _measure(context, connections, processes):
    with Workers(context, processes).start() as server:
        server.warm(context, connections)
        before = Memory(server)
        first = server.crowd(context, connections)
        before.user, dropped = _user_bytes(server), _dropped()
        with Holders(context, server.port, connections, connections_each(), TARGET) as holders:
            progress = Counted("hold, opened", connections)
            opening = _timed("opened", connections, lambda: holders.open(progress))
            progress.end()
            rows = [_ask(holders, "never asked", connections, first, server, before)]
            shares = server.connections()
            opening.update(dropped=_dropped() - dropped, processes=processes,
                           skew=max(shares) / min(shares) if min(shares) else "one has all")
            progress = Counted("hold, asked", connections)
            asking = _timed("asked once", connections, lambda: holders.each(progress))
            progress.end()
            rows.append(_ask(holders, "asked once", connections, first, server, before))
            _held(server, holders, connections)
            print("hold: all stand; they are closed", file=sys.stderr)
    return rows, [opening, asking]


def _enough(connections, processes, force):
    """Says what is needed and what is there; no other run is begun."""
    needs = needs_of(connections, processes)
    print(f"hold: {connections:,} connections to vigil serve --processes {processes} need",
          *[need.line() for need in needs], sep="\n", file=sys.stderr)
    short = [need for need in needs if not need.enough]
    if short and not force:
        raise NotRun(f"this machine does not suffice for {connections:,} connections: "
                     + "; ".join(f"{need.what}: {need.remedy}" for need in short)
                     + ". --force tries nevertheless")


def run(context):
    connections = context.connections or (2000 if context.smoke else 10000)
    processes = context.processes or max(2 if context.smoke else 1, -(-connections // connections_each()))
    _enough(connections, processes, context.force)
    rows, steps = _measure(context, connections, processes)
    where = f"{connections:,} connections, {processes} process{'es' if processes > 1 else ''}"
    return [{"id": "hold", "title": f"{where}, held at once: bytes for each", "columns": COLUMNS, "rows": rows,
             "not_run": {}},
            {"id": "hold-steps", "title": f"{where}: to open and to ask all", "columns": OPENING, "rows": steps,
             "not_run": {}}]
