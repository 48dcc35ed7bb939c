"""`uring`: the ring beside a raw ring in plain C with the same features, and beside epoll: counts, then CPU
time in interleaved rounds."""

import os
import statistics

import contestants as who
import load
import measure
from against import Scenario, play, table_of
from progress import Progress
from servers import Failed, NotRun, WrongServer

COLUMNS = [("name", "server", None), ("calls", "system calls", 3),
           ("instructions", "user instr.", 1), ("over_raw", "over the raw ring", 1),
           ("allocations", "allocations", 3), ("idle_bytes", "idle bytes", 0),
           ("fixed_kib", "a loop, KiB", 0)]
EPOLL_COLUMN = ("to_epoll", "to vigil's epoll", 3)


def counts(context, progress):
    table = {"id": "uring-counts", "title": "Echo, 64 connections, 64 B: the ring beside epoll",
             "columns": COLUMNS, "rows": [], "not_run": {}}
    for entry in who.RINGS:
        row = {"name": entry.name}
        for what, figure in (("calls", _calls), ("instructions", _instructions),
                             ("allocations", _allocations), ("idle", _idle)):
            progress.step(f"{entry.name}: {what}")
            try:
                row.update(figure(context, entry))
            except NotRun as why:
                table["not_run"][entry.name] = str(why)
                break
            except Failed as why:
                table["not_run"][f"{entry.name}, {what}"] = str(why)
                table["failed"] = True
        table["rows"].append(row)
    raw = table["rows"][0].get("instructions")
    for row in table["rows"][1:]:
        if raw is not None and row["name"] == who.VIGIL_ECHO_URING.name and "instructions" in row:
            row["over_raw"] = row["instructions"] - raw
    return table


def _calls(context, entry):
    found = measure.system_calls(context, lambda: entry.make(context))
    if entry.waits_by and not any(name in found for name in entry.waits_by):
        raise WrongServer(f"it never called {entry.waits_by[0]}: is --engine heeded?")
    return {"calls": sum(found.values())}


def _instructions(context, entry):
    lengths = (640, 1920) if context.smoke else (1280, 7680)
    counted = measure.stepped_instructions(context, lambda: entry.make(context), lengths)
    return {"instructions": counted}


def _allocations(context, entry):
    counted = measure.allocations(context, lambda: entry.make(context),
                                  requests=context.scaled(64000))
    return {"allocations": counted[0]}


def _idle(context, entry):
    stops = (200, 1000) if context.smoke else (1000, 9000)
    each, fixed = measure.idle_memory(context, lambda: entry.make(context), stops)
    return {"idle_bytes": each, "fixed_kib": fixed / 1024}


def scenarios():
    return [
        Scenario("uring-64", "Echo on rings and epoll, 64 connections", who.RINGS, 48000),
        Scenario("uring-1000", "Echo on rings and epoll, 1,000 connections", who.RINGS, 48000,
                 connections=1000),
        Scenario("uring-http-64", "HTTP keep-alive on rings and epoll, 64 connections",
                 who.RINGS_HTTP, 48000, protocol="http"),
        Scenario("uring-http-1000", "HTTP keep-alive on rings and epoll, 1,000 connections",
                 who.RINGS_HTTP, 48000, connections=1000, protocol="http"),
        Scenario("uring-closing", "Accept, one answer, close; 64 at a time", who.RINGS_CLOSING, 8000,
                 close=True, protocol="http"),
    ]


def beside_epoll(table, runs, name, epoll):
    """The ratio to vigil's own epoll engine, within each round."""
    if not runs.get(name) or not runs.get(epoll):
        return
    each = [ours["cpu_ns"] / ours["requests"] / (theirs["cpu_ns"] / theirs["requests"])
            for ours, theirs in zip(runs[name], runs[epoll])]
    for row in table["rows"]:
        if row["name"] == name:
            row["to_epoll"] = statistics.median(each)
    table["columns"] = [*table["columns"][:-2], EPOLL_COLUMN, *table["columns"][-2:]]


def run(context):
    chosen = [scenario for scenario in scenarios() if context.wanted(scenario.name)]
    counted = context.wanted("uring-counts")
    steps = sum(len(s.entries) for s in chosen) * context.rounds + (4 * len(who.RINGS) if counted else 0)
    progress = Progress("uring", steps)
    tables = [counts(context, progress)] if counted else []
    for scenario in chosen:
        runs, out, failed = play(context, scenario, progress)
        table = table_of(scenario, runs, out, failed)
        ours, epoll = ((who.VIGIL_HTTP_URING, who.VIGIL_HTTP) if scenario.work.get("protocol") == "http"
                       else (who.VIGIL_ECHO_URING, who.VIGIL_ECHO))
        beside_epoll(table, runs, ours.name, epoll.name)
        tables.append(table)
    progress.end()
    return tables
