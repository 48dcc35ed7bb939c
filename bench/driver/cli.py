"""The command line of the driver."""

import argparse
import json
import os
import signal
import sys

import accept
import against
import chat
import counts
import files
import hold
import measure
import report
import uring
from context import Context
from machine import conditions
from servers import Failed, NotRun, Server

COMMANDS = {"counts": counts.run, "against": against.run, "accept": accept.run, "chat": chat.run,
            "hold": hold.run, "uring": uring.run, "files": files.run}


def parse(argv, name):
    parser = argparse.ArgumentParser(
        prog="bench/run", description="Measures vigil beside floors in plain C and its rivals.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("build", nargs="?", default="build/release",
                        help="the build to measure (build/release)")
    common.add_argument("--bin", help="where its programs are (BUILD/bin)")
    common.add_argument("--out", default="build/bench", help="where results go (build/bench)")
    common.add_argument("--only", metavar="PART", help="only tables whose id contains PART")
    common.add_argument("--smoke", action="store_true", help="tiny runs: does everything work?")
    common.add_argument("--rounds", type=int, help="rounds of `against` (41)")
    common.add_argument("--apart", action="store_true", help="load and server on two cores")
    common.add_argument("--policy", choices=("normal", "batch"), default="normal",
                        help="scheduling policy of load and server (normal)")
    common.add_argument("--beside", action="append", default=[], metavar="LABEL=BIN",
                        help="counts: idle bytes of another build's programs beside")
    common.add_argument("--json", action="store_true", help="print the report as JSON")
    common.add_argument("--check", action="store_true", help="exit 1 if a count is above its limit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command, what in (("counts", "calls, instructions, allocations and bytes a request"),
                          ("against", "CPU time against floors and rivals, interleaved rounds"),
                          ("accept", "accepting: its cost, and how shards share it and talk"),
                          ("chat", "10,000 users of a chat: CPU and memory, beside poll and threads"),
                          ("hold", "many connections at once: what they take, and whether they are heard"),
                          ("files", "reads of files: naive, through the lane, on the ring"),
                          ("uring", "the ring beside a raw one and beside epoll"),
                          ("smoke", "all, as small as can be: does everything still work?"),
                          ("report", "write the results of the last runs into docs/performance.md and docs/engines.md"),
                          ("profile", "user instructions a request, by function")):
        its = commands.add_parser(command, parents=[common], help=what, description=what)
        if command == "hold":
            its.add_argument("connections", nargs="?", type=int, metavar="N", help="how many (10000)")
            its.add_argument("--processes", type=int, metavar="P",
                             help="of the server (as many as their limits of descriptors ask for)")
            its.add_argument("--force", action="store_true",
                             help="try, though memory, descriptors or ports do not suffice")
        if command == "profile":
            its.add_argument("--server", nargs="+", required=True, metavar="ARG",
                             help="a program in BIN, and its options before the port")
            its.add_argument("--protocol", default="echo", help="echo, http, resp-get, resp-set")
            its.add_argument("--pipeline", type=int, default=1)
    options = parser.parse_args([*([name] if name in (*COMMANDS, "smoke") else []), *argv])
    options.smoke = options.smoke or options.command == "smoke"
    if options.command == "hold" and options.build.isdigit() and options.connections is None:
        options.build, options.connections = common.get_default("build"), int(options.build)
    return options


def profile(context, options):
    found = measure.functions(context, lambda: Server(context, options.server),
                              protocol=options.protocol, pipeline=options.pipeline)
    for name, count in sorted(found.items(), key=lambda item: -item[1]):
        if count >= 0.05:
            print(f"{count:9.2f}  {name}")


def measured(context, command, options):
    if command == "counts":
        # Whole batches: how often a wake-up preempts is the scheduler's affair, not the server's.
        context = context.with_policy("batch")
    if command == "hold":
        context = context.on_all_cores()
    load_before = os.getloadavg()[0]
    if load_before > 0.5 and not context.smoke:
        print("the machine is busy: counts hold, times are worth less", file=sys.stderr)
    tables = COMMANDS[command](context)
    if not tables:
        raise NotRun(f"no table of `{command}` has '{options.only}' in its id")
    now = conditions(context.machine, context.build, load_before)
    ids = {table["id"] for table in tables}
    made, files = report.save(context, command, tables, now)
    print(json.dumps(made, indent=1) if options.json else report.printed(made, ids))
    if not options.json:
        print(f"written: {os.path.relpath(files[0])} and {len(files) - 1} plots beside it")
    if any(table.get("failed") for table in tables):
        return 1
    short = [c for c in made["checks"] if c["table"] in ids and c["counted"] and c["verdict"] == "over"]
    return 1 if options.check and short else 0


def main(argv):
    options = parse(argv[1:], os.path.basename(argv[0]))
    source = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    context = Context(options, source)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as an interrupt: what runs is ended
    try:
        if options.command == "report":
            docs = os.path.join(os.path.dirname(source), "docs")
            for kind in report.write_docs(context, docs):
                print(f"bench: no results of `{kind}` yet: run bench/run {kind}", file=sys.stderr)
            return 0
        if options.command == "profile":
            profile(context, options)
            return 0
        commands = COMMANDS if options.command == "smoke" else [options.command]
        return max([measured(context, command, options) for command in commands])
    except (NotRun, Failed) as why:
        print(f"bench: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbench: interrupted", file=sys.stderr)
        return 130
    finally:
        context.clean()
