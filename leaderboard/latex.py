r"""A table of the board for papers: LaTeX with ``booktabs``."""

from __future__ import annotations

from mirbench.leaderboard.board import Cell, Table
from mirbench.leaderboard.escaping import latex
from mirbench.leaderboard.wording import MARK, RANK_GROUPS


def table_latex(table: Table) -> str:
    r"""Render a table: scores with intervals, rank groups as superscripts, group 1 bold.

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
    caption = (
        f"{table.heading}, split {table.split}, protocol {table.protocol}. Scores are times 100, "
        f"with 95 % intervals by bootstrap over groups. Superscripts: rank groups. {RANK_GROUPS}"
    )
    lines += [r"\bottomrule", r"\end{tabular}", f"% Caption: {latex(caption)}"]
    return "\n".join(lines) + "\n"


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return "--"
    value = rf"\textbf{{{cell.value:z.1f}}}" if cell.group == 1 else f"{cell.value:z.1f}"
    # In text mode a hyphen is a hyphen; the minus of a negative score is set in math.
    value = value.replace("-", "$-$")
    range_ = f"{cell.low:z.1f}, {cell.high:z.1f}".replace("-", "$-$")
    return rf"{value}\textsuperscript{{{cell.group}}} {{\scriptsize [{range_}]}}"
