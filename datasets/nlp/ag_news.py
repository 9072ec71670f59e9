"""AG's news: 7,600 short news items of four kinds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from residency.datasets.nlp.texts import Texts, prepared
from residency.datasets.sources import Address
from residency.harness.dataset import public

ADDRESS = Address(
    "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/555590db4219b1243abb1918effd6a7425a2d75f/data/"
    "ag_news_csv/test.csv",
    sha256="521465c2428ed7f02f8d6db6ffdd4b5447c1c701962353eb2c40d548c3c85699",
    size="1.9 MB",
    name="ag_news-test.csv",
)
CLASSES = ("world", "sports", "business", "science and technology")


@public(ADDRESS)
def ag_news(source: Path, seed: int) -> Texts:
    """Title and description of 7,600 news items: world, sports, business, or science and technology?

    1,900 items of each class, of about 240 bytes; four fifths are training items. From AG's corpus of news articles
    (Gulli), for research and other non-commercial use. This is the part that Zhang, Zhao and LeCun (2015) used for
    tests, split again here. Their n-gram TF-IDF reaches 92.4 % after training on the 120,000 items of the other part;
    after 6,080 items, about 88 %.
    """
    with (source / ADDRESS.file).open(newline="", encoding="utf-8") as file:
        records = list(csv.reader(file))
    texts = [f"{title}\n{description}".replace("\\", " ") for _, title, description in records]
    return prepared(texts, np.array([int(label) - 1 for label, _, _ in records]), CLASSES, seed)
