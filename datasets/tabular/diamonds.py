"""Diamonds: 53,940 stones and what they cost."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from residency.datasets.sources import Address
from residency.datasets.tabular.table import Table, split
from residency.harness.dataset import public

ADDRESS = Address(
    "https://raw.githubusercontent.com/mwaskom/seaborn-data/71e2436a092d714350de0fc409ca8a8714e7e78f/diamonds.csv",
    sha256="9574730b03aba241d899c4a97511c5061b19358fab89510774fb6c24168345c4",
    size="2.8 MB",
)
NUMBERS = ("carat", "depth", "table", "x", "y", "z")
GRADES = {  # worst to best
    "cut": ("Fair", "Good", "Very Good", "Premium", "Ideal"),
    "color": ("J", "I", "H", "G", "F", "E", "D"),
    "clarity": ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"),
}
DECIMALS = 5  # of the logarithm: a price to 0.002 %, without a last bit that depends on the processor


@public(ADDRESS)
def diamonds(source: Path, seed: int) -> Table:
    """The price of round-cut diamonds from nine columns: size, proportions, and three grades.

    Regression. Six numeric columns (carat, depth, table, and length, width and height x, y, z in mm) and three ordered
    grades as codes from 0, the worst. The data of R's package ggplot2 (Wickham, 2016), as seaborn's example data holds
    it. The target is the decimal logarithm of the price in dollars, 326 to 18,823: errors count as ratios, so a few
    very expensive stones do not decide. Carat alone explains most; forests and boosting reach R² 0.99, linear models on
    these columns 0.96 to 0.97. 20 stones have a length, width or height of 0, which means unknown; these values are
    kept. 146 rows repeat another row, so some test rows may also be training rows.
    """
    with (source / ADDRESS.file).open(newline="", encoding="utf-8") as file:
        stones = list(csv.DictReader(file))
    columns = [[float(stone[name]) for stone in stones] for name in NUMBERS]
    columns += [[float(grades.index(stone[name])) for stone in stones] for name, grades in GRADES.items()]
    price = np.round(np.log10([float(stone["price"]) for stone in stones]), DECIMALS)
    return split(
        np.array(columns).T,
        price,
        (*NUMBERS, *GRADES),
        seed,
        categorical=range(len(NUMBERS), len(columns)),
        remarks=("the target is log10 of the price", "codes of cut, color and clarity rise from worst to best"),
    )
