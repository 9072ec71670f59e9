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
# # Tabular: what decides, bytes or arithmetic?
#
# Two tasks on tables, from `suites/tabular/`:
#
# - **etl**: read a file of taxi trips, filter, join, group. *What is a GPU worth for a job with hardly any
#   arithmetic?*
# - **ridge**: ridge regression. *From how many rows on does the GPU win, if the table is already there, and if it must
#   be copied first?*
#
# This notebook measures both at the size `smoke`, which takes seconds, and looks at the numbers with pandas.
#
# ## Measure
#
# Each library runs in two fresh processes, three times in each. Set `SAVED` to the folder of a run to load that run
# instead. Its size does not matter.

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


SAVED = None  # or a run: "../../results/reference/2-cores-amd-epyc-tabular-lab"
COMMAND = ("run", "tabular/etl", "tabular/ridge", "--replicates", "2", "--rounds", "3", "--json")
folder = SAVED or json.loads(residency(*COMMAND))["run"]["folder"]

# %%
rows = pd.read_csv(StringIO(residency("report", folder, "--format", "csv")))
rows = rows[rows["task"].isin(["tabular/etl", "tabular/ridge"])]
rows = rows.drop_duplicates(["task", "implementation"], keep="last")  # the last size
rows[["task", "rows", "implementation", "library", "outcome", "seconds.median"]]

# %% [markdown]
# ## Is there a GPU, and what has no time?
#
# A result without a time is a result too. It has an outcome and a reason.

# %%
machine = json.loads((Path(folder) / "run.json").read_text())["machine"]
if machine["gpus"]:
    print("GPUs:", *(gpu["name"] for gpu in machine["gpus"]))
else:
    print("No GPU was found here, so no implementation ends in @gpu below.", machine["no_gpu_because"], sep="\n")
rows.loc[rows["outcome"] != "ok", ["task", "implementation", "outcome", "reason"]]

# %% [markdown]
# ## Is every answer right?
#
# A time counts only if the result is right. `etl` counts correct cells: all of them must be correct. `ridge` must
# reach the R² of the exact solution, `reference`.

# %%
done = rows[rows["outcome"] == "ok"].copy()
done[["task", "implementation", "metric", "quality", "reference"]]

# %% [markdown]
# ## How long does it take, and how sure is that?
#
# The line through a dot is the 95 % interval. Two processes know little, so the lines are long. If the lines of two
# libraries overlap widely, do not say that one is faster. The table says it in a word. `faster` and `slower` compare
# with the fastest correct CPU library. `inconclusive` means that this run cannot tell.

# %%
tasks = list(done["task"].unique())
height = 1.2 * len(tasks) + 0.3 * len(done)
figure, panels = plt.subplots(len(tasks), 1, figsize=(8, height), squeeze=False, layout="constrained")
for panel, task in zip(panels[:, 0], tasks, strict=True):
    shown = done[done["task"] == task].sort_values("seconds.median", ascending=False)
    median, low, high = (1_000 * shown[f"seconds.{name}"] for name in ("median", "low", "high"))
    panel.errorbar(median, shown["implementation"], xerr=[median - low, high - median], fmt="o", capsize=4)
    panel.set(title=task, xscale="log", xlabel="milliseconds (logarithmic)")
    panel.margins(y=0.3)
done[["task", "implementation", "speedup.ratio", "speedup.low", "speedup.high", "speedup.verdict"]].round(2)

# %% [markdown]
# ## Where does the time of `etl` go?
#
# A data frame (pandas, cuDF) makes one pass over the table for each step, so it has many stages. A query engine
# (Polars, DuckDB) makes all steps in one pass, so it has one stage: `query`.

# %%
etl = done[done["task"] == "tabular/etl"].set_index("implementation")
stages = 1_000 * etl.filter(regex=r"^stages\.").dropna(axis=1, how="all").fillna(0)
stages.columns = stages.columns.str.removeprefix("stages.")
if len(stages):
    axes = stages.plot.barh(stacked=True, figsize=(8, 3), xlabel="milliseconds", colormap="tab20")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
stages.round(2)

# %% [markdown]
# ## Your turn
#
# 1. In `etl`, the stage `join` of pandas takes a part of the time. If a GPU made only the join, and made it in no
#    time, how many times as fast would pandas be? (Amdahl's law: the whole time divided by what is left.)
# 2. The table of `ridge` has 128 columns of 4 bytes. How many bytes are its rows? How long would they take over a bus
#    of 25 GB/s? Compare that with the fastest time above. What does it say about *paying for the copy*?
# 3. How many processes would you need until the intervals no longer overlap? Change `--replicates` above, and see
#    whether the verdict changes. Did you expect that?

# %%
# your answers: compute them here, or write them as comments

# %% [markdown]
# ## What to try next
#
# - More rows: `residency run tabular --size lab --budget 300`, then set `SAVED` to its folder. Which library wins now?
# - Your own table: `residency run tabular/gradient_boosting --data loans.csv --target default`.
# - With a GPU: `residency crossover tabular/ridge --up-to lecture` finds the size from which it wins.
# - Two large tables that must find each other: `residency run tabular/etl_join`.
