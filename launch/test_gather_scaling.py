"""Tests of gather_scaling.py on made records: python3 launch/test_gather_scaling.py"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).with_name("gather_scaling.py")


class GatherTests(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.plan = []

    def add_row(self, kind: str, ranks: int, tokens: int):
        self.plan.append((kind, ranks, tokens))

    def add_run(self, ranks, tokens, /, repetition=1, cores=64, cpu_seconds=None, **changes):
        """A run as launch/scaling leaves it, with useful operations as the square of the tokens."""
        record = {
            "version": "1.0", "commit": "c", "model": "needle", "random_weights": False,
            "layers": 5, "precision": "bf16", "instruction_set": "avx2", "partition": "zigzag",
            "ranks": ranks, "threads": 1, "hosts": ["here"], "balance": 1,
            "tokens": {"context": tokens, "prompt": 0, "generated": 1},
            "seconds": {"prefill": 1.0, "exposed_exchange": 0.1},
            "tokens_per_second": {"prefill": tokens},
            "flops": {"attention": tokens**2, "linear": 0},
            "bytes_sent": [1] * ranks, "kv_bytes": [2] * ranks, "peak_resident_bytes": [3] * ranks,
            "logits_digest": f"digest of {tokens}",
        }  # fmt: skip
        prefill = changes.pop("prefill", None)
        if prefill is not None:
            record["seconds"]["prefill"] = prefill
        record.update(changes)
        self.record_path(ranks, tokens, repetition).write_text(json.dumps(record))
        self.add_status(ranks, tokens, repetition, cores=cores, cpu_seconds=cpu_seconds)

    def add_status(self, ranks, tokens, repetition=1, exit_code=0, cores=64, cpu_seconds=None):
        lines = [f"exit_code\t{exit_code}", f"cores\t{cores}", "host\there", "cpu\tMaker(R)  CPU"]
        if cpu_seconds is not None:
            lines.append(f"cpu_seconds\t{cpu_seconds} 0.0")
        path = self.record_path(ranks, tokens, repetition).with_suffix(".status")
        path.write_text("\n".join(lines) + "\n")

    def record_path(self, ranks, tokens, repetition) -> Path:
        return self.folder / f"ranks-{ranks}-tokens-{tokens}-run-{repetition}.json"

    def gather(self, repeat=1, path="") -> list[dict]:
        """Runs the script; sets `exit_code`, `messages` and `markdown`; returns the CSV's lines.

        Without a path there is no gnuplot, which saves its time.
        """
        lines = [f"repeat\t{repeat}"]
        lines += ["\t".join(["row", *map(str, row)]) for row in self.plan]
        (self.folder / "plan.tsv").write_text("\n".join(lines) + "\n")
        result = subprocess.run(
            [sys.executable, "-B", SCRIPT, self.folder],
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "PATH": path},
        )
        self.exit_code, self.messages, self.markdown = (
            result.returncode, result.stderr, result.stdout,
        )  # fmt: skip
        self.assertNotIn("Traceback", result.stderr)
        with open(self.folder / "scaling.csv", newline="") as file:
            return list(csv.DictReader(file))

    def add_strong(self, all_ranks=(1, 2, 4)):
        for ranks in all_ranks:
            self.add_row("strong", ranks, 1000)
            self.add_run(ranks, 1000, prefill=8.0 / ranks)

    def validities(self, rows) -> list[str]:
        return [row["validity"] for row in rows]

    def test_equal_digests_are_valid_and_time_makes_speedup(self):
        self.add_strong()
        rows = self.gather()
        self.assertEqual(self.exit_code, 0)
        self.assertEqual(self.validities(rows), ["VALID"] * 3)
        self.assertEqual([float(row["speedup"]) for row in rows], [1, 2, 4])
        self.assertEqual([float(row["efficiency"]) for row in rows], [1, 1, 1])
        self.assertIn("| strong | 4 |", self.markdown)
        self.assertIn("Maker CPU", self.markdown)
        self.assertTrue((self.folder / "strong.gnuplot").exists())
        self.assertFalse((self.folder / "weak.gnuplot").exists())
        self.assertIn("without gnuplot", self.messages)

    @unittest.skipUnless(shutil.which("gnuplot"), "there is no gnuplot")
    def test_plots_are_drawn_and_old_ones_do_not_stay(self):
        (self.folder / "weak.png").write_text("of another time")
        self.add_strong()
        self.gather(path=os.environ["PATH"])
        self.assertNotIn("gnuplot", self.messages)
        self.assertEqual((self.folder / "strong.png").read_bytes()[:4], b"\x89PNG")
        self.assertIn("</svg>", (self.folder / "strong.svg").read_text())
        self.assertFalse((self.folder / "weak.png").exists())

    def test_another_digest_is_invalid_and_ends_with_1(self):
        self.add_strong()
        self.add_run(2, 1000, logits_digest="another")
        rows = self.gather()
        self.assertEqual(self.exit_code, 1)
        self.assertEqual(self.validities(rows), ["VALID", "INVALID", "VALID"])
        self.assertIn("logits differ from those of 1 rank", rows[1]["reason"])
        self.assertEqual(rows[1]["speedup"], "")
        self.assertIn("INVALID", self.messages)

    def test_another_precision_is_not_comparable(self):
        self.add_strong()
        self.add_run(2, 1000, precision="fp32")
        self.assertEqual(self.validities(self.gather())[1], "INVALID")

    def test_without_one_rank_rows_are_unchecked(self):
        self.add_strong((2, 4))
        rows = self.gather()
        self.assertEqual(self.exit_code, 0)
        self.assertEqual(self.validities(rows), ["UNCHECKED"] * 2)
        self.assertEqual([float(row["speedup"]) for row in rows], [2, 4])

    def test_without_one_rank_rows_that_differ_are_invalid(self):
        self.add_strong((2, 4))
        self.add_run(4, 1000, logits_digest="another")
        self.assertEqual(self.validities(self.gather()), ["UNCHECKED", "INVALID"])
        self.assertEqual(self.exit_code, 1)

    def test_a_failed_run_is_a_row(self):
        self.add_strong()
        self.add_status(1, 1000, exit_code=69)
        rows = self.gather()
        self.assertEqual(self.exit_code, 1)
        self.assertEqual(self.validities(rows), ["FAILED", "UNCHECKED", "UNCHECKED"])
        self.assertEqual(rows[0]["reason"], "exit code 69")

    def test_a_run_without_record_has_failed(self):
        self.add_strong()
        self.record_path(2, 1000, 1).unlink()
        self.assertEqual(self.validities(self.gather())[1], "FAILED")

    def test_a_run_without_trace_is_missing(self):
        self.add_strong((1, 2))
        self.add_row("strong", 4, 1000)
        self.assertEqual(self.validities(self.gather()), ["VALID", "VALID", "MISSING"])
        self.assertEqual(self.exit_code, 1)

    def test_nothing_at_all_is_missing(self):
        self.add_row("strong", 1, 1000)
        self.assertEqual(self.validities(self.gather()), ["MISSING"])
        self.assertEqual(self.exit_code, 1)

    def test_ranks_that_did_not_find_each_other_are_invalid(self):
        self.add_strong()
        self.add_run(4, 1000, ranks=1)
        rows = self.gather()
        self.assertEqual(rows[2]["validity"], "INVALID")
        self.assertIn("1 rank", rows[2]["reason"])

    def test_a_record_of_another_context_is_invalid(self):
        self.add_strong()
        self.add_run(2, 1000, tokens={"context": 999, "prompt": 0, "generated": 1})
        self.assertEqual(self.gather()[1]["validity"], "INVALID")

    def test_the_best_run_counts_and_all_must_agree(self):
        self.add_strong()
        for ranks in (1, 2, 4):
            self.add_run(ranks, 1000, repetition=2, prefill=4.0 / ranks)
        rows = self.gather(repeat=2)
        self.assertEqual([float(row["prefill_seconds"]) for row in rows], [4, 2, 1])
        self.assertEqual(rows[0]["all_prefill_seconds"], "8.0 4.0")
        self.add_run(4, 1000, repetition=2, logits_digest="another")
        self.assertEqual(self.validities(self.gather(repeat=2)), ["VALID", "VALID", "INVALID"])

    def test_weak_scaling_goes_by_operations_unless_one_rank_has_run(self):
        # Twice the tokens, four times the operations, on twice the ranks: ideal is twice the time.
        for ranks in (1, 2):
            self.add_row("weak", ranks, 1000 * ranks)
            self.add_run(ranks, 1000 * ranks, prefill=1.0 * ranks)
        rows = self.gather()
        self.assertEqual(self.exit_code, 0)
        self.assertEqual(self.validities(rows), ["VALID", "UNCHECKED"])
        self.assertEqual(float(rows[1]["efficiency"]), 1)
        self.add_row("reference", 1, 2000)
        self.add_run(1, 2000, prefill=3.0)
        rows = self.gather()
        self.assertEqual(self.validities(rows), ["VALID"] * 3)
        self.assertEqual(float(rows[1]["speedup"]), 1.5)

    def test_a_wrong_weak_row_is_found_by_its_reference(self):
        self.add_row("weak", 2, 2000)
        self.add_run(2, 2000, logits_digest="another")
        self.add_row("reference", 1, 2000)
        self.add_run(1, 2000)
        self.assertEqual(self.validities(self.gather()), ["INVALID", "VALID"])
        self.assertEqual(self.exit_code, 1)

    def test_on_shared_cores_work_stands_in_for_time(self):
        for ranks in (1, 2, 4):
            self.add_row("strong", ranks, 1000)
            self.add_run(ranks, 1000, prefill=8.0, cores=2, cpu_seconds=7.0 + ranks)
        rows = self.gather()
        self.assertEqual([float(row["work_efficiency"]) for row in rows], [1, 8 / 9, 8 / 11])
        self.assertIn("efficiency by CPU work", self.markdown)
        self.assertIn("2 cores for up to 4 ranks", self.messages)

    def test_on_shared_cores_time_stays_where_work_is_unknown(self):
        for ranks in (1, 2):
            self.add_row("strong", ranks, 1000)
            self.add_run(ranks, 1000, prefill=8.0, cores=1)
        rows = self.gather()
        self.assertEqual([float(row["efficiency"]) for row in rows], [1, 0.5])
        self.assertNotIn("by CPU work", self.markdown)
        self.assertIn("not known", self.messages)

    def test_of_several_hosts_work_is_unknown(self):
        self.add_strong((1,))
        self.add_row("strong", 2, 1000)
        self.add_run(2, 1000, hosts=["here", "there"], cores=1, cpu_seconds=1.0)
        rows = self.gather()
        self.assertEqual(rows[1]["cpu_seconds"], "")
        self.assertEqual(rows[1]["hosts"], "2")
        self.assertNotIn("CPU work:", self.markdown)


if __name__ == "__main__":
    unittest.main()
