"""Spark on this machine alone: its virtual machine, started once in a process, and words counted by it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from residency.datasets.nlp.prose import STOP_WORDS, TOP, WORD
from residency.harness import Run
from residency.harness.errors import Unavailable
from residency.harness.scratch import Scratch, take

MEMORY = "4g"  # the virtual machine's heap: batches and a table of counts
_held: list[Scratch] = []  # to the end of this process
REMEDY = "Spark 4 needs Java 17 or later: apt-get install openjdk-17-jre-headless, or name one in JAVA_HOME"


def session(run: Run) -> Any:
    """The process's session; the first execution starts it, as a stage of its own."""
    from pyspark.sql import SparkSession

    if (started := SparkSession.getActiveSession()) is not None:
        return started
    with run.stage("start"):
        return _start(SparkSession.builder, run.threads)


def _start(builder: Any, threads: int) -> Any:
    from pyspark.errors import PySparkRuntimeError

    home = os.environ.get("JAVA_HOME")
    java = shutil.which(Path(home) / "bin" / "java" if home else "java")
    if java is None:
        raise Unavailable(f"no Java {f'in JAVA_HOME ({home})' if home else 'found'}; {REMEDY}")
    folder = _scratch()
    settings = {
        "spark.master": f"local[{threads}]",
        "spark.sql.shuffle.partitions": str(threads),
        "spark.driver.memory": MEMORY,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f'-Djava.io.tmpdir="{folder}" -XX:-UsePerfData',
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    try:
        return builder.config(map=settings).getOrCreate()
    except PySparkRuntimeError as error:
        if error.getErrorClass() != "JAVA_GATEWAY_EXITED":
            raise
        raise Unavailable(f"Spark did not start on {java}; {REMEDY}") from error


def most_frequent(engine: Any, path: Path) -> dict[str, Any]:
    """The most frequent words of the lines of a file, and their counts."""
    from pyspark.sql import functions as f

    found = f.regexp_extract_all("text", f.lit(WORD), f.lit(0))
    words = engine.read.parquet(str(path)).select(f.explode(found).alias("word"))
    counts = words.groupBy(f.lower("word").alias("word")).count()
    rows = counts.where(~f.col("word").isin(*STOP_WORDS)).orderBy(f.desc("count"), "word").limit(TOP).collect()
    return {"word": np.array([row["word"] for row in rows], np.str_), "count": np.array([row["count"] for row in rows])}


def _scratch() -> Path:
    """A folder for what the virtual machine leaves behind when it is killed; those of dead processes are removed."""
    held = take(Path(tempfile.gettempdir()), "residency-spark-")
    _held.append(held)
    return held.folder
