# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # OCR: look at every sample
#
# The task `ocr/binarise` cleans scanned pages: median filter, local threshold, removal of specks, and turning the page
# upright.
#
# *Question: how much of a clean-up suits a GPU, and what does a page cost if every step is a library call?*
#
# What to expect: each step reads and writes a page a few times and computes little, so memory bandwidth decides. But a
# page also takes about a hundred launches on a GPU. OpenCV on all cores is a strong opponent.
#
# This notebook looks behind the medians, at the single executions.
#
# ## Measure
#
# Four pages at the size `smoke`. Each library runs in two fresh processes. Set `SAVED` to the folder of a run to load
# that run instead.
#
# `quality` is the F-measure of the ink: 1 is perfect, and below 0.95 a result is wrong here. If all libraries have the
# same quality, they did the same work, and their times may be compared.

# %%
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd


def residency(*words):
    """What the command prints. Its progress appears below the cell."""
    command = [Path(sys.executable).with_name("residency"), *words]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False).stdout


SAVED = None  # or a run: "../../results/reference/2-cores-intel-xeon-ocr-lab"
COMMAND = ("run", "ocr/binarise", "--replicates", "2", "--rounds", "3", "--json")
folder = SAVED or json.loads(residency(*COMMAND))["run"]["folder"]

# %%
rows = pd.read_csv(StringIO(residency("report", folder, "--format", "csv")))
rows = rows[rows["task"] == "ocr/binarise"].drop_duplicates("implementation", keep="last")  # the last size
done = rows[rows["outcome"] == "ok"].set_index("implementation")
machine = json.loads((Path(folder) / "run.json").read_text())["machine"]
if machine["gpus"]:
    print("GPUs:", *(gpu["name"] for gpu in machine["gpus"]))
else:
    print("No GPU was found here, so ndimage@gpu has no time:", machine["no_gpu_because"])
rows[["implementation", "library", "outcome", "quality", "seconds.median", "seconds.low", "seconds.high"]]

# %% [markdown]
# ## The samples
#
# `records.jsonl` holds one line for each execution (`sample`) and one for the end of each process (`outcome`). The
# first execution of a process is `cold`: it pays for imports and for first calls. `warmup` is not counted either.

# %%
records = pd.read_json(Path(folder) / "records.jsonl", lines=True)
samples = records[(records["kind"] == "sample") & (records["task"] == "ocr/binarise")]
samples = samples[samples["size"] == rows["size"].iloc[0]]
samples.groupby(["implementation", "phase"])["seconds"].agg(["count", "median", "min", "max"]).round(4)

# %% [markdown]
# Every execution in the order in which it happened. The vertical axis is logarithmic. How far are the cold samples
# from the others? Is there a trend, or a sample that stands apart?

# %%
figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
for color, (name, own) in enumerate(samples.sort_values("at").groupby("implementation")):
    for phase, marker in (("cold", "x"), ("warmup", "."), ("timed", "o")):
        part = own[own["phase"] == phase]
        order = own.index.get_indexer(part.index)
        axes.plot(order, part["seconds"], marker, color=f"C{color}", label=f"{name}, {phase}" if len(part) else None)
axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
axes.set_ylabel("seconds (logarithmic)")
axes.set_xlabel("execution of this library, in order")
axes.set_yscale("log")

# %% [markdown]
# ## The process is the unit
#
# Two samples of one process share the same memory layout and the same neighbours, so they are more alike than two
# processes. Take the median of each process first. The differences between these medians are what the interval is made
# of.

# %%
timed = samples[samples["phase"] == "timed"]
timed.groupby(["implementation", "replicate"])["seconds"].median().unstack().round(4)

# %% [markdown]
# ## Which step is expensive?
#
# Milliseconds for each page. Look for the step that differs most between libraries: there, the method differs, not the
# arithmetic.

# %%
steps = done.filter(regex=r"^stages\.").dropna(axis=1, how="all").fillna(0).div(done["rows"], axis=0) * 1_000
steps.columns = steps.columns.str.removeprefix("stages.")
if len(steps):
    axes = steps.T.plot.bar(figsize=(9, 3), logy=True, ylabel="ms for each page (log.)", rot=30)
steps.round(2)

# %% [markdown]
# ## Your turn
#
# 1. A page takes about a hundred launches of 5 to 10 µs on a GPU. How many milliseconds are that? Compare it with the
#    whole page in the fastest library. How many times as fast can a GPU be at most, on this page and against this
#    machine?
# 2. How many executions does a library need until its cold start no longer matters (less than a tenth of the total)?
# 3. Compare `threshold` of `scikit_image` and of `ndimage`. Both compute the same mean and deviation of a window. What
#    may one of them do that the other does not?

# %%
# your answers: compute them here, or write them as comments

# %% [markdown]
# ## What to try next
#
# - Your own scans: `residency run ocr/binarise --data FOLDER`, one picture for each page.
# - Two real photographs of text: `--dataset shaded_text`.
# - Reading instead of cleaning: `residency run ocr/lines`. It trains a small network, which takes minutes.
# - More processes: `--replicates 5`. Do the medians of the processes agree better than you expected?
