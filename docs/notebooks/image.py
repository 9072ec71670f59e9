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
# # Image: the part that stays on the host
#
# The task `image/preprocess` turns JPEG files into the input of a network: decode, blur, resize, convert colours,
# normalise.
#
# *Question: how much faster is the preparation of photographs if a GPU does everything except the decoding?*
#
# What to expect: decoding goes bit by bit and stays on the host, and it takes about half of the time. By Amdahl's law
# the GPU can then gain a factor of two at most, however fast it is. This notebook checks that with your own numbers.
#
# ## Measure
#
# 64 photographs at the size `smoke`. To be quick, each library runs in one fresh process only, so the intervals are
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


SAVED = None  # or a run: "../../results/reference/2-cores-intel-xeon-image-lab"
COMMAND = ("run", "image/preprocess", "--replicates", "1", "--rounds", "2", "--json")
folder = SAVED or json.loads(residency(*COMMAND))["run"]["folder"]

# %%
rows = pd.read_csv(StringIO(residency("report", folder, "--format", "csv")))
rows = rows[rows["task"] == "image/preprocess"].drop_duplicates("implementation", keep="last")  # the last size
done = rows[rows["outcome"] == "ok"].set_index("implementation")
rows[["implementation", "library", "outcome", "quality", "per_second"]].round(2)

# %% [markdown]
# ## Is every picture right, and is there a GPU?
#
# `quality` is the peak signal-to-noise ratio (PSNR) in decibels, against the exact pixels: **higher is better**. A
# resize without the blur reaches about 45 dB and fails. `per_second` counts images.

# %%
machine = json.loads((Path(folder) / "run.json").read_text())["machine"]
if machine["gpus"]:
    print("GPUs:", *(gpu["name"] for gpu in machine["gpus"]))
else:
    print("No GPU was found here, so this notebook computes the most that a GPU could gain.")

# %% [markdown]
# ## Milliseconds for each image
#
# Divide the stages by the number of images. Then you can compare them with what you know: a launch of a GPU kernel
# takes about 0.01 ms, and copying a photograph there and its result back takes about 0.06 ms.
#
# All libraries use the same decoder. So `decode` should be alike, and the libraries differ in the rest. If `decode`
# differs much, the machine was busy.

# %%
stages = done.filter(regex=r"^stages\.").dropna(axis=1, how="all").fillna(0).div(done["rows"], axis=0) * 1_000
stages.columns = stages.columns.str.removeprefix("stages.")
if len(stages):
    axes = stages.plot.barh(stacked=True, figsize=(8, 3), xlabel="milliseconds for each image", colormap="tab20")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
stages.round(3)

# %% [markdown]
# ## Amdahl's law
#
# Take the fastest library on the CPU. `fixed` is the share of decoding. If the rest becomes `n` times as fast, the
# whole becomes `1 / (fixed + (1 - fixed) / n)` times as fast. The line gets flat soon.

# %%
fastest = done.loc[done["device"] == "cpu", "seconds.median"].idxmin()
fixed = stages.loc[fastest].get("decode", 0) / stages.loc[fastest].sum()
factors = [1, 2, 5, 10, 20, 50, 100]
gains = pd.Series([1 / (fixed + (1 - fixed) / n) for n in factors], factors)
limit = f"at most {1 / fixed:.1f} times" if fixed else "no limit: nothing is decoded here"
print(f"{fastest}: decoding takes {fixed:.0%} of the time; {limit}")

# %%
figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
axes.plot(gains.index, gains, "o-", label="the whole")
if fixed:
    axes.axhline(1 / fixed, linestyle="--", color="gray", label="limit: only decoding is left")
axes.legend()
axes.set_ylabel("times as fast: the whole")
axes.set_xlabel("times as fast: everything except decoding")
axes.set_xscale("log")

# %% [markdown]
# ## How sure is this share?
#
# The medians have intervals. Look at the widest one before you believe a share to a percent.

# %%
widths = (done["seconds.high"] / done["seconds.low"]).round(1).rename("high / low")
done[["seconds.median", "seconds.low", "seconds.high", "seconds.replicates", "speedup.verdict"]].join(widths)

# %% [markdown]
# ## Your turn
#
# 1. A GPU that does everything except decoding needs three to ten launches for each image. Is the sum of launches and
#    copies above smaller than the milliseconds that the fastest library needs after decoding?
# 2. You have twice as many cores. What happens to the share of decoding, and to the most that a GPU could gain?

# %%
# your answers: compute them here, or write them as comments

# %% [markdown]
# ## What to try next
#
# - Your own photographs: `residency run image/preprocess --data ~/Pictures`.
# - More images: `--size lab` has 2,000. Is the share of decoding still the same?
# - A network instead of its input: `residency run image/classify`. There each step is little work, and launches
#   decide.
