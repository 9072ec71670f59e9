"""Counting words: the hundred most frequent ones of a text, MapReduce's first example.

Question  Cut lines into words, make them lower case, leave the commonest out, count. What do more cores, more machines
          or a GPU bring to it?
Expect    Bytes decide, and how often they are moved: a line of the generated text is 94 bytes in 15 words, and each
          byte is looked at a few times, without arithmetic. A data frame writes all words out as a column before it
          counts them, 10 bytes or more for a word of 5; a query engine cuts, counts and forgets a batch that stays in
          cache, on all cores.
          Python's own dictionary makes an object of every word, on one core, and is still no straw man: it counts
          these words in three times the time that Polars takes on two cores. Polars is the opponent to beat, and the
          kernels of Arrow come near it.
          A GPU cuts a line with one thread, so it needs many lines, and none that are very long. A regular
          expression is a small program that runs for each character; a filter of characters is a comparison with three
          ranges.
          Counting parts well: 50,000 words and their counts travel between workers, however many lines there are.
          What more workers do not make shorter is the last addition and the start; Spark's is the longest.

What a word is, and why it is cut before it is made lower case, is told in `datasets/nlp/prose.py`. Stop words are left
out after counting, when few words are left to look at; equally frequent words stand in the order of their bytes.
`load` reads a file that was written before: from the page cache, not from a disk. Engines that read while they compute
have one stage, `query`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from residency.datasets.nlp.docstring_prose import docstring_prose
from residency.datasets.nlp.invented_prose import invented_prose
from residency.datasets.nlp.own_prose import own_prose
from residency.datasets.nlp.prose import STOP_WORDS, TOP, WORD, Prose, right_rows, work
from residency.datasets.parquet import parts
from residency.harness import Memory, Run, Task
from residency.suites._spark import MEMORY, spark_session

RULE = {"word": WORD, "stop_words": len(STOP_WORDS), "top": TOP}  # on record
# Of a partition on CPUs: 65,536 lines, 6 MB, more even shares than larger ones. On GPUs it is by the card's memory.
PARTITION = {"split_row_groups": 2}
BACKEND = {"dtype_backend": "pyarrow"}  # else pandas makes a Python list of every line's words, in three times the time
LETTERS = {"0": "9", "A": "Z", "a": "z"}  # the ranges of characters that words are made of, for cuDF
PART = 2**28  # uncompressed bytes of text that a thread takes to a GPU at a time
LANES = 3  # threads that read and start kernels on a GPU: one part is read while others are computed
# For `bytes.translate`: capitals become small letters, all but letters and digits blanks.
SMALL = bytes(byte if byte < 128 and chr(byte).isalnum() else ord(" ") for byte in range(256)).lower()
QUERY = f"""
    WITH words AS (SELECT lower(unnest(regexp_extract_all(text, '{WORD}'))) AS word FROM read_parquet(?))
    SELECT word, count(*) AS count FROM words GROUP BY word
    HAVING word NOT IN {STOP_WORDS} ORDER BY count DESC, word LIMIT {TOP}
"""


task = Task(
    datasets=[invented_prose, docstring_prose, own_prose],
    sizes={"smoke": 100_000, "lab": 1_000_000, "lecture": 20_000_000, "production": 300_000_000},
    quality=right_rows,
    tolerance=0.0,
    floor=1.0,
    reference=lambda _: 1.0,
    work=work,
    limiter="cutting and hashing words byte by byte",
    unit="lines",
    memory=Memory(copies=0.3, fixed=0.15e9),  # engines that stream hold a batch and the counts
)


@task.pair(
    cpu="pandas", gpu="cudf", needs=("pyarrow",), memory=Memory(copies=7, host=0.5), plain=True, unchanged="cudf.pandas"
)
def data_frame(data: Prose, run: Run, frames):
    """One step after the other, each a pass over a whole column of strings; `frames` is pandas or cuDF.

    A column of cuDF has 2^31 rows at most: more than some 140 million lines have more words, and fail.
    """
    backend = run.only(cpu=BACKEND)
    run.effective(**backend, **RULE)
    with run.stage("load"):
        lines = frames.read_parquet(data.lines, **backend)["text"]
    with run.stage("cut"):
        words = cut(lines)
    with run.stage("count"):
        table = count(words)
    with run.stage("top"):
        table = most_frequent(table)
    with run.stage("get"):
        return told(run, table)


def cut(lines: Any) -> Any:
    """A row for each word, also for empty words and for those of one letter.

    `split()` would be wrong here: Arrow may take a blank at the end of the last line as part of the word
    (github.com/apache/arrow/issues/37757).
    """
    return lines.str.replace("[^0-9A-Za-z]+", " ", regex=True).str.lower().str.split(" ").explode(ignore_index=True)


def count(words: Any) -> Any:
    """How often each word of two letters or more occurs."""
    table = words.value_counts(sort=False).reset_index()
    table.columns = ["word", "count"]
    return table[table["word"].str.len() > 1]


def most_frequent(table: Any) -> Any:
    """The top of the table, without stop words."""
    table = table[~table["word"].isin(list(STOP_WORDS))]
    return table.sort_values(["count", "word"], ascending=[False, True]).head(TOP)


def told(run: Run, table: Any) -> dict[str, Any]:
    """Any library's table of words and counts as fixed-width text and integers."""
    columns = run.to_host(table)
    return {"word": columns["word"].astype(np.str_), "count": columns["count"].astype(np.int64)}


@task.on_gpu("cudf", needs=["pyarrow"], memory=Memory(0.1, fixed=8e9, host=0.5))
def tokenizer(data: Prose, run: Run, cudf):
    """Kernels made for text in place of regular expressions; threads read the next part meanwhile.

    A part's words become lower case after they are counted, when each spelling is one row.
    """
    run.effective(lanes=LANES, part_bytes=PART, **RULE)
    with run.stage("query"), ThreadPoolExecutor(LANES) as pool:
        counts = list(pool.map(partial(token_counts, cudf, data.lines), parts(data.lines, PART)))
        table = cudf.concat(counts)
        table = table.assign(word=table["word"].str.lower()).groupby("word", as_index=False).sum()
        table = most_frequent(table[table["word"].str.len() > 1])
    with run.stage("get"):
        return told(run, table)


def token_counts(cudf: Any, path: Path, groups: list[int]) -> Any:
    """How often each spelling of a word occurs in these row groups."""
    lines = cudf.read_parquet(path, row_groups=groups)["text"]
    words = lines.str.filter_characters(LETTERS, repl=" ").str.tokenize()
    table = words.value_counts(sort=False).reset_index()
    table.columns = ["word", "count"]
    return table


@task.on_cluster(
    cpu="pandas",
    gpu="cudf",
    needs=("pyarrow",),
    memory={"cpu": Memory(copies=0.2, fixed=0.25e9), "gpu": Memory(copies=0.2, fixed=1e9, host=0.2)},
)
def partitions(data: Prose, run: Run, frames):
    """Each worker counts the words of its row groups by the same steps; the counts are added up in a tree."""
    by_card = {"blocksize": run.partition_bytes(data.lines.stat().st_size)}
    partition = run.only(cpu=PARTITION | BACKEND, gpu=by_card)
    run.effective(**partition, **RULE)
    with run.stage("query"):
        lines = run.frame.read_parquet(data.lines, **partition)["text"]
        table = lines.map_partitions(cut_and_count).groupby("word")["count"].sum(split_out=1).compute()
    with run.stage("top"):
        table = most_frequent(table.reset_index())
    with run.stage("get"):
        return told(run, table)


def cut_and_count(lines: Any) -> Any:
    """Runs on a worker."""
    return count(cut(lines))


@task.on_cpu("polars")
def lazy_frame(data: Prose, run: Run, pl):
    """The same steps as a plan: Polars streams lines through all of them in batches, on all cores."""
    run.effective(engine="streaming", threads=pl.thread_pool_size(), **RULE)
    with run.stage("query"):
        table = (
            pl.scan_parquet(data.lines)
            .select(word=pl.col("text").str.extract_all(WORD))
            .explode("word")
            .drop_nulls()
            .group_by("word")
            .agg(count=pl.len())
            .group_by(pl.col("word").str.to_lowercase())  # each spelling once, in place of each occurrence
            .agg(pl.col("count").sum())
            .filter(~pl.col("word").is_in(STOP_WORDS))
            .sort("count", "word", descending=[True, False])
            .head(TOP)
            .collect(engine="streaming")
        )
    with run.stage("get"):
        return told(run, table)


@task.on_cpu("duckdb")
def sql(data: Prose, run: Run, duckdb):
    """The same steps as one SQL query, planned and run by DuckDB batch by batch."""
    run.effective(threads=run.threads, **RULE)
    with run.stage("query"), duckdb.connect() as connection:
        connection.execute(f"SET threads = {run.threads}")
        table = connection.execute(QUERY, [str(data.lines)]).fetchnumpy()
    with run.stage("get"):
        return told(run, table)


@task.on_cpu("collections", needs=["pyarrow"])
def dictionary(data: Prose, run: Run, collections):
    """Python alone, on one core: `bytes.translate`, `split` and `Counter`, each a loop in C."""
    run.effective(threads=1, **RULE)
    counts = collections.Counter()
    with run.stage("query"):
        for group in range(row_groups(data.lines)):
            counts.update(spaced(data.lines, group).split())
    with run.stage("top"):
        words = {word.decode(): number for word, number in counts.items() if len(word) > 1}
        kept = [(-number, word) for word, number in words.items() if word not in STOP_WORDS]
        top = sorted(kept)[:TOP]
        return {"word": np.array([word for _, word in top], np.str_), "count": -np.array([n for n, _ in top], np.int64)}


@task.on_cpu("pyarrow")
def kernels(data: Prose, run: Run, pa):
    """Arrow's kernels cut and count a row group on each thread; Python only blanks out what parts words."""
    from pyarrow import compute

    run.effective(threads=run.threads, **RULE)
    with run.stage("query"), ThreadPoolExecutor(run.threads) as pool:
        counts = pool.map(partial(group_counts, data.lines), range(row_groups(data.lines)))
        table = pa.concat_tables(counts).group_by("values").aggregate([("counts", "sum")])
    with run.stage("top"):
        word = compute.field("values")
        table = table.filter((compute.utf8_length(word) > 1) & ~word.isin(STOP_WORDS))
        table = table.sort_by([("counts_sum", "descending"), ("values", "ascending")]).slice(0, TOP)
    with run.stage("get"):
        return told(run, table.rename_columns({"values": "word", "counts_sum": "count"}).to_pandas())


def group_counts(path: Path, group: int) -> Any:
    """How often each word of a row group occurs, as a table of Arrow's."""
    import pyarrow as pa
    from pyarrow import compute

    words = compute.ascii_split_whitespace(pa.array([spaced(path, group)], pa.string())).flatten()
    return pa.Table.from_struct_array(compute.value_counts(words))


def spaced(path: Path, group: int) -> bytes:
    """A row group's lines as one text: words in lower case, blanks for all else, UTF-8's bytes beyond ASCII too."""
    import pyarrow as pa
    from pyarrow import compute, parquet

    lines = parquet.ParquetFile(path).read_row_group(group)["text"].combine_chunks()
    (text,) = compute.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), "\n")
    return bytes(text.as_buffer()).translate(SMALL)


def row_groups(path: Path) -> int:
    """How many row groups the file has."""
    from pyarrow import parquet

    return int(parquet.read_metadata(path).num_row_groups)


@task.on_cpu("pyspark", memory=Memory(copies=0, fixed=1.5e9))
def spark(data: Prose, run: Run, pyspark):
    """The same steps on Spark without a cluster: one Java virtual machine, which the cold execution starts."""
    run.effective(master=f"local[{run.threads}]", driver_memory=MEMORY, **RULE)
    engine = spark_session(run)
    with run.stage("query"):
        return spark_counts(engine, data.lines)


def spark_counts(engine: Any, path: Path) -> dict[str, Any]:
    """The most frequent words of the lines of a file, and their counts."""
    from pyspark.sql import functions as f

    found = f.regexp_extract_all("text", f.lit(WORD), f.lit(0))
    words = engine.read.parquet(str(path)).select(f.explode(found).alias("word"))
    counts = words.groupBy(f.lower("word").alias("word")).count()
    rows = counts.where(~f.col("word").isin(*STOP_WORDS)).orderBy(f.desc("count"), "word").limit(TOP).collect()
    return {"word": np.array([row["word"] for row in rows], np.str_), "count": np.array([row["count"] for row in rows])}
