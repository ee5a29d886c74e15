r"""A table of the board for papers: LaTeX with ``booktabs``."""

from __future__ import annotations

from mirbench.leaderboard.baselines import BaselineLine
from mirbench.leaderboard.escaping import latex
from mirbench.leaderboard.tables import Cell, Table, baseline_cell
from mirbench.leaderboard.wording import CHANCE, MARK, RANK_GROUPS, UNRANKED


def table_latex(table: Table) -> str:
    r"""Render a table: scores with intervals, rank groups as superscripts, group 1 bold.

    Scores at chance are marked ``\approx``; below the rule stand baselines and chance.

    Needs ``\usepackage{booktabs}`` and ``\usepackage[T1]{fontenc}``.
    """
    columns = [column for column in table.columns if column.main]
    titles = [f"& {latex(column.title[0])}" for column in columns]
    scores = [f"& {latex(column.title[1])}" for column in columns]
    lines = [
        f"% {MARK}",
        r"% \usepackage{booktabs} \usepackage[T1]{fontenc}",
        rf"\begin{{tabular}}{{l{'r' * len(columns)}}}",
        r"\toprule",
        " ".join(["", *titles]).strip() + r" \\",
        " ".join(["representation", *scores]) + r" \\",
        r"\midrule",
    ]
    for line in table.lines:
        cells = [f"& {_cell(line.cells.get(column.key))}" for column in columns]
        lines.append(" ".join([latex(line.name), *cells]) + r" \\")
    below = [_baseline(table, line) for line in table.baselines]
    if table.has_chance:
        levels = [column.chance for column in columns]
        texts = ["--" if level is None else _number(level) for level in levels]
        below.append(["chance", *texts])
    if below:
        lines += [r"\midrule", *(" & ".join(cells) + r" \\" for cells in below)]
    caption = (
        f"{table.heading}, split {table.split}, protocol {table.protocol}. Scores are times 100, "
        f"with 95 % intervals by bootstrap over groups. Superscripts: rank groups. {RANK_GROUPS} "
        f"{CHANCE} {UNRANKED}"
    )
    lines += [r"\bottomrule", r"\end{tabular}", f"% Caption: {latex(caption)}"]
    return "\n".join(lines) + "\n"


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "--"
    value = _number(cell.value)
    if cell.best:
        value = rf"\textbf{{{value}}}"
    raised = cell.rank.replace("–", "--")
    if cell.at_chance:
        raised += r"$,\approx$" if raised else r"$\approx$"
    above = rf"\textsuperscript{{{raised}}}" if raised else ""
    return rf"{value}{above} {_range(cell.low, cell.high)}"


def _baseline(table: Table, line: BaselineLine) -> list[str]:
    found = [baseline_cell(line, column) for column in table.columns if column.main]
    texts = [f"{_number(c.value)} {_range(c.low, c.high)}" if c else "--" for c in found]
    return [rf"\textit{{{latex(line.name)}}}", *texts]


def _number(value: float) -> str:
    # In text mode a hyphen is a hyphen; the minus of a negative score is set in math.
    return f"{value:z.1f}".replace("-", "$-$")


def _range(low: float, high: float) -> str:
    return rf"{{\scriptsize [{_number(low)}, {_number(high)}]}}"
