"""`chat`: 10,000 users in rooms of ten who say 100 messages a second: what they cost a server whose loop
waits by epoll, by poll and on a ring, and one with a thread for each user."""

import os
import re
import statistics
import subprocess

import contestants as who
from progress import Progress
from servers import Failed, NotRun, own_program

COLUMNS = [("name", "server", None), ("cpu_s", "CPU, s a minute", 2), ("quartiles", "quartiles", 2),
           ("bytes", "bytes a user", 0), ("stacks_kib", "kernel stacks, KiB", 0),
           ("p50_us", "median delay, us", 0), ("p99_us", "99 %, us", 0)]


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
            said, wrong = drive.communicate(timeout=300)
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
    table = {"id": "chat", "columns": COLUMNS, "rows": [], "not_run": {},
             "title": f"{users:,} users in {rooms:,} rooms, {rate} messages a second; {seconds} s of it, "
                      f"{rounds} times"}
    progress = Progress("chat", rounds * len(who.CHAT))
    runs = {entry.name: [] for entry in who.CHAT}
    for number in range(rounds):
        turn = number % len(who.CHAT)
        for entry in who.CHAT[turn:] + who.CHAT[:turn]:
            progress.step(f"round {number + 1}, {entry.name}")
            if entry.name in table["not_run"]:
                continue
            try:
                runs[entry.name].append(_one_run(context, entry))
            except NotRun as why:
                table["not_run"][entry.name] = str(why)
            except Failed as why:
                table["not_run"][entry.name] = str(why)
                table["failed"] = True
    progress.end()
    for name, mine in runs.items():
        if name not in table["not_run"]:
            row = {what: statistics.median(run[what] for run in mine) for what in mine[0]}
            cpu = [run["cpu_s"] for run in mine]
            low, _, high = statistics.quantiles(cpu, n=4, method="inclusive") if len(cpu) > 1 else cpu * 3
            table["rows"].append({"name": name, **row, "quartiles": [low, high]})
    return [table]
