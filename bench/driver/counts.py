"""`counts`: what each server does for one request, counted: the figures that no noise can touch."""

import os
import re
import subprocess

import contestants as who
import load
import measure
from progress import Progress
from servers import (Failed, NotRun, WrongServer, own_program, system_program,
                     without_debug_info)

COUNT_COLUMNS = [("name", "server", None), ("calls", "system calls", 3),
                 ("epoll_ctl", "epoll_ctl", 3), ("instructions", "user instr.", 1),
                 ("allocations", "allocations", 3), ("idle_bytes", "idle bytes", 0)]


class Job:
    """One measurement: fills `row[...]`; what cannot be run is noted in the table, not raised."""

    def __init__(self, table, row, what, work):
        self.table, self.row, self.what, self.work = table, row, what, work

    def run(self, context):
        try:
            self.work(context, self.row)
        except NotRun as why:
            self.table["not_run"][self.row["name"]] = str(why)
        except WrongServer as why:
            self.table["not_run"][self.row["name"]] = str(why)
            self.table["failed"] = True
        except Failed as why:
            self.table["not_run"][f"{self.row['name']}, {self.what}"] = str(why)
            self.table["failed"] = True


def counted_table(context, name, title, entries, memory=True, lengths=None, **work):
    """Calls, instructions, allocations and idle bytes of each contestant under the same work."""
    table = {"id": name, "title": title, "columns": list(COUNT_COLUMNS), "rows": [], "not_run": {}}
    jobs = []
    for entry in entries:
        row = {"name": entry.name}
        table["rows"].append(row)
        jobs += _jobs_for(table, row, entry, {**work, **entry.work}, memory, lengths)
    if memory:
        for label, folder in context.beside.items():
            key = f"idle_bytes_{label}"
            table["columns"].append((key, f"idle bytes, {label}", 0))
            jobs += [Job(table, row, f"memory, {label}",
                         _idle(entry, {**work, **entry.work}, key, folder))
                     for row, entry in zip(table["rows"], entries)
                     if entry.name.startswith("vigil") and _holds_many(entry)]
    return table, jobs


def calls_of(context, entry, **work):
    found = measure.system_calls(context, lambda: entry.make(context), **work)
    if entry.waits_by and not any(name in found for name in entry.waits_by):
        raise WrongServer(f"it never called {entry.waits_by[0]}: is --engine heeded?")
    return found


def _jobs_for(table, row, entry, work, memory, lengths):
    def calls(context, into):
        found = measure.system_calls(context, lambda: entry.make(context),
                                     **({"lengths": lengths[0]} if lengths else {}), **work)
        into["calls"] = sum(found.values())
        into["epoll_ctl"] = found.get("epoll_ctl", 0.0)
        if entry.waits_by and not any(name in found for name in entry.waits_by):
            raise WrongServer(f"it never called {entry.waits_by[0]}: is --engine heeded?")
        into["by_call"] = {name: count for name, count in sorted(found.items()) if count > 0.0005}

    def instructions(context, into):
        into["instructions"] = measure.instructions(
            context, lambda: entry.make(context),
            **({"lengths": lengths[1]} if lengths else {}), **work)

    def allocations(context, into):
        if entry.make(context).own_allocator:
            return
        each, seen = measure.allocations(context, lambda: entry.make(context),
                                         requests=context.scaled(64000), **work)
        into["allocations"] = each
        if seen == 0:
            raise Failed("the counter saw no allocation at all")

    jobs = [Job(table, row, "system calls", calls), Job(table, row, "instructions", instructions),
            Job(table, row, "allocations", allocations)]
    if memory and _holds_many(entry):
        jobs.append(Job(table, row, "memory", _idle(entry, work)))
    return jobs


def _holds_many(entry):
    """select(2) watches no number above 1,023."""
    return "select" not in entry.name


def _idle(entry, work, key="idle_bytes", folder=None):
    kept = {name: value for name, value in work.items() if name not in ("connections", "pipeline")}

    def run(context, into):
        context = context.with_bin(folder) if folder else context
        stops = (200, 1000) if context.smoke else (1000, 9000)
        into[key] = measure.idle_bytes(context, lambda: entry.make(context), stops, **kept)

    return run


def watched_table(context):
    """The cost of an event beside ever more that is watched, ten connections busy all the time."""
    numbers = (10, 1000, 3000 if context.smoke else 15000)
    columns = [("name", "server", None)]
    for figure in ("instructions", "calls", "cpu_us"):
        heading = {"instructions": "instr.", "calls": "calls", "cpu_us": "CPU us"}[figure]
        decimals = {"instructions": 1, "calls": 3, "cpu_us": 2}[figure]
        columns += [(f"{figure}_{many}", f"{heading} at {many:,}", decimals) for many in numbers]
    columns += [("instructions_growth", "instr. growth", 3), ("calls_growth", "calls growth", 3)]
    table = {"id": "watched", "columns": columns, "rows": [], "not_run": {},
             "title": "One event beside N watched: 10 connections busy, the rest idle, 64 B echo"}
    jobs = []
    for entry in [*who.ECHO[:3], who.RAW_POLL, who.VIGIL_ECHO_POLL, who.RAW_SELECT,
                  who.VIGIL_ECHO_SELECT]:
        row = {"name": entry.name}
        table["rows"].append(row)
        for many in numbers:
            if "select" in entry.name and many > 1000:
                continue
            jobs.append(Job(table, row, f"{many} watched", _watched(entry, many, numbers)))
    return table, jobs


def _watched(entry, many, numbers):
    def run(context, row):
        work = {"connections": 10, "idle": many - 10}

        def make():
            return entry.make(context)

        # How 15,000 connections are accepted differs a little between runs: many requests outweigh it.
        scans = "poll" in entry.name.split() or "select" in entry.name.split()
        lengths = (1000, 11000) if scans or context.smoke else (1000, 61000)
        row[f"calls_{many}"] = sum(calls_of(context, entry, lengths=lengths, **work).values())
        row[f"instructions_{many}"] = measure.instructions(context, make, lengths=lengths, **work)
        with make().start() as server:
            done = load.run(context, server, warm=1000, requests=context.scaled(20000), **work)
        row[f"cpu_us_{many}"] = done["cpu_ns"] / done["requests"] / 1e3
        for figure in ("instructions", "calls"):
            first, last = (row.get(f"{figure}_{number}") for number in (numbers[0], numbers[-1]))
            if first and last:
                row[f"{figure}_growth"] = last / first

    return run


def shards_table(context):
    """What a second shard adds to a request: by what can be counted."""
    work = {"protocol": "http", "path": "/1k.bin", "body": os.path.join(context.www, "1k.bin")}
    table, jobs = counted_table(context, "shards-counts", "Two shards beside one, file of 1 KiB, "
                                "64 connections", who.SHARDS_COUNTED, memory=False, **work)
    table["columns"].append(("growth", "instr. growth", 3))
    one, two = table["rows"]

    def growth(_, row):
        if "instructions" in one and "instructions" in two:
            row["growth"] = two["instructions"] / one["instructions"]

    return table, [*jobs, Job(table, two, "growth", growth)]


def instruments_table(context):
    """What the watcher, metrics and the tags of requests cost, beside a build without them."""
    table = {"id": "instruments", "title": "Instruments: on, and compiled out",
             "columns": [("name", "server", None), ("on", "user instr.", 1),
                         ("off", "without", 1), ("more", "more", 1), ("share", "more, %", 2)],
             "rows": [], "not_run": {}}
    works = [(who.VIGIL_ECHO, {}), (who.VIGIL_HTTP, {"protocol": "http"}),
             (who.VIGIL_SERVE_SLOWED, {"protocol": "http", "path": "/1k.bin",
                                "body": os.path.join(context.www, "1k.bin")})]
    jobs = []
    for entry, work in works:
        row = {"name": entry.name}
        table["rows"].append(row)
        jobs.append(Job(table, row, "on and off", _instruments(entry, work)))
    return table, jobs


def _instruments(entry, work):
    def run(context, row):
        bare = context.without_instruments()
        row["on"] = measure.instructions(context, lambda: entry.make(context), **work)
        row["off"] = measure.instructions(bare, lambda: entry.make(bare), **work)
        row["more"] = row["on"] - row["off"]
        row["share"] = 100 * row["more"] / row["off"]

    return run


def timers_table():
    table = {"id": "timers", "columns": [("name", "timers", None), ("instructions", "user instr.", 1),
                                         ("ratio", "to the wheel", 2)],
             "title": "Re-arming one of 100,000 timers", "rows": [], "not_run": {}}
    programs = [("bare wheel", ["floor_wheel"]), ("vigil", ["bench_timers"]),
                ("vigil, always later", ["bench_timers", "--later"]),
                ("vigil, always sooner", ["bench_timers", "--sooner"])]
    jobs = []
    for name, argv in programs:
        row = {"name": name}
        table["rows"].append(row)
        jobs.append(Job(table, row, "re-arming", _rearm(table, argv)))
    return table, jobs


def _rearm(table, argv):
    def run(context, row):
        path = without_debug_info(context, own_program(context, argv[0]))
        few, many = 20000, 220000
        whole = _instructions_of(context, [path, *argv[1:], str(many)]) - \
            _instructions_of(context, [path, *argv[1:], str(few)])
        pick = _instructions_of(context, [path, *argv[1:], "--pick-only", str(many)]) - \
            _instructions_of(context, [path, *argv[1:], "--pick-only", str(few)])
        row["instructions"] = (whole - pick) / (many - few)
        row["ratio"] = row["instructions"] / table["rows"][0]["instructions"]

    return run


def _instructions_of(context, command):
    out = os.path.join(context.scratch, "tool.run")
    done = subprocess.run([system_program("valgrind"), "--quiet", "--tool=callgrind",
                           f"--callgrind-out-file={out}", *command],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()
        raise Failed(words[-1] if words else f"{command[0]} failed")
    with open(out, encoding="utf-8", errors="replace") as text:
        return int(re.search(r"^totals: (\d+)", text.read(), re.MULTILINE).group(1))


def run(context):
    body = os.path.join(context.www, "1k.bin")
    deep = ((16 * 640, 16 * 5760), (16 * 640, 16 * 5760))
    kinds = {
        "echo": lambda: counted_table(context, "echo", "Echo, 64 connections, 64 B, one in flight",
                                      [*who.ECHO, *who.ENGINES]),
        "http": lambda: counted_table(context, "http", "HTTP keep-alive, 64 connections", who.HTTP,
                                      protocol="http"),
        "http-16": lambda: counted_table(context, "http-16", "HTTP keep-alive, 16 pipelined",
                                         who.HTTP, memory=False, protocol="http", pipeline=16,
                                         lengths=deep),
        "static": lambda: counted_table(context, "static", "Static file of 1 KiB, 64 connections",
                                        who.STATIC, protocol="http", path="/1k.bin", body=body),
        "resp": lambda: counted_table(context, "resp", "RESP, GET, 50 connections", who.RESP,
                                      connections=50, protocol="resp-get"),
        "resp-16": lambda: counted_table(context, "resp-16", "RESP, GET, 16 pipelined", who.RESP,
                                         memory=False, connections=50, protocol="resp-get",
                                         pipeline=16, lengths=deep),
        "watched": lambda: watched_table(context),
        "timers": timers_table,
        "shards-counts": lambda: shards_table(context),
        "instruments": lambda: instruments_table(context),
    }
    tables, jobs = [], []  # a table is filled by its jobs
    for name, make in kinds.items():
        if context.wanted(name):
            table, its_jobs = make()
            tables.append(table)
            jobs += its_jobs
    progress = Progress("counts", len(jobs))
    for job in jobs:
        progress.step(f"{job.table['id']}: {job.row['name']}, {job.what}")
        if job.row["name"] not in job.table["not_run"]:
            job.run(context)
    progress.end()
    return tables
