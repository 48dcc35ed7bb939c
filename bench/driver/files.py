"""`files`: random reads of 4 KiB three ways, from memory and from the disk: CPU, time and system calls a
read, interleaved; and how long the turns of a loop get that serves echo meanwhile."""

import os

from measure import read_strace
from progress import Progress
from rounds import interleaved, quartiles
from servers import Failed, answer_of, own_program, system_program

WAYS = ("naive", "lane", "ring")
WHERE = (("memory", "from memory"), ("disk", "after posix_fadvise(DONTNEED)"))
COLUMNS = [("name", "reads", None), ("cpu_us", "CPU, us", 2), ("quartiles", "quartiles", 2),
           ("ratio", "CPU / lane's", 3), ("time_us", "time, us", 1), ("calls", "calls", 2)]
TURNS = [("name", "turns up to", None), ("naive", "naive", 0), ("lane", "lane", 0), ("ring", "ring", 0)]


def _command(context, way, where, reads, echo=False):
    return [own_program(context, "bench_files"), "--way", way, *(["--cold"] if where == "disk" else []),
            *(["--echo"] if echo else []), "--reads", str(reads), os.path.join(context.out, "files.bin")]


def _ways(context):
    """Those that run here, and why the others do not."""
    able, why = [], {}
    for way in WAYS:
        try:
            answer_of(_command(context, way, "memory", 10))
            able.append(way)
        except Failed as failed:
            why[way] = str(failed)
    if "lane" not in able:
        raise Failed(why["lane"])
    return able, why


def _calls(context, way, where, lengths):
    totals = []
    for number, reads in enumerate(lengths):
        out = os.path.join(context.scratch, f"files.{number}")
        answer_of([system_program("strace"), "-f", "-c", "-U", "calls,name", "-o", out,
                   *_command(context, way, where, reads)])
        totals.append(sum(read_strace(out).values()))
    return (totals[1] - totals[0]) / (lengths[1] - lengths[0])


def _costs(context, able, where, title):
    reads = 200 if context.smoke else 4000 if where == "memory" else 2000
    progress = Progress(f"files, {title}", context.rounds * len(able))
    taken, out, _ = interleaved(able, context.rounds, progress, where,
                                lambda way: answer_of(_command(context, way, where, reads)))
    progress.end()
    if out:
        raise Failed("; ".join(out.values()))
    rows = []
    for way in able:
        low, middle, high = quartiles([run["cpu_ns"] / 1000 for run in taken[way]])
        ratio = quartiles([run["cpu_ns"] / lane["cpu_ns"]
                           for run, lane in zip(taken[way], taken["lane"])])[1]
        rows.append({"name": way, "cpu_us": middle, "quartiles": [low, high], "ratio": ratio,
                     "time_us": quartiles([run["time_ns"] / 1000 for run in taken[way]])[1],
                     "calls": _calls(context, way, where, (200, 600) if context.smoke else (1000, 5000))})
    return {"id": f"reads-{where}", "title": f"4 KiB random reads, 8 at once, {title}",
            "columns": COLUMNS, "rows": rows}


def _turns(context, able):
    """Of the disk alone: from memory no way waits."""
    reads = 300 if context.smoke else 8000
    runs = {way: answer_of(_command(context, way, "disk", reads, echo=True)) for way in able}
    last = max(i for run in runs.values() for i, count in enumerate(run["turns"]) if count)
    rows = [{"name": f"{2 ** i} us", **{way: run["turns"][i] for way, run in runs.items()}}
            for i in range(last + 1)]
    rows.append({"name": "longest, us", **{way: run["longest_turn_us"] for way, run in runs.items()}})
    return {"id": "turns", "columns": TURNS, "rows": rows,
            "title": "Turns of a loop that serves echo and reads 4 KiB pages from the disk, by length"}


def run(context):
    able, why = _ways(context)
    tables = []
    for where, title in WHERE:
        if context.only is None or context.only in f"reads-{where}":
            tables.append({**_costs(context, able, where, title), "not_run": why})
    if context.only is None or context.only in "turns":
        tables.append({**_turns(context, able), "not_run": why})
    return tables
