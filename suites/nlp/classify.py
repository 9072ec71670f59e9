"""Text classification: count the words, weight them, and fit a linear model.

Question  Most of the time goes into splitting text into words and looking each word up in a dictionary. Can a GPU help
          there?
Expect    A text of 24 words is 140 bytes. Cutting reads each byte a few times, without arithmetic; counting is a sort
          or a hash table of (text, word) pairs, 16 bytes or more for each of the words. So bytes decide, and a GPU's
          memory moves ten to fifty times as many a second. Python's dictionary takes one word after the other, on one
          core; a query engine does it in columns on all cores, and is the opponent to beat.
          L-BFGS goes over the matrix about a hundred times: for each of its 23 entries a text, two operations for each
          of 8 classes, there and back, some 3 operations a byte. A sparse matrix times a dense
          one is bound by memory too, and its random reads stay in cache as long as the weights (20,000 words x 8
          classes x 4 bytes = 640 kB) do. On a few thousand texts, launches (dozens a step) cost more than the work.
          A dictionary must group all words as strings. If the hash of a word is its column, two integers are grouped in
          their place: the vectoriser that suits a GPU.

All implementations weight words in the same way: words of at least two letters, in lower case, that occur in at least
two texts; TF-IDF with 1 + log(count), rows of length 1, float32. They minimise logistic loss with the same L2 penalty:
either for all classes together by L-BFGS or Newton's method until it converges, or for one class against the rest by
stochastic gradient descent, in five passes over the texts. The losses differ, and their macro-F1 with them, by up to a
hundredth or two.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.nlp.ag_news import ag_news
from residency.datasets.nlp.docstrings import docstrings
from residency.datasets.nlp.invented_texts import invented_texts
from residency.datasets.nlp.own_texts import own_texts
from residency.datasets.nlp.texts import Texts, macro_f1
from residency.harness import Memory, Run, Task

C = 1.0  # inverse of the penalty's weight
COLUMNS = 2**18  # that words are hashed to
EPOCHS = 5  # times that stochastic gradient descent goes over the texts
PART = 2**24  # bytes of text at a time, to count their words
LEAST_TEXTS = 2  # that hold a word, for it to count
STEPS = 500  # of the optimiser, at most
WEIGHTS = {"use_idf": True, "smooth_idf": True, "sublinear_tf": True, "norm": "l2"}
WORD = r"\w\w+"


def work(data: Texts) -> tuple[float, float]:
    """Every byte of text is read once. A few operations a word do not limit the speed."""
    return 0.0, float(data.text.nbytes + data.text_test.nbytes)


def best_work(data: Texts) -> tuple[float, float]:
    """Every byte of text is read once; each word is an entry of the matrix, written once and read in each epoch.

    An entry is eight bytes. In each epoch and for each class it takes part in a product and in a step: four operations.
    A word that a text repeats counts each time, though it is one entry.
    """
    entries, asked = words(data.text), words(data.text_test)
    flops = 2.0 * len(data.classes) * (2 * EPOCHS * entries + asked)
    return flops, float(data.text.nbytes + data.text_test.nbytes) + 8.0 * ((1 + EPOCHS) * entries + 2 * asked)


def words(text: NDArray[np.uint8]) -> int:
    """The number of words of at least two letters; letters are all but ASCII's punctuation, blanks and controls."""
    count, letters = 0, np.array([byte >= 128 or chr(byte).isalnum() or byte == ord("_") for byte in range(256)])
    for start in range(0, len(text), PART):
        before = letters[text[start - 1]] if start else False
        here = np.concatenate([[before], letters[text[start : start + PART + 1]], [False]])
        count += int((~here[:-2] & here[1:-1] & here[2:])[:PART].sum())
    return count


task = Task(
    datasets=[invented_texts, docstrings, ag_news, own_texts],
    sizes={"smoke": 4_000, "lab": 200_000, "lecture": 2_000_000, "production": 40_000_000},
    quality=macro_f1,
    tolerance=0.03,  # between the two losses, see above
    floor={"invented_texts": 0.5, "docstrings": 0.75, "ag_news": 0.8},
    work=work,
    best_work=best_work,
    limiter="cutting texts and looking words up",
    unit="texts",
    memory={"cpu": Memory(copies=7), "gpu": Memory(copies=20)},  # on a GPU a row for every word
)


@task.pair(cpu="sklearn", gpu="cuml", needs={"gpu": ["cudf", "pyarrow"]}, plain=True, unchanged="cuml.accel")
def estimator(data: Texts, run: Run, library):
    """The library's own vectoriser and optimiser: Python's dictionary on one core, or cuDF's columns of strings.

    Scikit-learn uses Newton's method with conjugate gradients, which takes less time here than its L-BFGS. It
    multiplies sparse matrices on one core. Its BLAS adds up only short vectors, for which waking other threads costs
    more than they gain, so it is limited to one thread.
    """
    from threadpoolctl import threadpool_limits

    text = import_module(f"{library.__name__}.feature_extraction.text")
    vectoriser = run.effective(text.TfidfVectorizer(min_df=LEAST_TEXTS, dtype=np.float32, **WEIGHTS))
    model = logistic_regression(run, library)
    with run.stage("put"):  # Python's strings on the CPU, columns of strings on the GPU
        texts, texts_test = on_device(data, run)
        y = run.to_device(data.y)
    with run.stage("vectorise"):
        x = vectoriser.fit_transform(texts)
        x_test = vectoriser.transform(texts_test)
    with run.stage("fit"), threadpool_limits(1, user_api="blas"):
        model.fit(x, y)
    with run.stage("predict"):
        predicted = model.predict(x_test)
    with run.stage("get"):
        return run.to_host(predicted)


@task.pair(cpu="sklearn", gpu="cuml", needs={"gpu": ["cudf", "pyarrow"]})
def hashing(data: Texts, run: Run, library):
    """No dictionary: the hash of a word is its column, so texts are independent; two words may share a column.

    On a GPU, words are grouped by integers in place of strings. cuML has no stochastic gradient descent on sparse
    matrices, and a GPU prefers few passes over all texts anyway: it takes L-BFGS.
    """
    text = import_module(f"{library.__name__}.feature_extraction.text")
    vectoriser = run.effective(
        text.HashingVectorizer(
            n_features=COLUMNS, norm=None, alternate_sign=False, dtype=np.float32,
            **run.only(cpu={"token_pattern": WORD}),
        )
    )  # fmt: skip
    weights = run.effective(text.TfidfTransformer(**WEIGHTS))
    model = descent(data, run) if run.device == "cpu" else logistic_regression(run, library)
    with run.stage("put"):
        texts, texts_test = on_device(data, run)
        y = run.to_device(data.y)
    with run.stage("vectorise"):
        x = weights.fit_transform(vectoriser.transform(texts), **run.only(gpu={"copy": False}))
        x_test = weights.transform(vectoriser.transform(texts_test), copy=False)
    with run.stage("fit"):
        model.fit(x, y)
    with run.stage("predict"):
        predicted = model.predict(x_test)
    with run.stage("get"):
        return run.to_host(predicted)


@task.on_cpu("polars", needs=["pyarrow", "scipy", "sklearn"], memory=Memory(copies=25))
def columns(data: Texts, run: Run, pl):
    """Words as a column of a data frame: Polars cuts, hashes and counts them, and joins a dictionary, on all cores."""
    run.effective(polars_threads=pl.thread_pool_size(), word=WORD, min_df=LEAST_TEXTS, dtype="float32", **WEIGHTS)
    model = descent(data, run)
    with run.stage("put"):
        texts, texts_test = (pl.from_arrow(part) for part in data.arrow())
    with run.stage("vectorise"):
        x, x_test = weighed(pl, texts, texts_test)
    with run.stage("fit"):
        model.fit(x, data.y)
    with run.stage("predict"):
        return model.predict(x_test)


def weighed(pl: Any, texts: Any, texts_test: Any) -> tuple[Any, Any]:
    """TF-IDF of both parts, with the words of the first part, as SciPy's sparse matrices."""
    counts = count_words(pl, texts)
    dictionary = (
        counts.group_by("word")
        .agg(texts=pl.len())
        .filter(pl.col("texts") >= LEAST_TEXTS)
        .sort("word")
        .with_row_index("column")
        .with_columns(idf=((1.0 + len(texts)) / (1.0 + pl.col("texts"))).log() + 1.0)
    )
    x_test = weigh(pl, count_words(pl, texts_test), dictionary, len(texts_test))
    return weigh(pl, counts, dictionary, len(texts)), x_test


def count_words(pl: Any, texts: Any) -> Any:
    """How often each text holds each of its words, as hashes of 64 bits: integers are grouped faster than strings."""
    words = pl.col("text").str.to_lowercase().str.extract_all(WORD)
    plan = pl.LazyFrame({"text": texts}).with_row_index("row").select("row", word=words).explode("word").drop_nulls()
    return plan.group_by("row", pl.col("word").hash()).agg(count=pl.len()).collect(engine="streaming")


def weigh(pl: Any, counts: Any, dictionary: Any, rows: int) -> Any:
    """TF-IDF of the words that the dictionary holds, rows of length 1, as SciPy's sparse matrix."""
    from scipy.sparse import csr_array

    weight = (1.0 + pl.col("count").cast(pl.Float64).log()) * pl.col("idf")
    cells = counts.join(dictionary, on="word").select("row", "column", weight=weight).sort("row", "column")
    length = pl.col("weight").pow(2).sum().over("row").sqrt()
    cells = cells.with_columns(weight=(pl.col("weight") / length).cast(pl.Float32))
    pointers = np.append(0, np.cumsum(np.bincount(cells["row"].to_numpy(), minlength=rows))).astype(np.int32)
    places = cells["column"].to_numpy().astype(np.int32)
    return csr_array((cells["weight"].to_numpy(), places, pointers), (rows, len(dictionary)))


def descent(data: Texts, run: Run) -> Any:
    """Stochastic gradient descent for each class against the rest, a thread for each class; the penalty is per text."""
    from sklearn.linear_model import SGDClassifier

    settings = {"loss": "log_loss", "penalty": "l2", "alpha": 1.0 / (C * len(data.y)), "max_iter": EPOCHS, "tol": None}
    return run.effective(SGDClassifier(**settings, random_state=run.seed, n_jobs=run.threads))


def logistic_regression(run: Run, library: Any) -> Any:
    """All classes together, by Newton's method or L-BFGS; the penalty is the same on both devices."""
    linear_model = import_module(f"{library.__name__}.linear_model")
    solver = run.only(cpu={"solver": "newton-cg"}, gpu={"solver": "qn", "penalty": "l2", "penalty_normalized": True})
    return run.effective(linear_model.LogisticRegression(C=C, fit_intercept=True, max_iter=STEPS, tol=1e-4, **solver))


def on_device(data: Texts, run: Run) -> Any:
    """The texts for training and for classification, in the form that the pair's libraries take."""
    if run.device == "cpu":
        return data.strings()
    import cudf

    return [cudf.Series.from_arrow(part) for part in data.arrow()]
