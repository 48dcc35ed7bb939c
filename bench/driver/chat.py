"""`chat`: 10,000 users in rooms of ten who say 100 messages a second: what they cost a server whose loop
waits by epoll, by poll and on a ring, and one with a thread for each user."""

import os
import re
import statistics
import subprocess

import contestants as who
from progress import Progress
from rounds import interleaved, quartiles
from servers import Failed, own_program

COLUMNS = [("name", "server", None), ("cpu_s", "CPU, s a minute", 2), ("quartiles", "quartiles", 2),
           ("bytes", "bytes a user", 0), ("stacks_kib", "kernel stacks, KiB", 0),
           ("p50_us", "median delay, us", 0), ("p99_us", "99 %, us", 0)]
PATIENCE = 300


def _load(context):
    """users, rooms, messages a second, seconds"""
    return (200, 20, 100, 1) if context.smoke else (10_000, 1_000, 100, 20)


def _kernel_stacks():
    with open("/proc/meminfo", encoding="utf-8") as text:
        return int(re.search(r"^KernelStack:\s*(\d+)", text.read(), re.M).group(1))


def _figure(pattern, text):
    found = re.search(pattern, text)
    if found is None:
        raise Failed(f"chat --drive did not say what it should: {pattern}")
    return float(found.group(1))


def _one_run(context, entry):
    users, rooms, rate, seconds = _load(context)
    stacks = _kernel_stacks()
    with entry.make(context).start() as server:
        command = [own_program(context, "chat"), "--engine", "epoll", "--drive", "--users", str(users),
                   "--rooms", str(rooms), "--rate", str(rate), "--seconds", str(seconds),
                   str(server.port)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True,
                              preexec_fn=context.machine.settle_child(context.machine.load_core)) as drive:
            try:
                drive.wait(seconds / 2)  # in the midst of it
            except subprocess.TimeoutExpired:
                pass
            stacks = _kernel_stacks() - stacks
            try:
                said, wrong = drive.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired as late:
                drive.kill()
                raise Failed(f"chat --drive did not end within {PATIENCE} s") from late
    if drive.returncode != 0:
        raise Failed((wrong or said).strip().splitlines()[-1])
    return {"cpu_s": _figure(r"server CPU: ([\d.]+) s", said) * 60 / seconds,
            "bytes": _figure(r"server memory: (-?[\d.]+) bytes a user", said),
            "p50_us": _figure(r"median ([\d.]+) us", said),
            "p99_us": _figure(r"99th percentile ([\d.]+) us", said),
            "stacks_kib": max(0, stacks)}


def run(context):
    users, rooms, rate, seconds = _load(context)
    rounds = 1 if context.smoke else min(context.rounds, 5)
    table = {"id": "chat", "columns": COLUMNS, "rows": [],
             "title": f"{users:,} users in {rooms:,} rooms, {rate} messages a second; {seconds} s of it, "
                      f"{rounds} times"}
    progress = Progress("chat", rounds * len(who.CHAT))
    entries = {entry.name: entry for entry in who.CHAT}
    runs, table["not_run"], table["failed"] = interleaved(
        list(entries), rounds, progress, "users", lambda name: _one_run(context, entries[name]))
    progress.end()
    for name, mine in runs.items():
        if name not in table["not_run"]:
            row = {what: statistics.median(run[what] for run in mine) for what in mine[0]}
            low, _, high = quartiles([run["cpu_s"] for run in mine])
            table["rows"].append({"name": name, **row, "quartiles": [low, high]})
    return [table]
