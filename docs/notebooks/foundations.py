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
# # Foundations: what does one call cost?
#
# The task `foundations/launch` runs a thousand tiny steps. Each step needs the result of the one before.
#
# *Question: how long does a step take that does almost nothing, and how long if one call asks for all steps?*
#
# What to expect: the work of a step is nothing. So the time is that of the call: about half a microsecond in NumPy,
# three in Torch, five to ten on a GPU. A loop that is compiled needs no call in between.
#
# ## Measure
#
# Each library runs in two fresh processes. Set `SAVED` to the folder of a run to load that run instead.

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


SAVED = None  # or a run: "../../results/reference/2-cores-intel-xeon-foundations-lab"
COMMAND = ("run", "foundations/launch", "--replicates", "2", "--rounds", "3", "--json")
folder = SAVED or json.loads(residency(*COMMAND))["run"]["folder"]

# %%
rows = pd.read_csv(StringIO(residency("report", folder, "--format", "csv")))
rows = rows[rows["task"] == "foundations/launch"].drop_duplicates("implementation", keep="last")  # the last size
machine = json.loads((Path(folder) / "run.json").read_text())["machine"]
if not machine["gpus"]:
    print("No GPU was found here, so the GPU sides have no time:", machine["no_gpu_because"])
rows[["implementation", "library", "outcome", "quality", "seconds.median", "seconds.low", "seconds.high"]]

# %% [markdown]
# ## Microseconds for each step
#
# The stage `step` divided by the number of steps. The way to the device and back is not in it.

# %%
done = rows[rows["outcome"] == "ok"].set_index("implementation")
stepping = done.reindex(columns=["stages.step"])["stages.step"]
each = (1e6 * stepping / done["rows"]).rename("microseconds for each step").sort_values()
each.to_frame().round(3)

# %%
figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
axes.barh(each.index, each)
axes.axvspan(5, 10, color="gray", alpha=0.3, label="a kernel on a GPU (expected, not measured here)")
axes.legend(fontsize="small")
axes.set_xlabel("microseconds for each step (logarithmic)")
axes.set_xscale("log")

# %% [markdown]
# ## The least work that is worth a call
#
# While one call is prepared, the memory could have delivered this many bytes, at 10 GB/s (one CPU core) or at 2,000
# GB/s (a large GPU). An array that is smaller than that spends more time in the call than in the work.

# %%
waiting = each / 1e6
pd.DataFrame({"kB at 10 GB/s": waiting * 10e9 / 1e3, "kB at 2,000 GB/s": waiting * 2_000e9 / 1e3}).round(1)

# %% [markdown]
# ## Cold and warm
#
# Compiling pays only if it is used often. `first` is the first execution in a fresh process, with imports and
# compilation. After how many executions has the compiled loop caught up?

# %%
warm = done[["cold_seconds", "seconds.median"]].set_axis(["first", "later"], axis=1)
if len(warm):
    axes = (1_000 * warm).plot.barh(figsize=(8, 2.5), logx=True, xlabel="milliseconds for all steps (logarithmic)")
warm.assign(ratio=warm["first"] / warm["later"]).round(4)

# %% [markdown]
# ## Your turn
#
# 1. A training step of a small network is 300 calls. How long do the calls alone take with the numbers above? How
#    large must the work of each call be, so that they do not matter?
# 2. NumPy's call is cheaper than Torch's. Why may a program in Torch be faster all the same?

# %%
# your answers: compute them here, or write them as comments

# %% [markdown]
# ## What to try next
#
# - `residency run foundations/compilation`: nine operations one by one, and compiled into one.
# - `residency run foundations/bandwidth --size lab`: how many bytes a second your memory delivers. Put that number
#   into the table above.
# - On a machine with a GPU: `recorded_graph@gpu` replays recorded kernels with a single call.
