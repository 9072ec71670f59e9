"""Private training: how rows are drawn and cut, what is spent, who loses, and tables without groups."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from residency.datasets.tabular.grouped import auc_of_smaller, gap, smaller_group
from residency.datasets.tabular.table import Table
from residency.harness.dataset import Request
from residency.harness.discovery import Catalogue
from residency.harness.errors import UsageError
from residency.harness.execute import Execution, execute
from residency.harness.quality import auc
from residency.harness.store import hash_data
from residency.suites import SHIPPED
from residency.suites.tabular import fair_private
from residency.suites.tabular.fair_private import Plan

TASK = Catalogue([SHIPPED]).task("tabular/fair_private")
PERSON = "{age}, Private, 77516, Bachelors, 13, Never-married, ?, Wife, White, {sex}, 2174, 0, 40, {land}, {income}"


def make(name: str, folder: Path = Path(), rows: int | None = None) -> Table:
    return TASK.dataset(name).make(Request(name, rows=rows, source=folder), folder)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return make("two_groups", tmp_path_factory.mktemp("two_groups"), TASK.sizes["smoke"])


def run(data: Table, identity: str = "norms_first@cpu", dataset: str = "two_groups", seed: int = 0) -> Execution:
    return execute(TASK, TASK.implementation(identity), data, dataset=dataset, threads=1, seed=seed)


def test_the_truth_has_no_gap_and_one_rule_for_all_has(table: Table) -> None:
    assert 0.08 < smaller_group(table).mean() < 0.12
    assert auc(table, table.expected_test) > 0.9
    assert abs(gap(table, table.expected_test)) < 0.03  # of 400 rows
    of_the_larger = table.x_test[:, :8].sum(axis=1)
    assert gap(table, of_the_larger) > 0.1
    assert 0.6 < auc_of_smaller(table, of_the_larger) < 0.8


def test_what_promises_less_is_compared_on_neither_device() -> None:
    names = ("epsilon_8", "not_private", "torch_not_private")
    beside = {one.id for one in TASK.implementations if one.beside}
    assert beside == {f"{name}@{device}" for name in names for device in ("cpu", "gpu")}


def test_the_noise_is_seeded_the_epsilon_is_spent_and_a_shuffled_target_teaches_nothing(table: Table) -> None:
    pytest.importorskip("opacus")
    first, again, other = (run(table, seed=seed) for seed in (0, 0, 1))
    assert first.ending.outcome == "ok"
    assert first.quality == again.quality != other.quality
    assert 0.9 < first.figures["epsilon"] <= fair_private.EPSILON
    assert first.parameters["epsilon"] == first.figures["epsilon"]
    assert first.figures["gap"] == pytest.approx(
        first.figures["AUC of the larger group"] - first.figures["AUC of the smaller group"]
    )
    shuffled = run(replace(table, y=np.random.default_rng(0).permutation(table.y)))
    assert shuffled.ending.outcome == "wrong"
    assert "below the floor" in shuffled.ending.reason


@pytest.mark.slow
def test_real_rows_teach_and_shuffled_ones_do_not() -> None:
    pytest.importorskip("opacus")
    data = make("doctor_visits")
    assert run(data, dataset="doctor_visits").ending.outcome == "ok"
    for name in ("norms_first@cpu", "not_private@cpu"):
        shuffled = replace(data, y=np.random.default_rng(0).permutation(data.y))
        assert "below the floor" in run(shuffled, name, "doctor_visits").ending.reason


@pytest.mark.slow
def test_opacus_and_jax_spend_the_same_and_privacy_costs_the_smaller_group_more(table: Table) -> None:
    pytest.importorskip("opacus")
    names = ("opacus@cpu", "opacus_ghost@cpu", "per_example@cpu", "norms_first@cpu")
    private = [run(table, name) for name in names]
    assert {one.ending.outcome for one in private} == {"ok"}
    assert len({one.figures["epsilon"] for one in private}) == 1
    assert np.ptp([one.quality for one in private]) < TASK.tolerance
    for name in ("not_private@cpu", "torch_not_private@cpu"):
        open_to_all = run(table, name)
        assert "epsilon" not in open_to_all.figures
        assert open_to_all.quality > max(one.quality for one in private)
        lost = {
            group: open_to_all.figures[group] - np.mean([one.figures[group] for one in private])
            for group in ("AUC of the larger group", "AUC of the smaller group")
        }
        assert lost["AUC of the smaller group"] > 2 * lost["AUC of the larger group"]


def test_lengths_and_sums_are_those_of_each_rows_gradient() -> None:
    jax = pytest.importorskip("jax")
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((9, 5)).astype(np.float32), (np.arange(9) % 2).astype(np.float32)
    weights = {name: weight + np.float32(0.1) for name, weight in fair_private.initial(5, 0).items()}
    (length, summed), (expected, expected_sum) = (
        way(jax, weights, x, y) for way in (fair_private.lengths_first, fair_private.each_gradient)
    )
    np.testing.assert_allclose(length, expected, rtol=1e-4)
    share = np.linspace(0, 1, 9).astype(np.float32)
    found, known = summed(share), expected_sum(share)
    for name in weights:
        np.testing.assert_allclose(found[name], known[name], rtol=1e-3, atol=1e-5)


def test_each_row_is_drawn_with_the_same_probability() -> None:
    jax = pytest.importorskip("jax")
    plan = Plan(rows=40, steps=1, batch=10)
    drawn = jax.vmap(lambda key: fair_private.drawn(jax, key, plan))(jax.random.split(jax.random.key(0), 4_000))
    rows, times = np.unique(np.asarray(drawn), return_counts=True)
    inside = rows < plan.rows
    np.testing.assert_array_equal(rows[inside], np.arange(plan.rows))
    np.testing.assert_allclose(times[inside] / 4_000, plan.rate, atol=0.035)  # five deviations
    counts = (np.asarray(drawn) < plan.rows).sum(axis=1)
    assert counts.std() == pytest.approx((plan.batch * (1 - plan.rate)) ** 0.5, rel=0.1)


@pytest.mark.parametrize("rows", [50, 1_000, 20_000, 400_000, 10_000_000, 200_000_000])
def test_a_step_hardly_ever_leaves_out_a_row_that_was_drawn(rows: int, table: Table) -> None:
    """The accountant assumes that each row is drawn on its own."""
    binom = pytest.importorskip("scipy.stats").binom
    plan = fair_private.training(replace(table, x=np.empty((rows * 4 // 5, 0), np.float32)))
    assert plan.steps * binom.sf(plan.most, plan.rows, plan.rate) < plan.delta / 100


def own(folder: Path, groups: list[str], head: str = "a,side,y") -> Table:
    lines = [f"{row % 7}.5,{group},{int(row % 7 + row % 3 > 4)}" for row, group in enumerate(groups)]
    (folder / "mine.csv").write_text("\n".join([head, *lines]) + "\n")
    return TASK.dataset("own_grouped").make(Request("own_grouped", path=folder / "mine.csv", target="y"), folder)


@pytest.mark.parametrize("head", ["a,side,y", "a,group,y"])
def test_the_commonest_value_against_all_others(head: str, tmp_path: Path) -> None:
    data = own(tmp_path, ["left", "right", "left", "middle", "left"] * 60, head)
    column = head.split(",")[1]
    assert f"`{column}`: the groups, left (180 rows) and all others (120)" in data.remarks
    assert "`y`: the target, 1 is 1 (128 rows), 0 is 0 (172)" in data.remarks
    assert data.names[-1] == f"group by {column}"
    smaller = (data.x[:, -1] > 0).sum() + smaller_group(data).sum()
    assert smaller == 120


@pytest.mark.parametrize("name", ["group", "Group", "GROUP"])
def test_a_column_named_group_comes_first(name: str, tmp_path: Path) -> None:
    data = own(tmp_path, ["north,1", "south,2", "north,1"] * 100, f"a,side,{name},y")
    assert data.names[-1] == f"group by {name}"


@pytest.mark.parametrize(
    ("groups", "head", "message"),
    [
        (["1", "2.5"] * 50, "a,side,y", "no column says which group a row belongs to: name one `group`"),
        (["left"] * 100, "a,group,y", "no column says which group"),
        (["left"] * 98 + ["right"] * 2, "a,side,y", "has 2 of 100 rows: too few of one class"),
    ],
    ids=["numbers", "one", "rare"],
)
def test_tables_without_two_groups(groups: list[str], head: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        own(tmp_path, groups, head)


def test_a_group_with_one_class_only(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="128 of 300 rows: too few of one class in one of the groups"):
        own(tmp_path, ["left" if row % 7 + row % 3 > 4 else "right" for row in range(300)])


def test_a_file_like_adult(tmp_path: Path) -> None:
    people = [
        PERSON.format(
            age=20 + row % 50, sex=("Male", "Female", "Male")[row % 3], land=("?", "Cuba", "United-States")[row % 3],
            income=(">50K", "<=50K")[row // 3 % 2],
        )
        for row in range(90)
    ]  # fmt: skip
    (tmp_path / "adult.data").write_text("\n".join(people) + "\n\n")
    data = make("adult", tmp_path)
    assert data.names == (
        "age", "education-num", "hours-per-week", "log capital-gain", "log capital-loss", "born in United-States",
        "workclass = Private", "marital-status = Never-married", "occupation = ?", "relationship = Wife",
        "race = White", "Female",
    )  # fmt: skip
    assert smaller_group(data).sum() + (data.x[:, -1] > 0).sum() == 30
    assert data.y.sum() + data.y_test.sum() == 45


@pytest.mark.parametrize(("rows", "digest"), [(2_000, "64f2d701f48d6915"), (20_000, "78a2b8d0d3805ff0")])
def test_a_seed_is_the_same_bytes_anywhere(rows: int, digest: str, tmp_path: Path) -> None:
    assert hash_data(make("two_groups", tmp_path, rows))[:16] == digest
