"""Reading lines of text: a convolutional recurrent network (CRNN) trained by CTC, beside a ready-made reader.

Question  What is a GPU worth to a small network whose work is a chain of small steps?
Expect    A line of 24 x 320 pixels costs about 40 million operations forwards and twice as many backwards, a batch of
          16 two billion: tens of milliseconds on two cores, well below one on a GPU. But the recurrent layer reads
          80 frames one after the other, there and back, and CTC sums over paths frame by frame: hundreds of dependent
          launches of 5 to 10 µs that no GPU does side by side. So in batches of 16 (smoke, lab) launches decide and
          a GPU gains little or loses; in batches of 256 (lecture) they cost it hardly more. In Torch the recurrent
          layer is one call of cuDNN, in JAX a loop that XLA compiles into a few kernels a frame.
          Tesseract has been trained already and its time is reading alone, so it stands beside and no speedup is
          over it. Compare `characters_per_second`, and ask when training a reader of one's own pays.

Each line is learned from once. Both frameworks start from the same weights, made by NumPy, and see the same batches.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from residency.datasets.ocr.lines import Lines, lines
from residency.datasets.ocr.own_lines import own_lines
from residency.datasets.ocr.phototest import phototest
from residency.datasets.ocr.transcripts import character_error_rate
from residency.harness import Run, Task
from residency.suites.ocr import _tesseract as program
from residency.suites.ocr._crnn import (
    CHANNELS,
    CLIP,
    FEATURES,
    HIDDEN,
    POOLS,
    RATE,
    compiled,
    parts,
    read_out,
    schedule,
    weights,
)

task = Task(
    datasets=[lines, phototest, own_lines],
    sizes={"smoke": 2_400, "lab": 10_000, "lecture": 200_000, "production": 4_000_000},
    quality=character_error_rate,
    tolerance=0.03,
    floor={"lines": 0.03, "phototest": 0.1},
    unit="lines",
)


@task.pair(cpu="torch", gpu="torch")
def torch_crnn(data: Lines, run: Run, torch):
    """Torch: eager, one call an operation; its GRU and its CTC loss are one call each."""
    nn, functional = torch.nn, torch.nn.functional
    order, rate = schedule(data, run)
    classes = len(data.alphabet) + 1

    def frames(pixels: Any) -> Any:
        """Scores of the classes: (lines, frames, classes)."""
        image = (255.0 - pixels[:, None].float()) / 255.0  # paper is exactly 0, however the quotient is rounded
        for name, pool in POOLS.items():
            image = functional.max_pool2d(functional.relu(model[name](image)), pool)
        feature = image.flatten(1, 2).transpose(1, 2)
        return model["out"](model["gru"](functional.layer_norm(feature, feature.shape[-1:]))[0])

    with run.stage("put"):
        layers = {name: nn.Conv2d(*CHANNELS[place : place + 2], 3, padding=1) for place, name in enumerate(POOLS)}
        layers["gru"] = nn.GRU(FEATURES, HIDDEN, batch_first=True, bidirectional=True)
        model = nn.ModuleDict({**layers, "out": nn.Linear(2 * HIDDEN, classes)})
        start = weights(classes, run.seed)
        model.load_state_dict({name: torch.from_numpy(value) for name, value in start.items()})
        model.to(run.torch_device)
        length = torch.from_numpy((data.y > 0).sum(axis=1)[order])
        said = [torch.from_numpy(lines[lines > 0].astype(np.int32)) for lines in data.y[order]]
        x, x_test, order = run.to_device(data.x, data.x_test, order, into=torch)
    with run.stage("fit"):
        optimiser, losses = torch.optim.Adam(model.parameters(), RATE), []
        for step, chosen in enumerate(order):
            chance = frames(x[chosen]).transpose(0, 1).log_softmax(2)  # contiguous, for cuDNN
            spoken = torch.full((len(chosen),), len(chance))  # on the host, as letters and lengths: so cuDNN has them
            loss = functional.ctc_loss(chance, said[step], spoken, length[step], reduction="sum") / len(chosen)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimiser.param_groups[0]["lr"] = float(rate[step])
            optimiser.step()
            losses.append(loss.detach())
    with run.stage("predict"), torch.no_grad():
        best = torch.cat([frames(x_test[part]).argmax(2) for part in parts(len(x_test))])
    with run.stage("get"):
        best = run.to_host(best)
    return read_out(data, run, best, order.numel(), losses)


@task.pair(cpu="jax", gpu="jax", needs=["optax"])
def jax_crnn(data: Lines, run: Run, jax):
    """JAX and Optax: the same network and steps, each step compiled as a whole by XLA."""
    import optax

    begin, learn, read = compiled(jax, optax)
    order, rate = schedule(data, run)
    with run.stage("put"):
        start = weights(len(data.alphabet) + 1, run.seed)
        w = {name: run.to_device(value, into=jax) for name, value in start.items()}
        x, y, x_test = run.to_device(data.x, data.y, data.x_test, into=jax)
    with run.stage("fit"):
        # Adam's own numbers are on no device in particular, those of a step are: left so, it would be compiled twice.
        state, losses = jax.tree.map(lambda number: run.to_device(number, into=jax), begin(w)), []
        for chosen, step_rate in zip(order, rate, strict=True):
            w, state, value = learn(w, state, (x, y), chosen, step_rate)
            losses.append(value)
    with run.stage("predict"):
        classes = [read(w, x_test[part]) for part in parts(len(x_test))]
    with run.stage("get"):
        best = np.concatenate([run.to_host(one) for one in classes])
    return read_out(data, run, best, order.size, losses)


@task.on_cpu("PIL.Image", beside=True)
def tesseract(data: Lines, run: Run, pillow):
    """Tesseract, trained on many fonts by others: reads only, a process a core, each with its share of the lines."""
    program.program()  # or unavailable
    run.effective(options=" ".join(program.OPTIONS), whitelist="the alphabet")
    run.effective(enlarged=program.ENLARGED, border=program.BORDER)
    shares = program.shares(data.x_test, run.threads)
    with TemporaryDirectory() as folder, ThreadPoolExecutor(len(shares)) as pool:
        files = [Path(folder, f"{number}.tif") for number in range(len(shares))]
        with run.stage("prepare"):
            list(pool.map(lambda share, file: program.write(share, file, pillow), shares, files))
        with run.stage("predict"):
            tables = list(pool.map(lambda file: program.read(file, data.alphabet), files))
    with run.stage("decode"):
        read = [program.texts(table, len(share)) for table, share in zip(tables, shares, strict=True)]
        text = np.array([line for share in read for line in share], np.str_)
    reading = sum(run.stages[name] for name in ("prepare", "predict", "decode"))
    run.observe(characters_per_second=float(np.strings.str_len(text).sum()) / reading)
    return text
