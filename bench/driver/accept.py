"""`accept`: what a connection costs from accept to close; how evenly each strategy shares connections
among two shards, and how often it wakes one in vain; what a second shard adds to a request; and what a
word from one shard to another and back costs."""

import os
import re
import statistics
import struct
import urllib.request

import contestants as who
import load
from against import Scenario, play, table_of
from progress import Progress
from rounds import interleaved, quartiles
from servers import Failed, OnAllCores, answer_of, own_program

STRATEGIES = ("reuseport", "reuseport-cpu", "exclusive", "handoff")
SHARED = "raw epoll, shared and level-triggered"
SPREAD = [("name", "strategy", None), ("connections", "connections", 0), ("skew", "most to least", 2),
          ("empty", "wakes in vain", 4)]
CALLS = [("name", "calls", None), ("cpu_us", "CPU, us", 2), ("quartiles", "quartiles", 2),
         ("time_us", "time, us", 2), ("wakes", "wakes", 3)]
AT_ONCE = {"1 at once": (1, 10_000), "1,000 at once": (1000, 400_000)}


def scenarios():
    http = {"protocol": "http"}
    return [
        Scenario("closing", "Accept, one answer, close; 64 at a time", who.CLOSING, 8000, close=True,
                 **http),
        Scenario("shards", "Two shards on all cores beside two processes that share nothing, and beside one "
                 "shard; static file of 1 KiB, 64 connections", who.SHARDS, 48000, path="/1k.bin", **http),
    ]


class Shown(OnAllCores):
    """`vigil serve` on two shards that tells its figures on a port."""

    def __init__(self, context, strategy):
        super().__init__(context, ["vigil", "serve", context.www, "--log", "off", "--shards", "2",
                                   "--accept", strategy, "--listen", "127.0.0.1:0",
                                   "--status", "127.0.0.1:0"], needs_port=False)
        self.status = None

    def await_ready(self, until):
        super().await_ready(until)
        self.status = self.line("status on", until)

    def shares(self):
        """[(accepted, wakes in vain)] of each shard."""
        with urllib.request.urlopen(f"http://{self.status}/metrics", timeout=20) as answer:
            text = answer.read().decode()
        return list(zip(_samples(text, "vigil_accepted_total"),
                        _samples(text, "vigil_accept_empty_wakes_total")))


class Shared(OnAllCores):
    """Two threads that wait for one listener; their figures are in a file."""

    def __init__(self, context):
        self.figures = os.path.join(context.scratch, "shared")
        with open(self.figures, "wb") as file:
            file.truncate(4096)
        super().__init__(context, ["floor_accept_shared", self.figures])

    def shares(self):
        with open(self.figures, "rb") as file:
            one, one_empty, other, other_empty = struct.unpack("4Q", file.read(32))
        return [(one, one_empty), (other, other_empty)]


def _samples(text, name):
    return [float(value) for value in re.findall(rf"^{name}{{[^}}]*}} (\S+)", text, re.MULTILINE)]


def _spread_of(context, name, make):
    connections = context.scaled(10000)
    with make().start() as server:
        load.run(context, server, requests=connections, close=True, protocol="http",
                 path="/1k.bin" if name != SHARED else "/")
        shares = server.shares()
    taken = [accepted for accepted, _ in shares]
    if sum(taken) < connections:
        raise Failed(f"{name}: {sum(taken):.0f} of {connections} connections were counted")
    return {"name": name, "connections": connections,
            "skew": max(taken) / min(taken) if min(taken) else "one has all",
            "empty": sum(empty for _, empty in shares) / connections}


def spread(context, progress):
    make = {name: lambda name=name: Shown(context, name) for name in STRATEGIES}
    make[SHARED] = lambda: Shared(context)
    runs, out, failed = interleaved(list(make), 1, progress, "spread",
                                    lambda name: _spread_of(context, name, make[name]))
    return {"id": "spread", "title": "How two shards on all cores share connections, by strategy",
            "columns": SPREAD, "rows": [row for rows in runs.values() for row in rows], "not_run": out,
            "failed": failed}


def _call(context, at_once, calls):
    return answer_of([own_program(context, "bench_shard_calls"), "--at-once", str(at_once),
                      "--calls", str(calls)])


def _calls_row(name, runs):
    low, middle, high = quartiles([run["cpu_ns"] / 1e3 for run in runs])
    return {"name": name, "cpu_us": middle, "quartiles": [low, high],
            "time_us": statistics.median(run["time_ns"] for run in runs) / 1e3,
            "wakes": statistics.median(run["wakes"] for run in runs)}


def calls(context, progress):
    def one_run(name):
        at_once, number = AT_ONCE[name]
        return _call(context, at_once, context.scaled(number))

    runs, out, failed = interleaved(list(AT_ONCE), context.rounds, progress, "calls", one_run)
    return {"id": "calls", "title": "A call to another shard and back, on all cores", "columns": CALLS,
            "rows": [_calls_row(name, mine) for name, mine in runs.items() if name not in out],
            "not_run": out, "failed": failed}


def run(context):
    chosen = [scenario for scenario in scenarios() if context.wanted(scenario.name)]
    others = [(table, steps) for name, table, steps in
              (("spread", spread, len(STRATEGIES) + 1), ("calls", calls, len(AT_ONCE) * context.rounds))
              if context.wanted(name)]
    progress = Progress("accept", sum(len(s.entries) for s in chosen) * context.rounds +
                        sum(steps for _, steps in others))
    tables = [table_of(scenario, *play(context, scenario, progress)) for scenario in chosen]
    tables += [table(context, progress) for table, _ in others]
    progress.end()
    return tables
