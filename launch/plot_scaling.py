"""Plots of strong and weak scaling, by gnuplot: a script for each, and the SVG and PNG it draws."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

# Inches do not matter to either terminal; the PNG has twice the pixels of the SVG's units.
TERMINALS = {
    "svg": 'svg size 1000,460 font "Helvetica,14" background "white" linewidth 1.4',
    "png": 'pngcairo size 2000,920 font "Sans,14" fontscale 1.75 linewidth 2.6',
}

BLUE, ORANGE, GRAY, GREEN = "#1f5fa8", "#d9691a", "#808080", "#3b8a4e"


def write_plots(folder: Path, rows: list, by_work: bool) -> None:
    """Draws each kind of scaling that has usable rows; without gnuplot, leaves the scripts.

    Efficiency is that of CPU work, or of time.
    """
    gnuplot = shutil.which("gnuplot")
    for kind in ("strong", "weak"):
        usable = [row for row in rows if row.kind == kind and row.is_usable]
        for suffix in TERMINALS:
            (folder / f"{kind}.{suffix}").unlink(missing_ok=True)
        if not usable:
            continue
        name = f"{kind}.gnuplot"
        (folder / name).write_text(script(kind, sorted(usable, key=lambda row: row.ranks), by_work))
        if gnuplot is None:
            print(f"scaling: without gnuplot, no plots; '{name}' draws them", file=sys.stderr)
        elif subprocess.run([gnuplot, name], cwd=folder, stdin=subprocess.DEVNULL).returncode != 0:
            print(f"scaling: gnuplot could not draw {folder / name}", file=sys.stderr)


def script(kind: str, rows: list, by_work: bool) -> str:
    """The gnuplot script of one kind, with its data in it."""
    shared = any(row.shares_cores for row in rows)
    ranks = [row.ranks for row in rows]
    parts = [
        f"# Draws {kind}.svg and {kind}.png; its figures are those of scaling.csv.",
        data_block("measured", [measured(row, kind, by_work) for row in rows]),
        data_block("ideal", ideal(rows, kind)),
        data_block("cores", on_the_cores(rows, kind) if shared else []),
        f"""do for [format in "{' '.join(TERMINALS)}"] {{""",
        *(
            f'if (format eq "{suffix}") {{ set terminal {options} }}'
            for suffix, options in TERMINALS.items()
        ),
        f'set output "{kind}.".format',
        f"set multiplot layout 1,2 title {quoted(title(kind, rows))} noenhanced font ',15'",
        "set border 3 lw 0.8 lc rgb '#404040'",
        "set tics nomirror out scale 0.6",
        "set grid lw 0.5 lc rgb '#d8d8d8'",
        # Below the panels, where no curve can run into it.
        "set key bmargin center horizontal Left reverse maxrows 1 width 1 samplen 2 font ',12.5'",
        "set bmargin 6",
        f"set logscale x 2; set xrange [{min(ranks) / 1.12}:{max(ranks) * 1.12}]",
        f"set xtics ({', '.join(str(rank) for rank in ranks)})",
        f"set xlabel {quoted(threads(rows))}",
        *left_panel(kind, rows, shared),
        *right_panel(rows, by_work),
        "unset multiplot; unset output; reset",
        "}",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def measured(row, kind: str, by_work: bool) -> list[float]:
    """Ranks; what the left panel shows; efficiency and exposed exchange in percent."""
    seconds = row.best.record["seconds"]
    efficiency = row.work_efficiency if by_work else row.efficiency
    return [
        row.ranks,
        row.speedup if kind == "strong" else seconds["prefill"],
        math.nan if efficiency is None else efficiency * 100,
        seconds["exposed_exchange"] / seconds["prefill"] * 100,
    ]


def ideal(rows: list, kind: str) -> list[list[float]]:
    """What each number of ranks would reach if each worked as fast as the fewest do."""
    return [[row.ranks, value_at(row, kind, row.ranks)] for row in rows]


def on_the_cores(rows: list, kind: str) -> list[list[float]]:
    """The same where ranks beyond those that there are cores for add nothing."""
    fewest, points = rows[0], []
    for row in rows:
        available = row.best.cores / row.best.record["threads"]
        # One rank may have more threads than there are cores, and is the measure nevertheless.
        workers = fewest.ranks * min(row.ranks, available) / min(fewest.ranks, available)
        points.append([row.ranks, value_at(row, kind, workers)])
    return points


def value_at(row, kind: str, workers: float) -> float:
    """Speed-up (strong) or seconds (weak) of a row's work by so many ranks at full efficiency."""
    if kind == "strong":
        return workers
    # Time times speed-up is the time of one rank.
    return row.best.record["seconds"]["prefill"] * row.speedup / workers


def left_panel(kind: str, rows: list, shared: bool) -> list[str]:
    values = [measured(row, kind, by_work=False)[1] for row in rows]
    values += [point[1] for point in ideal(rows, kind)]
    if shared:
        values += [point[1] for point in on_the_cores(rows, kind)]
    low, high = min(values), max(values)
    # A panel of nearly equal values would else be one tic high.
    if high < 2 * low:
        low, high = low / 1.5, high * 1.5
    if kind == "strong":
        fewest = rows[0].ranks
        label = "speed-up over 1 rank" if fewest == 1 else f"speed-up ({fewest} ranks: {fewest})"
        tics = [row.ranks for row in rows]
    else:
        label = "prefill time (s)"
        tics = round_values(low, high)
    series = [curve("measured", 2, "measured", f"lt 1 lw 2 lc rgb '{BLUE}' pt 7 ps 0.9")]
    series.append(curve("ideal", 2, "ideal", f"dt 2 lw 1.4 lc rgb '{GRAY}'", "lines"))
    if shared:
        cores = rows[0].best.cores
        name = f"ideal on {cores} core{'' if cores == 1 else 's'}"
        series.append(curve("cores", 2, name, f"dt 3 lw 1.8 lc rgb '{GREEN}'", "lines"))
    labelled = [f"{quoted(format(tic, 'g'))} {tic}" for tic in tics]
    return [
        f"set logscale y 2; set yrange [{low / 1.15}:{high * 1.15}]",
        f"set ytics ({', '.join(labelled)})",
        f"set ylabel {quoted(label)}",
        f"plot {', '.join(reversed(series))}",
    ]


def right_panel(rows: list, by_work: bool) -> list[str]:
    name = "efficiency by CPU work" if by_work else "efficiency"
    exchange = "exposed exchange, of the prefill"
    efficiencies = [measured(row, "weak", by_work)[2] for row in rows]
    highest = max([100] + [value for value in efficiencies if not math.isnan(value)])
    series = [
        f"100 notitle with lines dt 2 lw 1.2 lc rgb '{GRAY}'",
        curve("measured", 3, name, f"lt 1 lw 2 lc rgb '{BLUE}' pt 7 ps 0.9"),
        curve("measured", 4, exchange, f"lt 1 lw 2 lc rgb '{ORANGE}' pt 9 ps 1"),
    ]
    return [
        f"unset logscale y; set yrange [0:{max(110, highest * 1.05)}]",
        "set ytics auto; set ytics 20",
        'set ylabel "percent"',
        f"plot {', '.join(series)}",
    ]


def curve(block: str, column: int, name: str, style: str, form: str = "linespoints") -> str:
    return f"${block} using 1:{column} title {quoted(name)} with {form} {style}"


def title(kind: str, rows: list) -> str:
    """Two lines: what ran; on what."""
    record = rows[0].best.record
    model = Path(record["model"]).name + (", random weights" if record["random_weights"] else "")
    tokens = rows[0].tokens if kind == "strong" else rows[0].tokens // rows[0].ranks
    hosts = max(len(row.best.record["hosts"]) for row in rows)
    what = (
        f"{kind.capitalize()} scaling: {model}, {tokens:,} tokens"
        f"{'' if kind == 'strong' else ' a rank'}, {record['precision']}"
        f" ({record['instruction_set']})"
    )
    cpus = sorted({row.best.cpu for row in rows})
    runs = len(rows[0].runs)
    where = f"{' and '.join(cpus)}, {hosts} host{'' if hosts == 1 else 's'}"
    if any(row.shares_cores for row in rows):
        where += f" of {rows[0].best.cores} core{'' if rows[0].best.cores == 1 else 's'}"
    return f"{what}\n{where}; {f'best of {runs} runs' if runs > 1 else 'one run each'}"


def threads(rows: list) -> str:
    numbers = sorted({row.best.record["threads"] for row in rows})
    text = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else str(numbers[0])
    return f"MPI ranks ({text} thread{'' if text == '1' else 's'} each)"


def round_values(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten around a range; of a wide one, only the powers."""
    steps = (1, 2, 5) if high / low < 1000 else (1,)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    return [step * 10.0**power for power in powers for step in steps]


def data_block(name: str, points: list[list[float]]) -> str:
    """Data as gnuplot reads it in a script; nothing where there are no points."""
    lines = [" ".join("NaN" if math.isnan(v) else f"{v:.6g}" for v in point) for point in points]
    return "\n".join([f"${name} << END", *lines, "END"]) if points else ""


def quoted(text: str) -> str:
    """A string of gnuplot, in which a backslash begins an escape."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
