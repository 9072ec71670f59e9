"""Spark without a cluster, for tasks that show it beside other engines: one Java virtual machine in each process."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from residency.harness import Run
from residency.harness.errors import Unavailable
from residency.harness.scratch import Scratch, take

MEMORY = "4g"  # the virtual machine's heap: batches, and tables of counts or of a join
REMEDY = "Spark 4 needs Java 17 or later: apt-get install openjdk-17-jre-headless, or name one in JAVA_HOME"
_held: list[Scratch] = []  # Spark's folders, to the end of this process


def spark_session(run: Run) -> Any:
    """The process's session; the first execution starts it, as a stage of its own."""
    from pyspark.sql import SparkSession

    if (started := SparkSession.getActiveSession()) is not None:
        return started
    with run.stage("start"):
        return start_spark(SparkSession.builder, run.threads)


def start_spark(builder: Any, threads: int) -> Any:
    """A session in a virtual machine of its own; raises `Unavailable` where none starts."""
    from pyspark.errors import PySparkRuntimeError

    home = os.environ.get("JAVA_HOME")
    java = shutil.which(Path(home) / "bin" / "java" if home else "java")
    if java is None:
        raise Unavailable(f"no Java {f'in JAVA_HOME ({home})' if home else 'found'}; {REMEDY}")
    folder = spark_folder()
    settings = {
        "spark.master": f"local[{threads}]",
        "spark.sql.shuffle.partitions": str(threads),
        "spark.driver.memory": MEMORY,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraJavaOptions": f'-Djava.io.tmpdir="{folder}" -XX:ErrorFile="{folder}/error" -XX:-UsePerfData',
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    usual, tempfile.tempdir = tempfile.tempdir, str(folder)  # PySpark's file of the connection, too
    try:
        return builder.config(map=settings).getOrCreate()
    except PySparkRuntimeError as error:
        if error.getErrorClass() != "JAVA_GATEWAY_EXITED":
            raise
        raise Unavailable(f"Spark did not start on {java}; {REMEDY}") from error
    finally:
        tempfile.tempdir = usual


def spark_folder() -> Path:
    """A folder for what the virtual machine leaves behind when it is killed; those of dead processes are removed."""
    held = take(Path(tempfile.gettempdir()), "residency-spark-")
    _held.append(held)
    return held.folder
