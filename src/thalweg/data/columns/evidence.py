"""What a column shows, batch by batch, and the kind that it is therefore of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import polars as pl

from thalweg.data.columns import dates
from thalweg.data.columns.carried import Empty, Identifier, Nested, Text
from thalweg.data.columns.column import Column
from thalweg.data.columns.missing import cells_of
from thalweg.data.columns.moment import CYCLES, Moment
from thalweg.data.columns.number import Number
from thalweg.data.columns.numerals import PLAIN, style_of
from thalweg.data.columns.word import PAIRS, TRUTHS, Category, Constant, Truth

NEARLY_ALL = 0.9
"""Share of the cells from which on a column is numbers (or dates) with a few bad cells"""

MOST_WORDS = 64
"""Words of a category that have an entry of their own, the most frequent ones"""

MOST_RARE = 10_000
"""Rarer ones that are told from those never seen"""

MOST_COUNTED = 100_000
"""Different texts of a column that are counted"""

MOST_KEPT = 10_000
"""Different plain numbers whose texts are"""

EARLIEST, LATEST = 19000101, 21001231
"""Days that are written as one number"""

FEW = 4
"""Rows, from which on different texts in all of them are identifiers"""

ID_NAME = re.compile(
    r"(?i:id|idx|index|key|uuid|guid|nr|no\.?|#|row|row[ _.-]?(name|id|number|nr|no)s?|x\.1|"
    r"unnamed: 0|column 1|lfdn|lfd[ _.-]*nr\.?|obs|"
    r".*[ _.-](id|uuid|guid)|(id|uuid|guid)[ _.-].*)|.*[a-z]I[dD]"
)
"""Names of columns whose whole numbers, all different, say which row is which"""


@dataclass
class Evidence:
    """Of one column, what all of its batches showed."""

    name: str
    decimal: str | None = None
    """the decimal mark of the file, where it is known"""
    rows: int = 0
    present: int = 0
    numbers: int = 0
    """present cells that are plain numbers, of batches in which all were"""
    whole: bool = True
    unique: bool = True
    """whether no batch had a value twice"""
    single: bool = True
    compact: bool = True
    """whether all numbers are days such as 20210131"""
    low: float = float("inf")
    high: float = float("-inf")
    kinds: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)
    """texts, where not all cells are plain numbers"""
    plain: dict[str, int] = field(default_factory=dict)
    """texts of batches of plain numbers, while they are few enough to be words after all"""
    varied: bool = False
    """whether they are too many"""
    more: bool = False
    """whether there were more texts than are counted"""
    first_dates: pl.Series | None = None
    dtype: pl.DataType = field(default_factory=pl.String)

    def add(self, column: pl.Series) -> None:
        """Take in a batch of raw cells."""
        cells = cells_of(column)
        here = cells.drop_nulls()
        self.rows += len(cells)
        self.present += len(here)
        if column.dtype != pl.Null:
            self.dtype = column.dtype
        if len(here) == 0:
            return
        kind = self.dtype
        if kind.is_numeric():
            self.kinds.add("number")
            self._add_numbers(here.cast(pl.Float64), kind.is_integer(), kind == pl.Float32)
        elif kind == pl.Boolean:
            self.kinds.add("truth")
            self._count(here.cast(pl.String))
        elif kind in (pl.Date, pl.Time) or isinstance(kind, pl.Datetime):
            self.kinds.add("date")
            self._add_dates(here)
        elif kind in (pl.String, pl.Categorical) or isinstance(kind, pl.Enum):
            self._add_texts(here.cast(pl.String), words=kind != pl.String)
        else:
            self.kinds.add("nested")

    def _add_numbers(self, numbers: pl.Series, whole: bool, single: bool) -> None:
        finite = numbers.filter(numbers.is_finite())
        self.numbers += len(numbers)
        if not whole and self.whole:
            self.whole = bool((finite == finite.round()).all())
        self.single = self.single and single
        if len(finite):
            self.low = min(self.low, float(finite.min()))  # type: ignore[arg-type]
            self.high = max(self.high, float(finite.max()))  # type: ignore[arg-type]
        if self.compact:
            self._add_compact(finite)
        if self.unique and self.whole and ID_NAME.fullmatch(self.name):
            self.unique = numbers.n_unique() == len(numbers)

    def _add_compact(self, numbers: pl.Series) -> None:
        self.compact = bool(((numbers >= EARLIEST) & (numbers <= LATEST)).all())
        days = dates.compact_days(numbers) if self.compact else None
        if days is None or days.null_count():
            self.compact = False
        elif len(days):
            self._add_dates(days)

    def _add_texts(self, text: pl.Series, *, words: bool) -> None:
        if words:
            self.kinds.add("word")
            self._count(text)
            return
        self.kinds.add("text")
        self.single = False
        plain = PLAIN.parse(text)
        # whole numbers with leading zeros are codes; beside decimal commas a dot may be none
        in_doubt = self.decimal == "," and text.str.contains(".", literal=True).any()
        all_plain = not self.counts and plain.null_count() == 0 and not in_doubt
        if all_plain and not _codes(text).any():
            self._add_numbers(plain, whole=False, single=False)
            self._keep(text)
        else:
            self._count(text)

    def _keep(self, text: pl.Series) -> None:
        """Plain numbers as the texts that they are, should the column turn out to be words."""
        head = text.head(1000)
        if self.varied or len(self.plain) > MOST_KEPT or head.n_unique() > max(len(head) / 2, 50):
            self.varied, self.plain = True, {}
            return
        for word, count in text.value_counts().iter_rows():
            self.plain[word] = self.plain.get(word, 0) + count

    def _add_dates(self, here: pl.Series) -> None:
        ends = pl.Series([here.min(), here.max()], dtype=here.dtype)
        sample = pl.concat([ends, here.unique(maintain_order=True).head(1000)])
        self.first_dates = sample if self.first_dates is None else self.first_dates.append(sample)

    def _count(self, text: pl.Series) -> None:
        found = text.value_counts(sort=True)
        self.unique = self.unique and len(found) == len(text)
        for word, count in found.iter_rows():
            if word in self.counts:
                self.counts[word] += count
            elif len(self.counts) < MOST_COUNTED:
                self.counts[word] = count
            else:
                self.more = True

    def kind(self) -> Column:
        """The kind of the column."""
        name = self.name
        if "nested" in self.kinds:
            return Nested(name)
        if not self.present:
            return Empty(name)
        if self.kinds == {"number"} or not (self.counts or self.kinds - {"number", "text"}):
            return self._number()
        for word, count in self.plain.items():
            self.counts[word] = self.counts.get(word, 0) + count
            self.numbers -= count
        self.more = self.more or self.varied
        if self.kinds == {"truth"}:
            seen = (self.counts.get("false", 0), self.counts.get("true", 0))
            return Truth(name, ("false", "true"), seen, typed=True)
        if self.kinds == {"date"} and self.first_dates is not None:
            return self._moment(self.first_dates, None)
        return self._of_texts() if self.kinds == {"text"} else self._words()

    def _number(self) -> Column:
        if self.low == self.high and self.rows > 1:
            only = f"{self.low:.0f}" if self.whole and abs(self.low) < 2**53 else repr(self.low)
            if len(self.plain) == 1:
                only = next(iter(self.plain))
            return Constant(self.name, (only,), (self.present,), typed=True)
        named = self.whole and self.present >= FEW and ID_NAME.fullmatch(self.name)
        if named and self.unique and self.present == self.rows:
            return Identifier(self.name)
        if self._are_days():
            return self._moment(self.first_dates, dates.COMPACT)
        return Number(self.name, self.whole, self.single)

    def _are_days(self) -> bool:
        """By chance one number of eight digits in thirty is a day, and four are not."""
        return self.compact and self.present >= FEW and self.low < self.high

    def _of_texts(self) -> Column:
        text = pl.Series(list(self.counts), dtype=pl.String)
        count = pl.Series(list(self.counts.values()), dtype=pl.Int64)
        total = int(count.sum()) + self.numbers
        style = style_of(text, self.decimal)
        numbers = style.parse(text)
        codes = bool((_codes(text) & PLAIN.parse(text).is_not_null()).any())
        share = (int(count.filter(numbers.is_not_null()).sum()) + self.numbers) / total
        if share >= NEARLY_ALL and not codes:
            whole = numbers.drop_nulls()
            self._add_numbers(whole, whole=False, single=False)
            if self._are_days():
                return self._moment(self.first_dates, dates.COMPACT)
            fits = Number(self.name, self.whole, style=style)
            return fits if self.low < self.high else self._words()
        day_first = self.decimal == ","
        form = dates.format_of(text, day_first=day_first, enough=NEARLY_ALL)
        if form is not None:
            return self._moment(dates.parse(text, form).drop_nulls(), form)
        return self._truth() or self._words()

    def _moment(self, moments: pl.Series | None, form: str | None) -> Column:
        assert moments is not None
        typed = moments.dtype
        holds = "date" if typed == pl.Date else "time" if typed == pl.Time else "moment"
        if holds == "time":
            return Moment(self.name, holds, form, ("time of day",))
        if moments.n_unique() == 1 and self.rows > 1:
            return self._words()
        whole = moments.cast(pl.Datetime("us"))
        span = (whole.max() - whole.min()).total_seconds() / 86_400  # type: ignore[operator, union-attr]
        found = {
            "time of day": bool((whole.dt.truncate("1d") != whole).any()),
            "day of week": span >= 2 * CYCLES["day of week"] and whole.dt.weekday().n_unique() > 2,
            "time of year": span >= 1.5 * CYCLES["time of year"],
        }
        return Moment(self.name, holds, form, tuple(each for each in CYCLES if found[each]))

    def _truth(self) -> Column | None:
        spelled = {word.lower() for word in self.counts}
        if spelled not in PAIRS or len(self.counts) != 2:
            return None
        words = tuple(sorted(self.counts, key=lambda word: TRUTHS[word.lower()]))
        return Truth(self.name, words, tuple(self.counts[word] for word in words))

    def _words(self) -> Column:
        if not self.counts and self.first_dates is not None:
            only = str(dates.as_moments(self.first_dates).cast(pl.String)[0])
            return Constant(self.name, (only,), (self.present,), typed=True)
        distinct = len(self.counts)
        if distinct == 1 and self.rows > 1:
            return Constant(self.name, tuple(self.counts), (self.present,))
        if self.present >= FEW and (self.unique and (self.more or distinct == self.present)):
            return Text(self.name) if self._reads_like_text(3) else Identifier(self.name)
        if self.more or (distinct > MOST_WORDS and distinct > self.present / 2):
            return Text(self.name) if self._reads_like_text(1) else Identifier(self.name)
        ranked = sorted(self.counts, key=lambda word: (-self.counts[word], word))
        kept, rare = sorted(ranked[:MOST_WORDS]), ranked[MOST_WORDS:]
        seen = tuple(self.counts[word] for word in kept)
        seen += (sum(self.counts[word] for word in rare),) if rare else ()
        listed = tuple(rare) if len(rare) <= MOST_RARE else ()
        return Category(self.name, tuple(kept), seen, "word" in self.kinds, listed)

    def _reads_like_text(self, least: int) -> bool:
        """Whether there are so many blanks, or many letters, in a cell."""
        some = list(self.counts)[:1000]
        blanks = sum(word.count(" ") for word in some) / len(some)
        return blanks >= least or sum(len(word) for word in some) / len(some) > 60


def _codes(text: pl.Series) -> pl.Series:
    return text.str.contains(r"^0\d+$")
