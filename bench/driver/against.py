"""`against`: CPU time of each server against a floor, in interleaved rounds, each run in a fresh process; a ratio
is taken within its round. Shown: medians and quartiles."""

import os
import statistics

import contestants as who
import load
from limits import limit_of
from progress import Progress
from rounds import interleaved, quartiles

COLUMNS = [("name", "server", None), ("ratio", "CPU", 3), ("quartiles", "quartiles", 3),
           ("cpu_us", "us/request", 2), ("p50_us", "p50 us", 0), ("p99_us", "p99 us", 0),
           ("at_most", "limit", 2), ("verdict", "", None)]


class Scenario:
    """The first contestant is the floor (ratio 1.00); `requests` is the length of one run."""

    def __init__(self, name, title, entries, requests, **work):
        self.name, self.title, self.entries = name, title, entries
        self.requests, self.work = requests, work


def scenarios(context):
    one_k, one_m = (os.path.join(context.www, name) for name in ("1k.bin", "1m.bin"))
    http = {"protocol": "http"}
    return [
        Scenario("echo-64", "Echo, 64 connections, 64 B, one in flight", who.ECHO, 48000),
        Scenario("echo-1000", "Echo, 1,000 connections, 64 B, one in flight", who.ECHO, 48000,
                 connections=1000),
        Scenario("engines", "Echo on the other engines, 64 connections, 64 B",
                 [who.RAW_EPOLL, *who.ENGINES], 48000),
        Scenario("http-1", "HTTP keep-alive, 64 connections", who.HTTP, 48000, **http),
        Scenario("http-pipelined", "HTTP keep-alive, 64 connections, 16 pipelined", who.HTTP, 240000,
                 pipeline=16, **http),
        Scenario("static-1k", "Static file of 1 KiB, 64 connections", who.STATIC, 32000,
                 path="/1k.bin", body=one_k, **http),
        Scenario("static-1m", "Static file of 1 MiB, 64 connections", who.STATIC, 1600,
                 path="/1m.bin", body=one_m, **http),
        Scenario("resp-1", "RESP, GET, 50 connections", who.RESP, 48000, connections=50,
                 protocol="resp-get"),
        Scenario("resp-16", "RESP, GET, 50 connections, 16 pipelined", who.RESP, 240000,
                 connections=50, pipeline=16, protocol="resp-get"),
        Scenario("resp-set", "RESP, SET, 50 connections", who.RESP, 48000, connections=50,
                 protocol="resp-set"),
    ]


def one_run(context, scenario, entry):
    requests = context.scaled(scenario.requests)
    with entry.make(context).start() as server:
        return load.run(context, server, requests=requests, warm=requests // 10,
                        **{**scenario.work, **entry.work})


def play(context, scenario, progress):
    """{name: [report of each round]}, {name: why it did not take part}, whether something failed."""
    entries = {entry.name: entry for entry in scenario.entries}
    return interleaved(list(entries), context.rounds, progress, scenario.name,
                       lambda name: one_run(context, scenario, entries[name]))


def row_of(scenario, entry, runs, floor):
    mine = runs[entry.name]
    each = [run["cpu_ns"] / run["requests"] / 1e3 for run in mine]
    base = [run["cpu_ns"] / run["requests"] / 1e3 for run in floor]
    low, middle, high = quartiles([mine_us / base_us for mine_us, base_us in zip(each, base)])
    row = {"name": entry.name, "ratio": middle, "quartiles": [low, high],
           "cpu_us": statistics.median(each), "rounds": len(mine),
           "p50_us": statistics.median(run["latency_ns"]["p50"] for run in mine) / 1e3,
           "p99_us": statistics.median(run["latency_ns"]["p99"] for run in mine) / 1e3}
    limit = limit_of(scenario.name, entry.name, "ratio")
    if limit is not None:
        row["at_most"] = limit.at_most
        if low <= limit.at_most <= high:
            row["verdict"] = "counts decide"
        else:
            row["verdict"] = "held" if middle <= limit.at_most else "over"
    return row


def table_of(scenario, runs, out, failed):
    floor = runs[scenario.entries[0].name]
    rows = [row_of(scenario, entry, runs, floor) for entry in scenario.entries
            if entry.name not in out and floor]
    table = {"id": scenario.name, "title": scenario.title, "columns": COLUMNS, "rows": rows,
             "not_run": out, "floor": scenario.entries[0].name}
    if failed:
        table["failed"] = True
    return table


def run(context):
    chosen = [scenario for scenario in scenarios(context) if context.wanted(scenario.name)]
    progress = Progress("against", sum(len(s.entries) for s in chosen) * context.rounds)
    tables = []
    for scenario in chosen:
        tables.append(table_of(scenario, *play(context, scenario, progress)))
    progress.end()
    return tables
