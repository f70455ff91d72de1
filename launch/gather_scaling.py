"""Makes a table and plots of the run records of launch/scaling.

usage: python3 gather_scaling.py FOLDER

In FOLDER, plan.tsv says which rows there are to be. Each run of a row has a record (NAME.json,
which ringflash --report wrote) and a status (NAME.status, in which launch/scaling wrote how it
went). Written are scaling.csv, scaling.md, and of strong and weak scaling a gnuplot script with its
SVG and PNG. Ends with 1 if a row is INVALID, FAILED or MISSING. Needs Python 3.8 or later, and
gnuplot.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from plot_scaling import write_plots

# What two records must have in common before their logits are compared.
SETTINGS = ("version", "commit", "model", "random_weights", "layers", "precision")


@dataclass
class Run:
    """One run of ringflash; where it has no record, it failed."""

    exit_code: int
    cores: int  # of the host that started it
    cpu: str
    record: dict | None = None
    cpu_seconds: float | None = None  # user and system time of all ranks; None: not known


@dataclass
class Row:
    """One row of the table: what was planned, its runs, and what follows from them."""

    kind: str  # strong, weak, or reference
    ranks: int
    tokens: int
    runs: list[Run | None] = field(default_factory=list)  # None: it left no trace
    validity: str = ""
    reason: str = ""
    speedup: float | None = None
    efficiency: float | None = None  # speed-up over ranks
    work_efficiency: float | None = None  # CPU work of 1 rank over that of all

    @property
    def best(self) -> Run | None:
        """The run with the shortest prefill."""
        complete = [run for run in self.runs if run and run.record]
        return min(complete, key=lambda run: run.record["seconds"]["prefill"], default=None)

    @property
    def is_usable(self) -> bool:
        """Whether its figures mean something."""
        return self.validity in ("VALID", "UNCHECKED")

    @property
    def digests(self) -> set[str]:
        return {run.record["logits_digest"] for run in self.runs if run and run.record}

    @property
    def shares_cores(self) -> bool:
        """Whether there were fewer cores than threads, so that time cannot scale."""
        best = self.best
        if best is None or len(best.record["hosts"]) > 1:
            return False
        return best.record["threads"] * self.ranks > best.cores


def read_plan(folder: Path) -> list[Row]:
    """The planned rows, with their runs."""
    rows, repeat = [], 1
    for line in (folder / "plan.tsv").read_text().splitlines():
        key, *values = line.split("\t")
        if key == "repeat":
            repeat = int(values[0])
        elif key == "row":
            rows.append(Row(values[0], int(values[1]), int(values[2])))
    for row in rows:
        names = [f"ranks-{row.ranks}-tokens-{row.tokens}-run-{n + 1}" for n in range(repeat)]
        row.runs = [read_run(folder, name) for name in names]
    return rows


def read_run(folder: Path, name: str) -> Run | None:
    try:
        lines = (folder / f"{name}.status").read_text().splitlines()
    except FileNotFoundError:
        return None
    status = dict(line.split("\t", 1) for line in lines)
    run = Run(int(status["exit_code"]), int(status["cores"]), readable_cpu(status["cpu"]))
    if run.exit_code != 0:
        return run
    try:
        run.record = json.loads((folder / f"{name}.json").read_text())
    except (FileNotFoundError, ValueError):
        return run
    # Ranks on other hosts are not in the times that the shell measured.
    if run.record["hosts"] == [status["host"]] and "cpu_seconds" in status:
        run.cpu_seconds = sum(float(part) for part in status["cpu_seconds"].split())
    return run


def readable_cpu(name: str) -> str:
    for mark in ("(R)", "(TM)", "(tm)"):
        name = name.replace(mark, "")
    return " ".join(name.split()) or "unknown CPU"


def judge(rows: list[Row]) -> None:
    """Sets validity and reason of every row: valid are those with the logits of 1 rank."""
    for row in rows:
        row.validity, row.reason = verdict_alone(row)
    references = {}
    for row in sorted(rows, key=lambda row: row.ranks):
        if not row.validity:
            references.setdefault(row.tokens, row)
    for row in rows:
        if not row.validity and row.tokens in references:
            row.validity, row.reason = verdict_against(row, references[row.tokens])


def verdict_alone(row: Row) -> tuple[str, str]:
    """Validity and reason as far as a row's own runs say; empty where nothing is amiss."""
    for run in row.runs:
        if run and run.record is None:
            code = f"exit code {run.exit_code}"
            return "FAILED", code if run.exit_code else f"{code}, but no record"
    if None in row.runs:
        return "MISSING", "not run, or ended from outside"
    for run in row.runs:
        ranks, tokens = run.record["ranks"], run.record["tokens"]["context"]
        if ranks != row.ranks:
            # As when srun starts processes that do not find each other.
            return "INVALID", f"the record is of {count(ranks, 'rank')}"
        if tokens != row.tokens:
            return "INVALID", f"the record is of {count(tokens, 'token')}"
    if len(row.digests) > 1:
        return "INVALID", "its runs differ in their logits"
    return "", ""


def verdict_against(row: Row, reference: Row) -> tuple[str, str]:
    """Validity and reason by the row of the same length that has the fewest ranks."""
    own, other = row.best.record, reference.best.record
    of = f"those of {count(reference.ranks, 'rank')}"
    for key in SETTINGS:
        if own[key] != other[key]:
            return "INVALID", f"not comparable with {of}: {key} differs"
    if row.digests != reference.digests:
        kinds = own["instruction_set"], other["instruction_set"]
        hint = "" if kinds[0] == kinds[1] else f" ({kinds[0]} and {kinds[1]})"
        return "INVALID", f"logits differ from {of}{hint}"
    if reference.ranks > 1:
        return "UNCHECKED", "no run of 1 rank to compare with"
    return "VALID", ""


def scale(rows: list[Row]) -> None:
    """Sets speed-up and efficiencies.

    A row is compared with 1 rank on the same context. Where that was not run, as in weak scaling
    without --verify, it is compared with the row of its kind that has the fewest ranks, by the
    rates of useful operations: attention's work grows with the square of the context, so at a
    constant number of tokens a rank, a rank's work and time grow with the ranks.
    """
    usable = [row for row in rows if row.is_usable]
    one_rank = {row.tokens: row for row in usable if row.ranks == 1}
    for kind in ("strong", "weak"):
        of_kind = [row for row in usable if row.kind == kind]
        fewest = min(of_kind, key=lambda row: row.ranks, default=None)
        for row in of_kind:
            base = one_rank.get(row.tokens, fewest)
            work = operations(row.best) / operations(base.best)
            time = prefill_seconds(row.best) / prefill_seconds(base.best)
            row.speedup = base.ranks * work / time
            row.efficiency = row.speedup / row.ranks
            if row.best.cpu_seconds and base.best.cpu_seconds:
                row.work_efficiency = work * base.best.cpu_seconds / row.best.cpu_seconds


def counts_work(rows: list[Row]) -> bool:
    """Whether efficiency is that of CPU work: where time cannot scale, and the work is known."""
    return any(row.shares_cores for row in rows) and any(row.work_efficiency for row in rows)


def operations(run: Run) -> float:
    """Useful floating-point operations of the prefill."""
    return run.record["flops"]["attention"] + run.record["flops"]["linear"]


def prefill_seconds(run: Run) -> float:
    return run.record["seconds"]["prefill"]


def count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def csv_row(row: Row) -> dict[str, object]:
    """One line of the CSV: numbers in SI units, empty where unknown."""
    line = dict(kind=row.kind, ranks=row.ranks, tokens=row.tokens)
    if run := row.best:
        record, seconds = run.record, run.record["seconds"]
        line.update(
            threads=record["threads"],
            hosts=len(record["hosts"]),
            prefill_seconds=seconds["prefill"],
            tokens_per_second=record["tokens_per_second"]["prefill"],
            speedup=row.speedup,
            efficiency=row.efficiency,
            work_efficiency=row.work_efficiency,
            exposed_exchange_seconds=seconds["exposed_exchange"],
            exposed_exchange_fraction=seconds["exposed_exchange"] / seconds["prefill"],
            balance=record["balance"],
            bytes_sent=max(record["bytes_sent"]),
            kv_bytes=max(record["kv_bytes"]),
            peak_resident_bytes=max(record["peak_resident_bytes"]),
            cpu_seconds=run.cpu_seconds,
            logits_digest=record["logits_digest"],
        )
    complete = [run for run in row.runs if run and run.record]
    line.update(
        all_prefill_seconds=" ".join(str(prefill_seconds(run)) for run in complete),
        validity=row.validity,
        reason=row.reason,
    )
    return line


CSV_COLUMNS = (
    "kind ranks threads hosts tokens prefill_seconds tokens_per_second speedup efficiency"
    " work_efficiency exposed_exchange_seconds exposed_exchange_fraction balance bytes_sent"
    " kv_bytes peak_resident_bytes cpu_seconds validity reason all_prefill_seconds logits_digest"
).split()


def markdown_columns(by_work: bool) -> list[tuple[str, str, object]]:
    """Of each column: heading, key in `csv_row`, and what formats a value."""
    mebibytes = lambda value: f"{value / 2**20:.1f}"
    percent = lambda value: f"{value * 100:.1f} %"
    return [
        ("kind", "kind", str),
        ("ranks", "ranks", str),
        ("threads", "threads", str),
        ("hosts", "hosts", str),
        ("tokens", "tokens", str),
        ("prefill, s", "prefill_seconds", "{:.3f}".format),
        ("tokens/s", "tokens_per_second", "{:.0f}".format),
        ("speed-up", "speedup", "{:.2f}".format),
        ("efficiency by CPU work", "work_efficiency", percent)
        if by_work
        else ("efficiency", "efficiency", percent),
        ("exposed exchange, s", "exposed_exchange_seconds", "{:.3f}".format),
        ("of the prefill", "exposed_exchange_fraction", percent),
        ("balance", "balance", "{:.3f}".format),
        ("sent by a rank, MiB", "bytes_sent", mebibytes),
        ("KV of a rank, MiB", "kv_bytes", mebibytes),
        ("peak memory of a rank, MiB", "peak_resident_bytes", mebibytes),
        ("CPU work, core-s", "cpu_seconds", "{:.2f}".format),
        ("validity", "validity", str),
    ]


def warnings(rows: list[Row]) -> list[str]:
    """What must be known before anyone reads the figures."""
    lines = []
    if any(row.shares_cores for row in rows):
        most = max((row for row in rows if row.shares_cores), key=lambda row: row.ranks)
        threads = count(most.best.record["threads"], "thread")
        lines.append(
            f"The host has {count(most.best.cores, 'core')} for up to {count(most.ranks, 'rank')} of"
            f" {threads}: time cannot scale where threads share cores."
        )
        lines[-1] += (
            " Efficiency is therefore that of CPU work: the work of 1 rank over that of all ranks."
            if counts_work(rows)
            else " What CPU work the ranks did is not known here."
        )
    if len({run.cpu for row in rows for run in row.runs if run and run.record}) > 1:
        lines.append("The runs were started on different kinds of CPU.")
    return lines


def caption(rows: list[Row]) -> list[str]:
    """Sentences about all rows together: what ran, where, and what the columns mean."""
    example = next((row.best for row in rows if row.best), None)
    if example is None:
        return ["No run has a record."]
    record = example.record
    repeat = len(rows[0].runs)
    choice = f"the best of {repeat} runs (shortest prefill)" if repeat > 1 else "one run"
    lines = [
        f"ringflash {record['version']} ({record['commit']}): {Path(record['model']).name}"
        f"{' with random weights' if record['random_weights'] else ''}, {record['precision']},"
        f" {record['instruction_set']}, {record['partition']}, on {example.cpu}.",
        f"Each row is {choice}. Speed-up is over 1 rank on the same context. Where that was not"
        " run, it is that of useful operations a second over the row of the same kind with the"
        " fewest ranks: attention's work grows with the square of the context. Efficiency is"
        " speed-up over ranks. Bytes are those of the rank that has the most. CPU work is user and"
        " system time of the whole run, loading included; it is known where all ranks are on the"
        " host that started them.",
        "VALID: the logits are bit for bit those of 1 rank. UNCHECKED: nothing to compare with.",
    ]
    return lines + warnings(rows)


def write_tables(folder: Path, rows: list[Row]) -> str:
    """Writes CSV and Markdown; returns the Markdown."""
    lines = [csv_row(row) for row in rows]
    with open(folder / "scaling.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, CSV_COLUMNS)
        writer.writeheader()
        writer.writerows(lines)

    columns = markdown_columns(counts_work(rows))
    table = [
        "| " + " | ".join(heading for heading, _, _ in columns) + " |",
        "|" + "|".join("---" if formatted is str else "---:" for _, _, formatted in columns) + "|",
    ]
    for line, row in zip(lines, rows):
        if row.reason:
            line = dict(line, validity=f"{row.validity}: {row.reason}")
        values = [(line.get(key), formatted) for _, key, formatted in columns]
        cells = ["–" if value is None else formatted(value) for value, formatted in values]
        table.append("| " + " | ".join(cells) + " |")
    text = "\n".join(table) + "\n\n" + "\n\n".join(caption(rows)) + "\n"
    (folder / "scaling.md").write_text(text)
    return text


def main(folder: Path) -> int:
    rows = read_plan(folder)
    judge(rows)
    scale(rows)
    print(write_tables(folder, rows), end="")
    for warning in warnings(rows):
        print(f"scaling: {warning}", file=sys.stderr)
    write_plots(folder, rows, by_work=counts_work(rows))
    bad = [row for row in rows if not row.is_usable]
    for row in bad:
        print(
            f"scaling: {row.validity}: {row.kind}, {count(row.ranks, 'rank')},"
            f" {count(row.tokens, 'token')}: {row.reason}",
            file=sys.stderr,
        )
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
