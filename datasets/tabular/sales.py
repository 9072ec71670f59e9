"""Lines of orders, the orders, their customers and countries, in Parquet: generated, any number of rows.

The schema holds four files, and the table that the query must find, as exact integers. Everything known of a line, an
order or a customer is a function of its number and of the seed (`Draws`). So lines can be written in any order, no
table is held in memory, and the result is counted while the files are written, without a join. Money is in cents and
discounts are whole percents: sums are exact in any order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.parquet import decoded_bytes
from residency.datasets.tabular.cells import checked, equal_cells, stored_bytes
from residency.harness.dataset import decoded, generated_from
from residency.harness.quality import metric
from residency.harness.truth import Truth

KEYS = ["country", "year", "month"]  # of the table that the query must find
LINES = ["order_id", "price", "discount", "promised", "shipped"]  # columns to read
ORDERS = ["order_id", "customer_id", "ordered"]

# A line counts if it was shipped late, for an order of these years by a customer of this segment.
FIRST, AFTER = np.datetime64("2020-01-01", "us"), np.datetime64("2025-01-01", "us")
SEGMENT = "consumer"

COUNTRIES = (
    "Algeria", "Argentina", "Australia", "Austria", "Bangladesh", "Belgium", "Bolivia", "Brazil", "Bulgaria",
    "Canada", "Chile", "China", "Colombia", "Croatia", "Czechia", "Denmark", "Ecuador", "Egypt", "Estonia",
    "Ethiopia", "Finland", "France", "Germany", "Ghana", "Greece", "Hungary", "Iceland", "India", "Indonesia",
    "Ireland", "Italy", "Japan", "Jordan", "Kenya", "Latvia", "Lithuania", "Malaysia", "Mexico", "Morocco", "Nepal",
    "Netherlands", "New Zealand", "Nigeria", "Norway", "Peru", "Philippines", "Poland", "Portugal", "Romania",
    "Senegal", "Slovakia", "Slovenia", "South Africa", "South Korea", "Spain", "Sweden", "Switzerland", "Tanzania",
    "Thailand", "Tunisia", "Turkey", "United Kingdom", "United States", "Uruguay",
)  # fmt: skip
SEGMENTS = ("consumer", "company", "public")
SEGMENT_SLOTS = np.repeat(np.arange(3, dtype=np.int8), (12, 6, 2))
CHANNELS = ("web", "phone", "shop")

CHUNK = 1_000_000  # rows made at a time
ROW_GROUP = 250_000  # rows: query engines give row groups to cores, so there must be many
ROUND = 28  # lines of seven orders, which have 1 to 7 lines
SIZES = np.arange(1, 8)  # lines of each order of a round
ORDER_OF_LINE = np.repeat(np.arange(7), SIZES)  # within a round
FIRST_LINE = np.cumsum(SIZES) - SIZES
ORDERS_OF_CUSTOMER = 10  # on average
STRAY = 64  # one line in so many belongs to no order on file, one order in so many to no customer on file
NO_CUSTOMER = 0

OLDEST = np.datetime64("2018-01-01")  # the first day of seven years of orders
DAYS = int((AFTER.astype("datetime64[D]") - OLDEST).astype(np.int64))
MONTHS = int((AFTER.astype("datetime64[M]") - FIRST.astype("datetime64[M]")).astype(np.int64))  # that count
MONTH_OF_DAY = (  # negative before the first month that counts
    (OLDEST + np.arange(DAYS)).astype("datetime64[M]") - FIRST.astype("datetime64[M]")
).astype(np.int64)
DAY_US = 86_400_000_000

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Sales:
    """Four Parquet files, and the totals of the lines that count, by country and month, from January 2020 on."""

    lines: Path  # order_id, quantity, price, discount, promised, shipped
    orders: Path  # order_id, customer_id, channel, ordered
    customers: Path  # customer_id, segment, country_code
    countries: Path  # country_code, country
    rows: int  # lines in the file, those that do not count included
    names: NDArray[np.str_]  # (countries,)
    late_lines: Truth[NDArray[np.int64]]  # (countries, months)
    late_orders: Truth[NDArray[np.int64]]  # the same: orders with at least one such line
    revenue: Truth[NDArray[np.int64]]  # hundredths of a cent

    @property
    def decoded(self) -> int:
        """Bytes of all four tables in memory."""
        return sum(map(decoded_bytes, (self.lines, self.orders, self.customers, self.countries)))


@decoded(42)
@generated_from(1_000)
def sales(rows: int, seed: int, folder: Path) -> Sales:
    """Seven years of orders, with four lines each on average, in the shape of a decision-support benchmark.

    Four tables, as companies keep them: lines of orders (order_id, quantity, price in cents, discount in percent,
    promised, shipped), a quarter as many orders (order_id, customer_id, channel, ordered), a fortieth as many customers
    (customer_id, segment, country_code), and 64 countries (country_code, country). Dates are timestamps at midnight.
    Keys of orders are int64, and one of four numbers is a key; those of customers are int32. The files are compressed
    by Snappy, in row groups of 250,000 rows, about 17 bytes a line.

    The shape is known from public benchmarks such as TPC-H; the tables, the text and the query are this project's own,
    and no time measured on them is a TPC result. One thing differs on purpose: lines and orders are shuffled, so that
    the lines of an order lie in different parts of the file, and the order in yet another place. A join has to move
    rows. Keys are skewed a little: an order has one to seven lines, and a few customers order much more than others.
    One line in 64 names an order that is not on file, and one order in 64 no customer on file. One customer in eleven
    has no order. The totals are counted while the rows are written, from the numbers of the rows, without a join. An
    implementation is right or wrong: the expected quality is 1.
    """
    draws = Draws(seed)
    orders = int(order_of(np.array([rows - 1]))[0]) + 1
    customers = max(1, orders // ORDERS_OF_CUSTOMER)
    totals = Totals()

    def line_chunks() -> Iterator[dict[str, Any]]:
        for lines in shuffled(rows, np.random.default_rng([seed, 1])):
            totals.add_lines(lines, draws, customers)
            yield line_columns(lines, draws)

    def order_chunks() -> Iterator[dict[str, Any]]:
        for numbers in shuffled(orders, np.random.default_rng([seed, 2])):
            totals.add_orders(numbers, draws, customers, rows)
            yield order_columns(numbers, draws, customers)

    customer_chunks = (
        customer_columns(1 + np.arange(start, min(start + CHUNK, customers)), draws)
        for start in range(0, customers, CHUNK)
    )
    return Sales(
        write_table(folder / "lines.parquet", line_chunks()),
        write_table(folder / "orders.parquet", order_chunks()),
        write_table(folder / "customers.parquet", customer_chunks),
        write_table(folder / "countries.parquet", [country_columns()]),
        rows,
        np.array(COUNTRIES),
        *totals.cubes(),
    )


@metric(name="correct cells")
def correct_cells(data: Sales, result: Any) -> float:
    """Share of the table's cells that are exactly right, row by row in its order: the largest revenue first."""
    truth = answer(data)
    names = [*KEYS, "lines", "orders", "revenue"]
    right = equal_cells(checked(result, names, len(truth["lines"])), truth)
    return right / (len(names) * len(truth["lines"]))


def answer(data: Sales) -> dict[str, NDArray[Any]]:
    """The right table: by revenue, the largest first; equal ones by country, year and month."""
    country, month = np.nonzero(data.late_lines)
    year, month_of_year = FIRST.astype("datetime64[Y]").astype(np.int64) + 1970 + month // 12, month % 12 + 1
    revenue, names = data.revenue[country, month], data.names[country]
    by = np.lexsort((month_of_year, year, names, -revenue))
    return {
        "country": names[by],
        "year": year[by],
        "month": month_of_year[by],
        "lines": data.late_lines[country, month][by],
        "orders": data.late_orders[country, month][by],
        "revenue": revenue[by],
    }


def work(data: Sales) -> tuple[float, float]:
    """Four operations for each line that counts; every compressed byte of the needed columns is read once."""
    tables = [(data.lines, LINES), (data.orders, ORDERS)]
    tables += [(data.customers, ["customer_id", "segment", "country_code"])]
    return 4.0 * float(data.late_lines.sum()), float(sum(stored_bytes(path, columns) for path, columns in tables))


class Draws:
    """Numbers drawn at random, each a function of the seed, of what it is for, and of a row's number.

    SplitMix64 (Steele, Lea, Flood 2014, https://doi.org/10.1145/2660193.2660195), with a start of its own for each use.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __call__(self, use: str, numbers: Numbers, below: int) -> Numbers:
        """For each row a number from 0 to `below` - 1, which must be less than 2^32."""
        (start,) = np.random.SeedSequence([self._seed, *use.encode()]).generate_state(1, np.uint64)
        mixed = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + start
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        drawn: NDArray[np.uint64] = (mixed >> np.uint64(32)) * np.uint64(below) >> np.uint64(32)
        return drawn.astype(np.int64)

    def mostly_small(self, use: str, numbers: Numbers, below: int) -> Numbers:
        """Like the product of two uniform draws: a third of the numbers fall into the first tenth of the range."""
        first, second = (self(f"{use} {part}", numbers, 2**16) for part in (1, 2))
        product: Numbers = first * second + self(f"{use} 3", numbers, 2**16)
        return product * below >> 32


@dataclass
class Totals:
    """Sums over the lines that count, by country and month, before their shape is made."""

    lines: Numbers = field(default_factory=lambda: np.zeros(len(COUNTRIES) * MONTHS, np.int64))
    orders: Numbers = field(default_factory=lambda: np.zeros(len(COUNTRIES) * MONTHS, np.int64))
    revenue: Numbers = field(default_factory=lambda: np.zeros(len(COUNTRIES) * MONTHS, np.int64))

    def add_lines(self, lines: Numbers, draws: Draws, customers: int) -> None:
        """Count those that are late and whose order counts."""
        lines = lines[is_late(lines, draws)]
        counts, group = groups(order_of(lines), draws, customers)
        lines, group = lines[counts], group[counts]
        self.lines += np.bincount(group, minlength=len(self.lines))
        # float64 totals of integers: a chunk's are below 2**53
        revenue = price(lines, draws) * (100 - discount(lines, draws))
        self.revenue += np.bincount(group, revenue, len(self.revenue)).astype(np.int64)

    def add_orders(self, orders: Numbers, draws: Draws, customers: int, rows: int) -> None:
        """Count those with a late line."""
        late = np.zeros(len(orders), np.bool_)
        rounds, place = np.divmod(orders, len(SIZES))
        first, size = rounds * ROUND + FIRST_LINE[place], SIZES[place]
        for line in range(len(SIZES)):
            late |= (line < size) & (first + line < rows) & is_late(first + line, draws)
        counts, group = groups(orders, draws, customers)
        self.orders += np.bincount(group[counts & late], minlength=len(self.orders))

    def cubes(self) -> list[Numbers]:
        """Lines, orders and revenue, each of shape (countries, months)."""
        return [total.reshape(len(COUNTRIES), MONTHS) for total in (self.lines, self.orders, self.revenue)]


def groups(orders: Numbers, draws: Draws, customers: int) -> tuple[NDArray[np.bool_], Numbers]:
    """Whether each order counts, and where its country and month are counted if it does."""
    customer = customer_of(orders, draws, customers)
    month = MONTH_OF_DAY[day(orders, draws)]
    counts = (customer != NO_CUSTOMER) & (segment(customer, draws) == SEGMENTS.index(SEGMENT)) & (month >= 0)
    return counts, country(customer, draws) * MONTHS + month


def shuffled(rows: int, generator: np.random.Generator) -> Iterator[Numbers]:
    """All numbers from 0 to `rows` - 1, a chunk at a time: numbers that follow each other lie in different chunks."""
    chunks = -(-rows // CHUNK)
    for first in generator.permutation(chunks):
        yield generator.permutation(np.arange(first, rows, chunks))


def order_of(lines: Numbers) -> Numbers:
    """The number of each line's order."""
    rounds, place = np.divmod(lines, ROUND)
    return rounds * len(SIZES) + ORDER_OF_LINE[place]


def order_key(orders: Numbers, draws: Draws) -> Numbers:
    """What the files call an order."""
    return 4 * orders + draws("order key", orders, 4)


def day(orders: Numbers, draws: Draws) -> Numbers:
    """The day of each order, counted from `OLDEST`."""
    return draws("day", orders, DAYS)


def customer_of(orders: Numbers, draws: Draws, customers: int) -> Numbers:
    """The customer of each order, from 1 on, or `NO_CUSTOMER`."""
    known = draws("no customer", orders, STRAY) != 0
    return np.where(known, 1 + draws.mostly_small("customer", orders, customers), NO_CUSTOMER)


def segment(customers: Numbers, draws: Draws) -> NDArray[np.int8]:
    """The place of each customer's segment in `SEGMENTS`."""
    return SEGMENT_SLOTS[draws("segment", customers, len(SEGMENT_SLOTS))]


def country(customers: Numbers, draws: Draws) -> Numbers:
    """The place of each customer's country in `COUNTRIES`: some have many customers, some few."""
    return draws.mostly_small("country", customers, len(COUNTRIES)) * 37 % len(COUNTRIES)


def delay(lines: Numbers, draws: Draws) -> Numbers:
    """Days after the promised one, -14 to 8."""
    return draws("delay", lines, 23) - 14


def is_stray(lines: Numbers, draws: Draws) -> NDArray[np.bool_]:
    """Whether a line names an order that is not on file."""
    return np.equal(draws("stray", lines, STRAY), 0)


def is_late(lines: Numbers, draws: Draws) -> NDArray[np.bool_]:
    """Whether a line was shipped late, and its order is on file."""
    return np.greater(delay(lines, draws), 0) & ~is_stray(lines, draws)


def quantity(lines: Numbers, draws: Draws) -> Numbers:
    """Pieces, 1 to 50."""
    return 1 + draws("quantity", lines, 50)


def price(lines: Numbers, draws: Draws) -> Numbers:
    """Cents for all pieces of a line."""
    return quantity(lines, draws) * (100 + draws.mostly_small("price", lines, 100_000))


def discount(lines: Numbers, draws: Draws) -> Numbers:
    """Percent, 0 to 10."""
    return draws("discount", lines, 11)


def line_columns(lines: Numbers, draws: Draws) -> dict[str, Any]:
    """Rows of the table of lines."""
    order = order_of(lines)
    key = order_key(order, draws)
    stray = is_stray(lines, draws)
    promised = day(order, draws) + 15 + draws("promised", lines, 46)
    return {
        "order_id": np.where(stray, key ^ 1, key),  # its neighbour's key is in no file
        "quantity": quantity(lines, draws).astype(np.int8),
        "price": price(lines, draws),
        "discount": discount(lines, draws).astype(np.int8),
        "promised": timestamps(promised),
        "shipped": timestamps(promised + delay(lines, draws)),
    }


def order_columns(orders: Numbers, draws: Draws, customers: int) -> dict[str, Any]:
    """Rows of the table of orders."""
    return {
        "order_id": order_key(orders, draws),
        "customer_id": customer_of(orders, draws, customers).astype(np.int32),
        "channel": texts(CHANNELS, draws("channel", orders, len(CHANNELS))),
        "ordered": timestamps(day(orders, draws)),
    }


def customer_columns(customers: Numbers, draws: Draws) -> dict[str, Any]:
    """Rows of the table of customers."""
    return {
        "customer_id": customers.astype(np.int32),
        "segment": texts(SEGMENTS, segment(customers, draws)),
        "country_code": country(customers, draws).astype(np.int16),
    }


def country_columns() -> dict[str, Any]:
    """The table of countries."""
    codes = np.arange(len(COUNTRIES), dtype=np.int16)
    return {"country_code": codes, "country": texts(COUNTRIES, codes)}


def timestamps(days: Numbers) -> NDArray[np.datetime64]:
    """Midnights, of days counted from `OLDEST`."""
    return ((days + OLDEST.astype(np.int64)) * DAY_US).view("datetime64[us]")


def texts(values: Sequence[str], codes: NDArray[np.integer]) -> Any:
    """A column of text, from the places of its values."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), list(values)).dictionary_decode()


def write_table(path: Path, chunks: Iterable[dict[str, Any]]) -> Path:
    """Write a table chunk by chunk, columns of few values as dictionaries; its path."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer = None
    for chunk in chunks:
        table = pa.table(chunk)
        if writer is None:
            few = [name for name in table.column_names if name not in {"order_id", "customer_id", "price"}]
            writer = pq.ParquetWriter(path, table.schema, compression="snappy", use_dictionary=few)
        writer.write_table(table, row_group_size=ROW_GROUP)
    if writer is None:
        raise ValueError(f"no rows for {path.name}")
    writer.close()
    return path
