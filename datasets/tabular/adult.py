"""Adult: 32,561 people of the census of 1994, and who earned more than 50,000 dollars."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from residency.datasets.sources import Address
from residency.datasets.tabular.grouped import split_groups
from residency.datasets.tabular.table import Table
from residency.harness.dataset import public

ADDRESS = Address(
    "https://archive.ics.uci.edu/ml/machine-learning-databases/adult/adult.data",
    sha256="5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    size="4 MB",
)
FIELDS = (
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship", "race",
    "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
)  # fmt: skip
NUMBERS, AMOUNTS = ("age", "education-num", "hours-per-week"), ("capital-gain", "capital-loss")
CATEGORIES = ("workclass", "marital-status", "occupation", "relationship", "race")
HOME, WOMAN, MORE = "United-States", "Female", ">50K"


@public(ADDRESS)
def adult(source: Path, seed: int) -> Table:
    """Whether a person earns more than 50,000 dollars a year; the groups are men and women.

    Binary classification, a quarter of the rows are 1. The training file of "Adult" of the UCI repository (Becker and
    Kohavi, 1996; CC BY 4.0), 32,561 rows; the smaller group are women, a third of them. Three numbers (age, years of
    education, hours of work), the logarithms of capital gain and loss, whether the country of birth is the United
    States, and a column of 0 and 1 for each level of five categories; `?`, unknown, is a level. The census's weight and
    the name of the education, which its years repeat, are left out.
    """
    with (source / ADDRESS.file).open(newline="", encoding="utf-8") as file:
        people = [dict(zip(FIELDS, row, strict=True)) for row in csv.reader(file, skipinitialspace=True) if row]
    columns = {name: np.array([float(person[name]) for person in people]) for name in NUMBERS}
    columns |= {f"log {name}": np.log1p([float(person[name]) for person in people]) for name in AMOUNTS}
    columns[f"born in {HOME}"] = np.array([person["native-country"] == HOME for person in people], np.float64)
    for name in CATEGORIES:
        levels = np.array([person[name] for person in people])
        columns |= {f"{name} = {level}": (levels == level).astype(np.float64) for level in np.unique(levels).tolist()}
    return split_groups(
        np.column_stack(list(columns.values())),
        np.array([person["income"] == MORE for person in people]),
        np.array([person["sex"] == WOMAN for person in people]),
        names=(*columns, WOMAN),
        seed=seed,
        remarks=("the smaller group: women", "the census's weight and the name of the education are left out"),
    )
