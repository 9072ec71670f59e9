"""Your own data: what becomes of every kind of column and of target, and what cannot be used."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from residency.datasets.tabular.own import own_binary, own_outliers, own_points, own_regression
from residency.datasets.target import LEAST_ROWS
from residency.harness import store
from residency.harness.dataset import Dataset, Request
from residency.harness.errors import UsageError

ROWS = 100
RANDOM = np.random.default_rng(7)
SIZE = RANDOM.normal(size=ROWS).round(3)  # a usable column
PRICE = (3.0 * SIZE + RANDOM.normal(size=ROWS)).round(3)  # a target
SOLD = np.tile([0, 1, 1, 1], ROWS // 4)
ALL = (own_regression, own_binary, own_points, own_outliers)


def make(dataset: Dataset, path: Path, target: str | None) -> Any:
    return dataset.make(Request(dataset.name, path=path, target=target), path.parent)


@pytest.fixture
def file(tmp_path: Path) -> Any:
    """Write columns beside `size`, `price` and `sold` as Parquet, which keeps their types; or text as it is."""

    def write(content: str | None = None, /, **columns: Any) -> Path:
        if content is not None:
            path = tmp_path / "data.csv"
            path.write_text(content)
            return path
        path = tmp_path / "data.parquet"
        pq.write_table(pa.table({"size": SIZE, "price": PRICE, "sold": SOLD, **columns}), path)
        return path

    return write


def column(data: Any, name: str) -> Any:
    """A column over all rows, in ascending order (a split shuffles them)."""
    whole = np.concatenate([data.x, data.x_test]) if hasattr(data, "x_test") else data.x
    return np.sort(whole[:, data.names.index(name)])


def remark(data: Any, start: str) -> str:
    """The one remark that begins so."""
    (found,) = [remark for remark in data.remarks if remark.startswith(start)]
    return found


def csv(columns: dict[str, Any], delimiter: str = ",") -> str:
    return pd.DataFrame(columns).to_csv(index=False, sep=delimiter)


# What becomes of a column


def test_an_empty_column_is_left_out(file: Any) -> None:
    data = make(own_regression, file(void=[None] * ROWS, rare=[1.0, 2.0] + [None] * (ROWS - 2)), "price")
    assert data.names == ("size", "sold")
    assert remark(data, "`void`") == "`void`: left out, empty"
    assert remark(data, "`rare`") == "`rare`: left out, empty: 2 values in 100 rows"


@pytest.mark.parametrize("values", [[3.5] * ROWS, ["x"] * ROWS, [True] * ROWS, [3.5] * 50 + [None] * 50])
def test_a_constant_column_is_left_out(file: Any, values: list[Any]) -> None:
    data = make(own_regression, file(same=values), "price")
    assert "same" not in data.names
    assert remark(data, "`same`").startswith("`same`: left out, constant")


DAYS = [dt.date(2024, 1, 31) + dt.timedelta(days=day) for day in range(ROWS)]
DATES = {
    "dates": pa.array(DAYS),
    "moments": pa.array([dt.datetime(2024, 1, 31) + dt.timedelta(days=day) for day in range(ROWS)]),
    "zoned": pa.array(pd.date_range("2024-01-31", periods=ROWS, tz="UTC")),
    "durations": pa.array([dt.timedelta(days=day) for day in range(ROWS)]),
    "iso": [str(day) for day in DAYS],
    "german": [f"{day:%d.%m.%Y}" for day in DAYS],
    "american": [f"{day:%m/%d/%Y %H:%M}" for day in DAYS],
    "british": [f"{day:%d/%m/%Y}" for day in DAYS],
}


@pytest.mark.parametrize("values", DATES.values(), ids=DATES)
def test_dates_are_days_since_the_earliest(file: Any, values: Any) -> None:
    data = make(own_points, file(when=values), None)
    assert np.allclose(
        np.diff(column(data, "when")), np.sqrt(12 / (ROWS**2 - 1)), rtol=1e-3
    )  # even steps of deviation 1
    assert "days" in remark(data, "`when`")


def test_an_ambiguous_date_is_read_month_first_and_said(file: Any) -> None:
    data = make(own_points, file(when=["01/02/2024", "03/04/2024"] * 50), None)
    assert remark(data, "`when`") == (
        "`when`: dates, read as month/day/year (day/month/year fits, too), as days since 2024-01-02T00:00:00"
    )


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_far_dates_do_not_overflow(file: Any, unit: str) -> None:
    values = pa.array([0, 2**62, -(2**62), 1, None] * 20, pa.timestamp(unit))
    assert np.isfinite(make(own_points, file(when=values, far=["0001-01-01", "9999-12-31"] * 50), None).x).all()


@pytest.mark.parametrize("values", [[True, False, False, True] * 25, [True, False, None, True] * 25])
def test_booleans_are_zero_and_one(file: Any, values: list[Any]) -> None:
    data = make(own_points, file(flag=values), None)
    assert len(np.unique(column(data, "flag"))) == 2


@pytest.mark.parametrize(
    "values", [np.arange(ROWS)[::-1], [f"row {row}" for row in range(ROWS)], list(map(str, range(ROWS)))]
)
def test_an_identifier_is_left_out(file: Any, values: Any) -> None:
    data = make(own_regression, file(key=values), "price")
    assert "key" not in data.names
    assert "an identifier" in remark(data, "`key`: left out")


def test_different_numbers_with_a_fraction_are_no_identifier(file: Any) -> None:
    assert "level" in make(own_regression, file(level=np.arange(ROWS) + 0.5), "price").names


def test_missing_numbers_become_the_median(file: Any) -> None:
    data = make(own_points, file(age=[1.0, 2.0, 2.0, 9.0, None] * 20), None)
    assert np.isclose(column(data, "age"), (2 - 3.2) / np.std([1, 2, 2, 9, 2])).sum() == 60
    assert remark(data, "`age`") == "`age`: 20 missing values filled with the median, 2"


def test_missing_numbers_stay_missing_for_trees(file: Any) -> None:
    data = make(own_binary, file(age=[1.0, 2.0, 2.0, 9.0, None] * 20), "sold")
    assert np.isnan(column(data, "age")).sum() == 20
    assert remark(data, "`age`") == "`age`: 20 missing values kept, as NaN"


@pytest.mark.parametrize("huge", [np.inf, -np.inf, 1e300])
def test_infinities_count_as_missing(file: Any, huge: float) -> None:
    path = file(ratio=[1.0, 2.0, huge, 4.0] * 25)
    assert "`ratio`: 25 infinite values count as missing" in make(own_regression, path, "price").remarks
    assert np.isnan(column(make(own_binary, path, "sold"), "ratio")).sum() == 25


@pytest.mark.parametrize("values", [[1e37, *SIZE[1:]], SIZE * 1e-300, 1e15 + SIZE, [0, 5e-324] * 50])
@pytest.mark.parametrize("target", ["price", "wild"])
def test_numbers_of_any_magnitude_stay_in_range(file: Any, values: Any, target: str) -> None:
    path = file(wild=np.array(values))
    for seed in range(10):
        try:
            data = own_regression.make(Request("own_regression", path=path, target=target, seed=seed), path.parent)
        except UsageError as error:  # one huge value is nothing to learn from
            assert "hardly varies" in str(error)  # noqa: PT017
            continue
        assert (np.abs([*data.x.flat, *data.x_test.flat]) < 1e15).all()
        assert 0.1 < np.concatenate([data.y, data.y_test]).std() < 10


def test_text_that_reads_as_numbers_is_numbers(file: Any) -> None:
    data = make(
        own_points,
        file(count=["1", "2", "3.5", "4"] * 25, money=[decimal.Decimal("1.5"), decimal.Decimal(2)] * 50),
        None,
    )
    assert {"count", "money"} <= set(data.names)
    assert remark(data, "`count`") == "`count`: text that reads as numbers"


def test_text_is_left_out(file: Any) -> None:
    data = make(own_regression, file(comment=[f"note {row % 60}" for row in range(ROWS)]), "price")
    assert "comment" not in data.names
    assert remark(data, "`comment`") == "`comment`: left out, text: 60 different values in 100 rows"


def test_categories_become_columns_of_zero_and_one(file: Any) -> None:
    data = make(own_regression, file(colour=["red", "red", "blue", None] * 25), "price")
    assert data.names == ("size", "sold", "colour = blue", "colour = missing")
    assert len(np.unique(column(data, "colour = blue"))) == 2
    assert remark(data, "`colour`") == "`colour`: a category, 2 columns of 0 and 1; all 0 is red"


def test_rare_levels_become_one_column(file: Any) -> None:
    levels = np.append(np.repeat([f"level {level:02}" for level in range(25)], 12), ["rare"] * 3)
    path = file(csv({"level": levels, "size": np.resize(SIZE, 303), "price": np.resize(PRICE, 303)}))
    data = make(own_regression, path, "price")
    assert len(data.names) == 19 + 1
    assert data.names[:19] == (*(f"level = level {level:02}" for level in range(1, 19)), "level = other")
    assert "`level`: its 7 rarest levels are merged into one, other" in data.remarks


def test_categories_are_codes_for_trees(file: Any) -> None:
    values = pa.array(["red", "red", "blue", None] * 25).dictionary_encode()
    data = make(own_binary, file(colour=values), "sold")
    assert data.categorical == (data.names.index("colour"),)
    assert np.array_equal(column(data, "colour"), np.repeat([0, 1, 2], [50, 25, 25]))
    assert remark(data, "`colour`") == "`colour`: a category, 3 levels as codes; 0 is red"


def test_no_more_codes_than_every_library_takes(file: Any) -> None:
    levels = np.append(np.repeat([f"level {level}" for level in range(300)], 10), ["common"] * 30)
    data = make(own_binary, file(csv({"level": levels, "sold": np.resize(SOLD, len(levels))})), "sold")
    assert np.array_equal(np.unique(column(data, "level")), np.arange(255))
    assert "`level`: its 47 rarest levels are merged into one, other" in data.remarks


def test_types_without_a_number_in_them_are_left_out(file: Any) -> None:
    data = make(own_regression, file(list=[[1, 2]] * ROWS, raw=[b"x"] * ROWS, clock=[dt.time(12)] * ROWS), "price")
    assert data.names == ("size", "sold")
    for name in ("list", "raw", "clock"):
        assert "is not a number, date or text" in remark(data, f"`{name}`: left out")


# What becomes of the target


def test_a_number_to_predict_is_centred_and_scaled(file: Any) -> None:
    data = make(own_regression, file(), "price")
    assert (len(data.y), len(data.y_test), data.x.dtype, data.y.dtype) == (80, 20, np.float32, np.float32)
    assert data.y.mean() == pytest.approx(0, abs=1e-6)
    assert np.concatenate([data.y, data.y_test]).std() == pytest.approx(1, abs=1e-6)
    assert "price" not in data.names
    assert np.corrcoef(data.x[:, data.names.index("size")], data.y)[0, 1] > 0.9


def test_rows_without_a_target_are_left_out(file: Any) -> None:
    price = [None, np.inf, *PRICE[2:]]
    data = make(own_regression, file(price=price), "price")
    assert data.rows == ROWS - 2
    assert "`price`: 2 rows without a target left out" in data.remarks


@pytest.mark.parametrize(
    ("values", "one"),
    [([0, 1, 1, 1], "1"), ([2.5, -1.0, -1.0, -1.0], "2.5"), ([True, False, False, False], "True"),
     (["no", "yes", "yes", "yes"], "yes"), (["b", "a", None, "a"], "b")],
)  # fmt: skip
def test_the_greater_of_two_values_is_one(file: Any, values: list[Any], one: str) -> None:
    data = make(own_binary, file(sold=values * 25), "sold")
    ones = sum(value is not None and str(value) == one for value in values) * 25
    assert data.y.sum() + data.y_test.sum() == ones
    assert set(data.y) == {0.0, 1.0}
    assert f"`sold`: the target, {one} is 1 ({ones} rows)" in remark(data, "`sold`: the target")


def test_both_parts_hold_both_values_however_rare_one_is(file: Any) -> None:
    path = file(sold=[1, 1] + [0] * (ROWS - 2))
    for seed in range(10):
        data = own_binary.make(Request("own_binary", path=path, target="sold", seed=seed), path.parent)
        assert data.y.sum() == data.y_test.sum() == 1


@pytest.mark.parametrize(
    ("marks", "mark"), [([1, -1, 1, 1], "-1"), (["fine", "fine", "fine", "bad"], "bad"), ([0, 1], "1")]
)
def test_the_rarer_value_marks_the_anomalies(file: Any, marks: list[Any], mark: str) -> None:
    data = make(own_outliers, file(sold=(marks * 50)[:ROWS]), "sold")
    assert data.y_test.sum() == ROWS // len(marks)
    assert data.x.shape == (ROWS, 2)
    assert remark(data, "`sold`") == f"`sold`: {mark} marks the {ROWS // len(marks)} anomalies of 100 rows"


def test_points_set_a_target_aside(file: Any) -> None:
    data = make(own_points, file(), "price")
    assert data.names == ("size", "sold")
    assert data.initial.shape == (8, 2)
    assert len(np.unique(data.initial, axis=0)) == 8
    assert data.labels is None
    assert "`price`: set aside" in data.remarks


def test_fewer_different_rows_make_fewer_clusters(file: Any) -> None:
    data = make(own_points, file(csv({"a": [1.5, 2.5, 3.5, 4.5] * 25, "b": [0, 1, 0, 1] * 25})), None)
    assert data.initial.shape == (4, 2)
    assert "4 clusters, because there are only so many different rows" in data.remarks


@pytest.mark.parametrize("dataset", ALL, ids=lambda dataset: dataset.name)
def test_the_cache_gives_it_back(file: Any, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIDENCY_CACHE", str(tmp_path / "cache"))
    path = file(colour=["red", "blue"] * 50)
    request = Request(dataset.name, path=path, target="sold")
    made = make(dataset, path, "sold")
    stored = store.make(dataset, request)
    assert store.load(type(made), stored.folder).remarks == made.remarks
    assert stored.rows == ROWS


# What cannot be used


def refused(dataset: Dataset, path: Path, target: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        make(dataset, path, target)
    assert "\n" not in str(caught.value)


def test_unknown_targets(file: Any) -> None:
    refused(own_regression, file(), "prize", "no column `prize` in data.parquet; did you mean `price`")
    refused(own_regression, file(), "pric\udce9", "no column `pric�` in data.parquet; did you mean `price`")
    repeated = file("price,price\n" + "1,2\n" * ROWS)
    refused(own_points, repeated, "price", "data.csv has several columns called `price`: rename the one you mean")


def test_no_target_named(file: Any) -> None:
    for dataset in (own_regression, own_binary, own_outliers):
        message = "name the column to predict with --target COLUMN; there are: `size`, `price`, `sold`"
        refused(dataset, file(), None, message)


@pytest.mark.parametrize(
    ("dataset", "values", "message"),
    [
        (own_regression, ["a", "b"] * 50, "holds text; a regression predicts a number: try tabular/gradient_boosting"),
        (own_regression, ["a", "b", "c", "d"] * 25, "predicts a number: name a column of numbers"),
        (own_regression, [True, False] * 50, "column `price` holds booleans; a regression predicts a number"),
        (own_regression, DAYS, "column `price` holds dates; a regression predicts a number"),
        (own_regression, [5] * ROWS, "column `price` is 5 in all rows: name a column whose values differ"),
        (own_regression, [5.0] + [4.0] * (ROWS - 1), "column `price` hardly varies"),
        (own_binary, PRICE, "different values; this task predicts two classes: try tabular/random_forest"),
        (own_binary, list("abcd") * 25, "4 different values; this task predicts two classes: name a column"),
        (own_outliers, PRICE, "different values; two are needed: name a column with 1 for each rare row or anomaly"),
    ],
)  # fmt: skip
def test_targets_of_the_wrong_type(file: Any, dataset: Dataset, values: Any, message: str) -> None:
    refused(dataset, file(price=values), "price", message)


def test_too_few_rows(file: Any) -> None:
    few = csv({"size": SIZE[: LEAST_ROWS - 1], "price": PRICE[: LEAST_ROWS - 1]})
    refused(own_points, file(few), None, "data.csv has 49 rows; at least 50 are needed")


def test_no_usable_column(file: Any) -> None:
    path = file(csv({"key": np.arange(ROWS), "same": 1, "price": PRICE}))
    refused(own_regression, path, "price", "data.csv holds no usable column: `key`: left out, an identifier")
    refused(
        own_regression, file(csv({"price": PRICE})), "price", "no usable column: there is no column beside the target"
    )


# Whatever a file holds

CELLS = st.one_of(
    st.sampled_from(["", "?", "yes", "no", "True", "0", "1", "-1", "inf", "1e300", "-1e38", "5e-324"]),
    st.sampled_from(["2024-01-31", "1/2/2024", "31.12.2024 10:00", "9999-12-31T23:59:59.9Z"]),
    st.floats(width=64).map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4),
)  # fmt: skip
COLUMNS = st.lists(CELLS, min_size=1, max_size=6).flatmap(
    lambda cells: st.lists(st.sampled_from(cells), min_size=60, max_size=60)
)
ANYTHING = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


def check(dataset: Dataset, path: Path, target: str | None) -> None:
    """Either clean arrays of the promised shape, or a refusal."""
    try:
        data = make(dataset, path, target)
    except UsageError:
        return
    parts = [data.x, data.x_test] if hasattr(data, "x_test") else [data.x]
    for part in parts:
        assert part.dtype == np.float32
        assert part.shape[1] == len(data.names) > 0
        assert (np.isfinite(part) | (np.isnan(part) & (dataset is own_binary))).all()
        assert (np.abs(np.nan_to_num(part)) < 1e15).all()
    if dataset is own_points:
        assert len(np.unique(data.initial, axis=0)) == len(data.initial) > 1
    elif dataset is own_outliers:
        assert set(data.y_test) == {0, 1}
    else:
        assert np.isfinite(data.y).all()
        assert data.y.min() < data.y.max()
        assert data.y_test.min() < data.y_test.max()


@ANYTHING
@given(
    columns=st.lists(COLUMNS, min_size=1, max_size=4),
    delimiter=st.sampled_from(",;\t|"),
    target=st.sampled_from(["c0", "price", "sold"]),
    dataset=st.sampled_from(ALL),
)
def test_any_table(tmp_path: Path, columns: list[list[str]], delimiter: str, target: str, dataset: Dataset) -> None:
    path = tmp_path / "data.csv"
    table = {f"c{place}": cells for place, cells in enumerate(columns)}
    path.write_text(csv({**table, "price": PRICE[:60], "sold": SOLD[:60]}, delimiter), newline="")
    check(dataset, path, target)
