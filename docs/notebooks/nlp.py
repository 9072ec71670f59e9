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
# # NLP: one user who waits, or thousands at once?
#
# The task `nlp/search` finds the ten passages nearest to a question, exactly. A chatbot does this before it speaks.
#
# *Question: what is a GPU worth to one user who waits, and to thousands who ask at once?*
#
# What to expect: one question reads all vectors for half an operation a byte, so memory bandwidth decides. 256
# questions at once read the vectors once for all of them, so arithmetic decides. That is where a GPU has the most to
# give.
#
# ## Measure
#
# 5,000 documents at the size `smoke`. To be quick, each library runs in one fresh process only, so the intervals are
# long; with `--replicates 5` they are shorter. Set `SAVED` to the folder of a run to load that run instead.

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


SAVED = None  # or a run: "../../results/reference/2-cores-amd-epyc-nlp-lab"
COMMAND = ("run", "nlp/search", "--replicates", "1", "--rounds", "3", "--json")
folder = SAVED or json.loads(residency(*COMMAND))["run"]["folder"]

# %%
rows = pd.read_csv(StringIO(residency("report", folder, "--format", "csv")))
rows = rows[rows["task"] == "nlp/search"].drop_duplicates("implementation", keep="last")  # the last size
machine = json.loads((Path(folder) / "run.json").read_text())["machine"]
if not machine["gpus"]:
    print("No GPU was found here, so the GPU sides have no time:", machine["no_gpu_because"])
rows[["implementation", "library", "outcome", "quality", "seconds.median", "seconds.low", "seconds.high"]]

# %% [markdown]
# `quality` is Recall@10: the share of the true ten nearest that was found. Every implementation is exact, so it must
# be 1. An index that is faster because it misses some answers would be `wrong` here.
#
# ## Two clocks that a user would notice
#
# The time of the whole task mixes two things. `search` answers all questions in batches of 256, and `serve` answers
# 200 single questions. So do not look at the total. Look at what the task measured itself: `p50` is the median time of
# a request, and `p99` is the time that one request in a hundred exceeds.

# %%
NAMES = ["p50_ms_batch_1", "p99_ms_batch_1", "p50_ms_batch_256", "p99_ms_batch_256", "questions_per_second"]
done = rows[rows["outcome"] == "ok"].set_index("implementation")
figures = done.reindex(columns=[f"figures.{name}" for name in NAMES]).set_axis(NAMES, axis=1)
figures.round(3)

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 3), sharey=True, layout="constrained")
for panel, batch in zip(panels, (1, 256), strict=True):
    median, late = figures[f"p50_ms_batch_{batch}"], figures[f"p99_ms_batch_{batch}"]
    panel.hlines(figures.index, median, late, color="gray")
    panel.plot(median, figures.index, "o", label="median")
    panel.plot(late, figures.index, "|", markersize=14, label="99th percentile")
    panel.set(title=f"{batch} at a time", xlabel="milliseconds for a request (log.)", xscale="log")
    panel.tick_params(axis="x", which="minor", labelsize=6)
    panel.legend(fontsize="small")
    panel.margins(y=0.6)

# %% [markdown]
# ## What a batch buys, and what it costs
#
# `gain` says how many times as many questions are answered in the same time if 256 are asked at once. `wait` says how
# many times as long a user waits for the answer, without the time in which the batch is gathered.

# %%
single, batch = figures["p50_ms_batch_1"], figures["p50_ms_batch_256"]
trade = pd.DataFrame({"gain": 256 * single / batch, "wait": batch / single})
if trade.notna().any(axis=None):
    axes = trade.plot.barh(figsize=(8, 2.5), logx=True, xlabel="times (logarithmic)")
    axes.legend(["answers in the same time", "waiting for an answer"], fontsize="small")
trade.round(1)

# %% [markdown]
# ## How far from the memory's limit?
#
# A question reads 384 numbers of 4 bytes for each document. Divide these bytes by the time of a single question. If
# the result is near the bandwidth of your memory (some 10 GB/s for each channel), the library cannot get much faster.
# At `smoke` the vectors are so few that they may lie in a cache, so the rate can be above it.

# %%
vectors = done["rows"] * 384 * 4
rates = pd.DataFrame({"MB of vectors": vectors / 1e6, "GB/s of one question": vectors / (single / 1_000) / 1e9})
rates.round(2)

# %% [markdown]
# ## Is the fastest really the fastest?
#
# Scikit-learn computes in float64, and its single questions wait for threads. On a busy machine all single questions
# get slow. The verdict compares whole times with their intervals.

# %%
done[["speedup.ratio", "speedup.low", "speedup.high", "speedup.verdict", "waiting", "cores_used"]].round(2)

# %% [markdown]
# ## Your turn
#
# 1. Your chatbot has ten users an hour. Which column of the table decides, and which implementation do you take?
# 2. A GPU reads 2,000 GB/s, and a launch with the way there and back costs 0.05 ms. How long does a single question
#    take there at 5,000 documents, and at 10 million? Which of the two numbers decides in each case?
# 3. There are 16 batches of 256. What does `p99_ms_batch_256` then mean? Would you put it into a contract?

# %%
# your answers: compute them here, or write them as comments

# %% [markdown]
# ## What to try next
#
# - More documents: `--size lab` has 100,000. Is `GB/s of one question` lower now? Why?
# - Real vectors: `residency run nlp/search --dataset docstring_vectors`.
# - Words instead of vectors: `residency run nlp/word_count` has five ways to count them. A query engine and a data
#   frame differ most.
