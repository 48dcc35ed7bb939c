#!/usr/bin/python3
"""The driver of the benches: who takes part in which order, what fails is told, what so many connections need is said."""
import pathlib
import stat
import sys
import tempfile
import types
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench" / "driver"))

import cli  # noqa: E402
import context  # noqa: E402
import counts  # noqa: E402
import hold  # noqa: E402
import limits  # noqa: E402
import needs  # noqa: E402
from holders import Holders  # noqa: E402
from rounds import interleaved, quartiles  # noqa: E402
from servers import Failed, NotRun, answer_of  # noqa: E402


class Rounds(unittest.TestCase):
    def play(self, names, rounds, one_run):
        steps = mock.Mock()
        return interleaved(names, rounds, steps, "t", one_run), steps

    def test_each_begins_a_round_in_turn(self):
        seen = []
        self.play(["a", "b", "c"], 3, seen.append)
        self.assertEqual("".join(seen), "abcbcacab")

    def test_who_fails_is_told_and_the_others_go_on(self):
        def one_run(name):
            if name == "b":
                raise Failed("it broke")
            if name == "c":
                raise NotRun("it is missing")
            return name * 2

        (runs, out, failed), steps = self.play(["a", "b", "c"], 2, one_run)
        self.assertEqual(runs["a"], ["aa", "aa"])
        self.assertEqual(out, {"b": "it broke", "c": "it is missing"})
        self.assertTrue(failed)
        self.assertEqual(steps.step.call_count, 6)

    def test_what_is_missing_is_no_failure(self):
        (_, out, failed), _ = self.play(["a"], 1, mock.Mock(side_effect=NotRun("it is missing")))
        self.assertEqual(out, {"a": "it is missing"})
        self.assertFalse(failed)

    def test_one_figure_has_quartiles_too(self):
        self.assertEqual(quartiles([7]), [7, 7, 7])
        self.assertEqual(quartiles([1, 2, 3, 4, 5]), [2, 3, 4])


class Programs(unittest.TestCase):
    def test_the_last_line_is_the_answer(self):
        self.assertEqual(answer_of(["sh", "-c", "echo first; echo '{\"a\": 1}'"]), {"a": 1})

    def test_its_last_words_are_the_reason(self):
        with self.assertRaisesRegex(Failed, "^it broke$"):
            answer_of(["sh", "-c", "echo one >&2; echo it broke >&2; exit 3"])
        with self.assertRaisesRegex(Failed, "^sh ended with 3$"):
            answer_of(["sh", "-c", "exit 3"])

    def test_one_that_does_not_end_is_a_failure(self):
        with self.assertRaisesRegex(Failed, "sleep did not end within 0.1 s"):
            answer_of(["sleep", "100"], patience=0.1)


class Needs(unittest.TestCase):
    def of(self, connections, processes, limit=20000, available=64 << 30):
        with mock.patch.object(needs, "descriptors_each", return_value=limit), \
                mock.patch.object(needs, "_available", return_value=available):
            return {need.what: need for need in needs.needs_of(connections, processes)}

    def test_as_many_processes_as_are_taken_suffice(self):
        for limit in (256, 1000, 1024, 4096, 20000, 65536, 1 << 20):
            for connections in (1000, 100000, 1000000):
                with mock.patch.object(needs, "descriptors_each", return_value=limit):
                    processes = -(-connections // needs.connections_each())
                descriptors = self.of(connections, processes, limit)["descriptors of each process"]
                self.assertTrue(descriptors.enough, f"{connections} in {processes} with {limit}: {descriptors}")

    def test_a_million_is_held_by_53_processes_of_20000_descriptors(self):
        with mock.patch.object(needs, "descriptors_each", return_value=20000):
            self.assertEqual(-(-1000000 // needs.connections_each()), 53)

    def test_too_few_descriptors_are_named_with_what_helps(self):
        need = self.of(100000, 2)["descriptors of each process"]
        self.assertFalse(need.enough)
        self.assertIn("too few", need.line())
        self.assertIn("--processes 6", need.remedy)

    def test_too_little_memory_is_named_with_what_fits(self):
        need = self.of(1000000, 53, available=2 << 30)["memory"]
        self.assertFalse(need.enough)
        fitting = int(need.remedy.split()[1].replace(",", ""))
        self.assertTrue(self.of(fitting, 53, available=2 << 30)["memory"].needed <= (2 << 10) + 160)

    def test_what_does_not_suffice_is_not_begun_unless_forced(self):
        with self.assertRaisesRegex(NotRun, "does not suffice for 10,000,000,000 connections: memory: hold "):
            hold._enough(10_000_000_000, 500, force=False)
        hold._enough(10_000_000_000, 500, force=True)


class Limits(unittest.TestCase):
    def verdict(self, **row):
        checks = limits.check([{"id": "hold", "rows": [{"name": "never asked", **row}]}])
        return [(one["column"], one["verdict"]) for one in checks]

    def test_what_a_measurement_cannot_tell_is_not_over(self):
        self.assertEqual(self.verdict(user_bytes=64.5), [("user_bytes", "over")])
        self.assertEqual(self.verdict(user_bytes=64.5, user_bytes_within=0.5), [("user_bytes", "held")])
        self.assertEqual(self.verdict(user_bytes=72.0, user_bytes_within=0.5), [("user_bytes", "over")])


class MemoryOfEach(unittest.TestCase):
    def test_what_the_first_have_left_is_used_again(self):
        before, now = (types.SimpleNamespace(user=user, kernel=kernel, slab=0)
                       for user, kernel in ((10_000, 5_000), (10_000 + 64 * 900, 5_000 + 9_000 * 1000)))
        self.assertEqual(hold.Memory.each(now, before, 1000, 100),
                         {"user_bytes": 64, "kernel_bytes": 9_000, "slab_bytes": 0})


class Bare(unittest.TestCase):
    """What instruments cost is told beside a build without them, and beside nothing else."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.context = context.Context.__new__(context.Context)
        self.context.build = str(self.folder / "release")

    def make(self, instruments):
        (self.folder / "bare" / "bin").mkdir(parents=True)
        for name in ("echo", "http_hello", "vigil"):
            (self.folder / "bare" / "bin" / name).touch(mode=0o755)
        (self.folder / "bare" / "CMakeCache.txt").write_text(f"A:BOOL=ON\nVIGIL_INSTRUMENTS:BOOL={instruments}\n")

    def test_is_the_build_beside(self):
        self.make("OFF")
        self.assertEqual(self.context.without_instruments().bin, str(self.folder / "bare" / "bin"))

    def test_that_is_missing_is_said_and_no_failure(self):
        table, jobs = counts.instruments_table(types.SimpleNamespace(
            www="", without_instruments=self.context.without_instruments))
        for job in jobs:
            job.run(types.SimpleNamespace(without_instruments=self.context.without_instruments))
        self.assertEqual(list(table["not_run"]), [row["name"] for row in table["rows"]])
        self.assertIn("./dev bench counts makes it", table["not_run"]["vigil serve"])
        self.assertNotIn("failed", table)

    def test_that_has_instruments_is_a_failure(self):
        self.make("ON")
        with self.assertRaisesRegex(Failed, "was built with instruments"):
            self.context.without_instruments()

    def test_over_the_limit_is_a_verdict(self):
        rows = [{"name": "vigil coroutines", "more": 10.5}, {"name": "vigil http_hello", "share": 0.9},
                {"name": "vigil serve", "share": 1.1}]
        verdicts = [one["verdict"] for one in limits.check([{"id": "instruments", "rows": rows}])]
        self.assertEqual(verdicts, ["over", "held", "over"])


CLIENT = """#!/bin/sh
# A client of `hold` that holds nothing: its first connection says how it behaves.
for word; do last=$word; done
while read -r word number rest; do
  case $word in
    open) echo "at 1"; [ "$last" = 2 ] && { echo "hold: no socket" >&2; exit 1; }; echo "opened $3 1" ;;
    each) echo "answered $3" ;;
    ask) printf 'answered %s' "$number"; i=0; while [ $i -lt "$number" ]; do printf ' 5'; i=$((i + 1)); done; echo ;;
    look) echo "stands $3" ;;
  esac
done
"""


class Clients(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        program = pathlib.Path(folder.name) / "bench_hold"
        program.write_text(CLIENT)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        machine = types.SimpleNamespace(cores=[0, 1], load_core=None, settle_child=lambda core: None)
        self.context = types.SimpleNamespace(bin=folder.name, machine=machine)

    def holders(self, port=1, connections=100, each=30):
        return Holders(self.context, port, connections, each, "/")

    def test_connections_are_shared_evenly(self):
        self.assertEqual(self.holders().shares, [25, 25, 25, 25])
        self.assertEqual(self.holders(connections=7, each=3).shares, [3, 2, 2])

    def test_what_clients_say_is_added_up(self):
        progress = mock.Mock()
        with self.holders() as holders:
            self.assertEqual(holders.open(progress), 4)
            holders.each(progress)
            self.assertEqual(holders.ask([1, 0, 2, 3], 7), [5] * 6)
            self.assertEqual(holders.standing(), 100)
        self.assertEqual(progress.at.call_args_list[-1].args, (100,))

    def test_the_words_of_a_client_that_fails_are_the_reason_and_all_are_ended(self):
        holders = self.holders(port=2)
        with self.assertRaisesRegex(Failed, "^hold: no socket$"), holders:
            holders.open()
        self.assertTrue(all(client.returncode is not None for client in holders.clients))


class CommandLine(unittest.TestCase):
    def test_a_number_alone_is_that_of_the_connections(self):
        options = cli.parse(["5000", "--processes", "3"], "hold")
        self.assertEqual((options.build, options.connections, options.processes), ("build/release", 5000, 3))
        options = cli.parse(["elsewhere", "70"], "hold")
        self.assertEqual((options.build, options.connections, options.force), ("elsewhere", 70, False))


if __name__ == "__main__":
    unittest.main()
