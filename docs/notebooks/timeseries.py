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
# # Time series: the features or the trees?
#
# The task `timeseries/lag_features` forecasts many series with one model. It makes columns from the past (shifts,
# windows, differences) and then trains boosted trees on them.
#
# *Question: half of such a job makes columns. Does a GPU gain there, or in the trees?*
#
# What to expect: the features cost a few passes over columns. The trees count every feature of every row, level by
# level, hundreds of times. So on a CPU the trees should take nearly all of the time.
#
# ## Measure
#
# 40 series at the size `smoke`. To be quick, each library runs in one fresh process only, so the intervals are long;
# with `--replicates 5` they are shorter. Set `SAVED` to the folder of a run to load that run instead.

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


SAVED = None  # or a run: "../../results/reference/2-cores-intel-xeon-timeseries-lab"
COMMAND = ("run", "timeseries/lag_features", "--replicates", "1", "--rounds", "3", "--json")
folder = SAVED or json.loads(residency(*COMMAND))["run"]["folder"]

# %%
rows = pd.read_csv(StringIO(residency("report", folder, "--format", "csv")))
rows = rows[rows["task"] == "timeseries/lag_features"].drop_duplicates("implementation", keep="last")  # the last size
machine = json.loads((Path(folder) / "run.json").read_text())["machine"]
if not machine["gpus"]:
    print("No GPU was found here, so the GPU side has no time:", machine["no_gpu_because"])
rows[["implementation", "library", "outcome", "seconds.median", "seconds.low", "seconds.high"]]

# %% [markdown]
# ## First the forecast, then the time
#
# MASE is the error divided by the usual seasonal change: **lower is better**. A fast forecast that is no better than
# repeating the last season is worth nothing. So look at the quality first.

# %%
done = rows[rows["outcome"] == "ok"].set_index("implementation")
naive = done.filter(regex=r"^figures\.MASE of ").dropna(axis=1, how="all")
naive.columns = naive.columns.str.removeprefix("figures.MASE of ")
naive.assign(model=done["quality"]).round(3)

# %%
figure, axes = plt.subplots(figsize=(8, 2.5), layout="constrained")
axes.plot(done["quality"], done.index, "o", markersize=9, label="the model")
for (name, error), style in zip(naive.mean().items(), ("--", ":"), strict=False):
    axes.axvline(error, linestyle=style, color="gray", label=name)
axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
axes.set_xlabel("MASE, lower is better")
axes.margins(y=0.4)
axes.set_xlim(0, 1.2 * axes.get_xlim()[1])

# %% [markdown]
# ## Where the time goes
#
# `features` makes the columns. `bin` sorts their values into bins, and `fit` grows the trees. The table shows each
# stage's share of the time in percent.

# %%
stages = done.filter(regex=r"^stages\.").dropna(axis=1, how="all").fillna(0)
stages.columns = stages.columns.str.removeprefix("stages.")
shares = 100 * stages.div(stages.sum(axis=1), axis=0)
if len(shares):
    axes = shares.plot.barh(stacked=True, figsize=(8, 2.5), xlabel="share of the time (%)", colormap="tab10")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
shares.round(1)

# %% [markdown]
# ## How much could a GPU gain?
#
# Amdahl's law: if a part of the work takes no time at all, the whole is `1 / (1 - share)` times as fast. That is the
# limit, not a forecast.

# %%
parts = shares.reindex(columns=["features", "bin", "fit"]).fillna(0) / 100
limits = pd.DataFrame(
    {
        "if the features cost nothing": 1 / (1 - parts["features"]),
        "if the trees cost nothing": 1 / (1 - parts["bin"] - parts["fit"]),
    }
)
limits.round(2)

# %% [markdown]
# ## How sure are these times?
#
# The trees use all cores. On a busy machine they wait for each other, and the interval gets wide. `waiting` is the
# part of the time that the work waited for a core; `other_cores` says how many cores other programs kept busy.

# %%
doubts = done[["seconds.median", "seconds.low", "seconds.high", "seconds.replicates", "waiting", "other_cores"]].round(
    3
)
doubts.assign(verdict=done["speedup.verdict"])

# %% [markdown]
# ## Your turn
#
# 1. Which of the two stages would you move to a GPU first? Use the limits above, not the name of the stage.
# 2. The two implementations make the same features and have nearly the same error. Is the difference between their
#    errors worth a longer run? Compare it with the distance to the naive forecasts.
# 3. The nearest lag is as long as the horizon, so the model never uses its own forecasts. What would change for a GPU
#    if each step needed the forecast of the step before?

# %%
# your answers: compute them here, or write them as comments

# %% [markdown]
# ## What to try next
#
# - Real series: `residency run timeseries/lag_features --dataset mauna_loa`, or `residency data fetch m4_hourly`
#   first.
# - More series: `--size lab`. Do the shares change?
# - Anomalies instead of forecasts: `residency run timeseries/matrix_profile`. There, the same distances take few
#   operations in a strict order, or many in any order.
