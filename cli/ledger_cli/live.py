"""How a run that is watched is written: as a table that fits a terminal, or as one line per asset."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ledger.service.reading.watching import WatchedAsset, WatchedRun

STYLES: Final = {
    "running": "cyan",
    "silent": "yellow",
    "success": "green",
    "failed": "red",
    "lost": "red",
    "canceled": "red",
    "blocked": "yellow",
    "retrying": "yellow",
}
"""State to colour; what is not here has none."""

FAINT: Final = "dim"
_WORDS: Final = {"success": "finished"}
_OPEN: Final = frozenset({"running", "silent"})
_TOLD: Final = frozenset({"silent", "failed", "lost", "canceled", "blocked", "retrying"})
"""States that are told with their reason."""

_GAP: Final = "  "
_LEAST_NAME: Final = 8
_MOST_NAME: Final = 32
_REASON_LINES: Final = 3
_DETAIL_LINES: Final = 6
_INDENT: Final = "  "
_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a terminal: pieces of text, each with its style."""

    pieces: "tuple[tuple[str, str], ...]"

    @property
    def text(self) -> str:
        """The line without styles."""
        return "".join(text for text, _ in self.pieces)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column behind the name: title, cell, and the rank by which it goes on a narrow terminal (the highest first)."""

    title: str
    cell: "Callable[[WatchedAsset], str]"
    rank: int = 0
    is_left: bool = False


@dataclass(frozen=True, slots=True)
class _Layout:
    """Cells of the names, and the columns behind them with theirs."""

    name: int
    columns: "tuple[tuple[_Column, int], ...]"


def table(run: "WatchedRun", columns: int, rows: int) -> list[Line]:
    """Return a run as lines that fit a terminal.

    Args:
        run: How far it has come.
        columns: Cells of a line.
        rows: Lines of the terminal; where they do not suffice, what waits and what is done is only counted.
    """
    head = [_headline(run, columns)]
    layout = _layout(run, columns)
    blocks = {asset: _block(asset, layout, columns) for asset in _ordered(run)}
    title = _title(layout)
    room = max(rows - len(head) - 2, 1)
    shown: list[Line] = []
    hidden: list[WatchedAsset] = []
    for asset, block in blocks.items():
        if len(block) <= room and not hidden:  # What comes later matters less, and must not take its place.
            shown += block
            room -= len(block)
        else:
            hidden.append(asset)
    return [*head, title, *shown, *([_counted(hidden, columns)] if hidden else [])]


def line(run: "WatchedRun", asset: "WatchedAsset") -> str:
    """Return everything that is known of an asset as one line."""
    from ledger.report.text import printable

    name = printable(asset.asset, 60) + (f" [{printable(asset.partition, 30)}]" if asset.partition else "")
    parts = [_amount(asset), _pace(asset), _time_left(asset), *_work(asset)]
    if asset.state in _TOLD and asset.reason:
        parts.insert(0, printable(asset.reason, 240))
    elif asset.elapsed_s is not None:
        parts.insert(0, _clock(asset.elapsed_s))
    said = ", ".join(part for part in parts if part)
    return f"{printable(run.run_id[:8])}  {_word(asset):8}  {name:28}  {said}".rstrip()


def ending(run: "WatchedRun") -> str:
    """Return one sentence: how the run ended."""
    from ledger.report.text import printable
    from ledger.units import format_seconds

    took = "" if run.elapsed_s is None else f" after {format_seconds(run.elapsed_s)}"
    silent = {
        "lost": "; its process is gone and did not say how it ended: `dagster-ledger ledger reconcile` closes it",
        "incomplete": "; nothing has been heard of it for long, and not all that was planned is made",
    }
    name = f"run {printable(run.run_id, 60)} of {printable(run.job or 'an unknown job', 60)}"
    return f"{name}: {run.status}{took}{silent.get(run.status, '')}"


def _headline(run: "WatchedRun", columns: int) -> Line:
    """Return which run it is, and its status."""
    from ledger.report.text import fitted, printable

    took = "" if run.elapsed_s is None else f", {_clock(run.elapsed_s)}"
    status = f"{run.status}{took}"
    name = fitted(
        f"run {printable(run.run_id[:8])} of {printable(run.job or 'an unknown job')}",
        max(columns - len(status) - 2, 0),
    )
    return Line(((name, "bold"), (": ", ""), (status, STYLES.get(run.status, ""))))


def _columns() -> "tuple[_Column, ...]":
    """Return the columns behind the name."""
    return (
        _Column("state", _word, is_left=True),
        _Column("rows", _counted_rows, rank=3),
        _Column("done", _share, rank=4),
        _Column("rows/s", lambda asset: "" if asset.records_per_s is None else f"{asset.records_per_s:,.0f}", rank=2),
        _Column("time", lambda asset: "" if asset.elapsed_s is None else _clock(asset.elapsed_s), rank=1),
        _Column("left", lambda asset: "" if asset.eta_s is None else _clock(asset.eta_s)),
    )


def _layout(run: "WatchedRun", columns: int) -> "_Layout":
    """Return how a table that fits is laid out."""
    from ledger.report.text import width

    wanted = min(max((width(_name(asset)) for asset in run.assets), default=0), _MOST_NAME)
    shown = [(column, max([len(column.title), *(width(column.cell(a)) for a in run.assets)])) for column in _columns()]
    while len(shown) > 1:
        rest = columns - sum(size + len(_GAP) for _, size in shown)
        if rest >= min(max(wanted, _LEAST_NAME), 2 * _LEAST_NAME) or not any(column.rank for column, _ in shown):
            break
        shown.remove(max(shown, key=lambda pair: pair[0].rank))
    rest = columns - sum(size + len(_GAP) for _, size in shown)
    return _Layout(max(min(max(wanted, len("asset")), rest), 1), tuple(shown))


def _title(layout: "_Layout") -> Line:
    """Return the titles of the columns."""
    cells = [_padded(column.title, size, column) for column, size in layout.columns]
    return Line((("asset".ljust(layout.name)[: layout.name] + _GAP + _GAP.join(cells), FAINT),))


def _block(asset: "WatchedAsset", layout: "_Layout", columns: int) -> list[Line]:
    """Return the lines of an asset: its row, what did not fit into it, and its reason."""
    from ledger.report.text import fitted, printable, width, wrapped

    name = fitted(_name(asset), layout.name)
    pieces = [(name + " " * (layout.name - width(name)), "")]
    for column, size in layout.columns:
        style = STYLES.get(asset.state, FAINT) if column.is_left else ""
        pieces.append((_GAP + _padded(column.cell(asset), size, column), style))
    lines = [Line(tuple(pieces))]
    titles = {column.title for column, _ in layout.columns}
    room = max(columns - len(_INDENT), 1)
    details = ", ".join([*_left_out(asset, titles), *_work(asset)]) if asset.state in _OPEN else ""
    if details:
        lines += [Line(((_INDENT + text, FAINT),)) for text in wrapped(details, room, _DETAIL_LINES)]
    if asset.state in _TOLD and asset.reason:
        said = wrapped(printable(asset.reason, 400), room, _REASON_LINES)
        lines += [Line(((_INDENT + text, STYLES.get(asset.state, "")),)) for text in said]
    return lines


def _left_out(asset: "WatchedAsset", titles: set[str]) -> list[str]:
    """Return the figures whose columns did not fit."""
    parts = [
        "" if "rows" in titles else _amount(asset),
        "" if "rows/s" in titles else _pace(asset),
        "" if "time" in titles or asset.elapsed_s is None else f"{_clock(asset.elapsed_s)} so far",
    ]
    return [part for part in parts if part]


def _work(asset: "WatchedAsset") -> list[str]:
    """Return how the work in chunks goes, and the memory it takes."""
    from ledger.units import MIB

    parts = []
    if asset.kept_rows:
        parts.append(f"{asset.kept_rows:,.0f} rows kept from before")
    if asset.chunk_rows is not None and asset.state in _OPEN:
        parts.append(f"chunks of {asset.chunk_rows:,} rows")
    for count, one, many in (
        (asset.adaptations, "adaptation", "adaptations"),
        (asset.retries, "retry", "retries"),
        (asset.given_up_rows, "row given up", "rows given up"),
    ):
        if count:
            parts.append(f"{count:,} {one if count == 1 else many}")
    if asset.peak_bytes is not None:
        limit = "" if asset.limit_bytes is None else f" of {asset.limit_bytes / MIB:,.0f}"
        parts.append(f"peak {asset.peak_bytes / MIB:,.0f}{limit} MiB")
    return parts


def _ordered(run: "WatchedRun") -> "list[WatchedAsset]":
    """Return the assets: what is at work or in trouble first, what waits next, what is done last."""

    def place(asset: "WatchedAsset") -> int:
        return 0 if asset.state in _OPEN else 1 if asset.state in _TOLD else 2 if asset.state == "waiting" else 3

    return sorted(run.assets, key=place)


def _counted(hidden: "list[WatchedAsset]", columns: int) -> Line:
    """Return how many assets are not shown, by state."""
    from ledger.report.text import fitted

    counts: dict[str, int] = {}
    for asset in hidden:
        counts[_word(asset)] = counts.get(_word(asset), 0) + 1
    said = ", ".join(f"{count} {word}" for word, count in counts.items())
    return Line(((fitted(f"and {said}", columns), FAINT),))


def _name(asset: "WatchedAsset") -> str:
    from ledger.report.text import printable

    name = printable(asset.asset, 120)
    return f"{name} [{printable(asset.partition, 40)}]" if asset.partition else name


def _word(asset: "WatchedAsset") -> str:
    """Return the state as people say it; an attempt after the first is told with its number."""
    word = _WORDS.get(asset.state, asset.state)
    return f"{word} ({asset.attempt + 1})" if asset.attempt and asset.state in _OPEN else word


def _counted_rows(asset: "WatchedAsset") -> str:
    if asset.done_rows is None:
        return ""
    return f"{asset.done_rows:,.0f}" + ("" if asset.total_rows is None else f"/{asset.total_rows:,.0f}")


def _share(asset: "WatchedAsset") -> str:
    if asset.done_rows is None or not asset.total_rows:
        return ""
    return f"{min(asset.done_rows / asset.total_rows, 1.0):.0%}"


def _amount(asset: "WatchedAsset") -> str:
    """Return the rows that are done, in words."""
    if asset.done_rows is None:
        return ""
    share = _share(asset)
    return f"{_counted_rows(asset)} rows" + (f" ({share})" if share else "")


def _pace(asset: "WatchedAsset") -> str:
    return "" if asset.records_per_s is None else f"{asset.records_per_s:,.0f}/s"


def _time_left(asset: "WatchedAsset") -> str:
    from ledger.units import format_seconds

    return "" if asset.eta_s is None else f"about {format_seconds(asset.eta_s)} left"


def _clock(value_s: float) -> str:
    """Return a duration as a clock shows it: ``0:41``, ``4:05``, ``1:02:03``."""
    minutes, seconds = divmod(round(value_s), 60)
    if value_s < _HOUR_S:
        return f"{minutes}:{seconds:02d}"
    return f"{minutes // 60:,}:{minutes % 60:02d}:{seconds:02d}"


def _padded(text: str, cells: int, column: _Column) -> str:
    return text.ljust(cells) if column.is_left else text.rjust(cells)


def as_record(run: "WatchedRun") -> "Mapping[str, object]":
    """Return a run as a mapping for programs, figures in base units."""
    import dataclasses

    return dataclasses.asdict(run)
