"""Reading lines of text: a convolutional recurrent network (CRNN) trained by CTC, beside a ready-made reader.

Question  What is a GPU worth to a small network whose work is a chain of small, dependent steps?
Expect    A line of 24 x 320 pixels costs about 40 million operations forwards and twice as many backwards, a batch of
          16 two billion: tens of milliseconds on two cores, well below one on a GPU. But the recurrent layer reads
          80 frames one after the other, there and back, and CTC sums over paths frame by frame: hundreds of dependent
          launches of 5 to 10 µs that no GPU does side by side. So in batches of 16 (smoke, lab) launches decide and
          a GPU gains little or loses; in batches of 256 (lecture) they cost it hardly more. In Torch the recurrent
          layer is one call of cuDNN, in JAX a loop that XLA compiles into a few kernels a frame.
          Tesseract is already trained, so its time is reading alone. It is shown for comparison, and no speedup is
          computed against it. Compare `characters_per_second`, and ask when it pays to train your own reader.

Training sees each line once. Both frameworks start from the same weights, made by NumPy, and see the same batches.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.ocr.crnn import CHANNELS, FEATURES, HIDDEN, POOLS, weights
from residency.datasets.ocr.lines import Lines, lines
from residency.datasets.ocr.own_lines import own_lines
from residency.datasets.ocr.phototest import phototest
from residency.datasets.ocr.transcripts import character_error_rate, collapsed
from residency.harness import Memory, Run, Task
from residency.harness.errors import Unavailable

RATE, WARM_UP, COOL_DOWN, CLIP = 5e-3, 20, 0.3, 5.0  # Adam's; steps; share of the steps; norm of the gradient
STEPS = 640  # to aim at
BATCHES = (16, 256)  # lines: the least and the most
READ_AT_ONCE = 256  # lines
ENLARGED, BORDER = 2, 16  # times and pixels: Tesseract was made for larger letters, and for some paper around them
OPTIONS = ("--psm", "7", "--oem", "1", "-l", "eng")  # a page is one line; the recurrent network; English
PAGE, TEXT = 1, 11  # columns of its table

task = Task(
    datasets=[lines, phototest, own_lines],
    sizes={"smoke": 2_400, "lab": 10_000, "lecture": 200_000, "production": 4_000_000},
    quality=character_error_rate,
    tolerance=0.03,
    floor={"lines": 0.03, "phototest": 0.1},
    unit="lines",
    memory={"cpu": Memory(fixed=0.7e9), "gpu": Memory(fixed=3e9)},
)


def schedule(data: Lines, run: Run) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The lines of each training step, shape (steps, batch), and the learning rates, shape (steps,); both are recorded.

    The batch is the power of two that makes at least 640 steps, between 16 and 256. Each line is seen once.
    """
    batch = int(np.clip(2 ** (len(data.x) // STEPS).bit_length() // 2, *BATCHES))
    steps = len(data.x) // batch
    order = np.random.default_rng(run.seed).permutation(len(data.x))[: steps * batch]
    step = np.arange(steps)
    rate = RATE * np.minimum((step + 1) / WARM_UP, 1.0) * np.minimum((steps - step) / (COOL_DOWN * steps), 1.0)
    run.effective(optimiser="adam", rate=RATE, betas=(0.9, 0.999), epsilon=1e-8, clip_norm=CLIP, warm_up_steps=WARM_UP)
    run.effective(cool_down=COOL_DOWN, steps=steps, batch=batch, hidden=HIDDEN, channels=CHANNELS)
    run.effective(dtype="float32", tf32="as the framework does by itself", read_at_once=READ_AT_ONCE)
    return order.reshape(steps, batch), rate.astype(np.float32)


def parts(count: int) -> Iterator[slice]:
    """The lines to read, in batches."""
    return (slice(start, start + READ_AT_ONCE) for start in range(0, count, READ_AT_ONCE))


def read_out(
    data: Lines, run: Run, best: NDArray[np.integer], learned_from: int, losses: Sequence[Any]
) -> NDArray[np.str_]:
    """The text given by the best class of each frame; records the speed of training and reading, and the loss."""
    with run.stage("decode"):
        text = collapsed(best, data.alphabet)
    reading = sum(run.stages[name] for name in ("predict", "get", "decode"))
    characters = float(np.strings.str_len(text).sum())
    run.observe(samples_per_second=learned_from / run.stages["fit"], characters_per_second=characters / reading)
    run.observe(first_loss=float(losses[0]), last_loss=float(losses[-1]))
    return text


def reader(torch: Any, classes: int, *, brief: bool = False) -> Any:
    """The network as a module of Torch; if `brief`, its convolutions are in bfloat16. Weights are float32."""
    nn, functional = torch.nn, torch.nn.functional

    class Reader(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            layers = {name: nn.Conv2d(*CHANNELS[place : place + 2], 3, padding=1) for place, name in enumerate(POOLS)}
            for name, layer in layers.items():
                self.add_module(name, layer)
            self.gru = nn.GRU(FEATURES, HIDDEN, batch_first=True, bidirectional=True)
            self.out = nn.Linear(2 * HIDDEN, classes)

        def forward(self, pixels: Any) -> Any:
            """Scores of the classes: (lines, frames, classes)."""
            image = (255.0 - pixels[:, None].float()) / 255.0  # paper is exactly 0, however the quotient is rounded
            with torch.autocast(pixels.device.type, torch.bfloat16, enabled=brief, cache_enabled=False):
                for name, pool in POOLS.items():
                    image = functional.max_pool2d(functional.relu(self.get_submodule(name)(image)), pool)
            feature = image.float().flatten(1, 2).transpose(1, 2)
            return self.out(self.gru(functional.layer_norm(feature, feature.shape[-1:]))[0])

    return Reader()


@task.pair(cpu="torch", gpu="torch", plain=True)
def torch_crnn(data: Lines, run: Run, torch):
    """Torch: eager, one call an operation; its GRU and its CTC loss are one call each."""
    return trained(data, run, torch, recorded=False)


@task.on_gpu("torch")
def cuda_graph(data: Lines, run: Run, torch):
    """Torch: the network's forward and backward passes are two CUDA graphs; its convolutions are in bfloat16.

    CTC is not recorded, because cuDNN's takes the texts from the host. Adam's step is one kernel (fused).
    """
    return trained(data, run, torch, recorded=True)


@functools.cache  # in the first execution of a process
def recorded_reader(torch: Any, place: str, classes: int, shape: tuple[int, ...]) -> Any:
    """The network with both passes recorded for batches of a shape; others run as they are if it does not train."""
    model = reader(torch, classes, brief=True).to(place)
    return torch.cuda.make_graphed_callables(model, (torch.zeros(shape, dtype=torch.uint8, device=place),))


def trained(data: Lines, run: Run, torch: Any, *, recorded: bool) -> NDArray[np.str_]:
    """Learn, then read."""
    nn, functional = torch.nn, torch.nn.functional
    order, rate = schedule(data, run)
    classes = len(data.alphabet) + 1
    if recorded:
        run.effective(convolutions="bfloat16")
    with run.stage("put"):
        length = torch.from_numpy((data.y > 0).sum(axis=1)[order])
        said = [torch.from_numpy(lines[lines > 0].astype(np.int32)) for lines in data.y[order]]
        x, x_test, order = run.to_device(data.x, data.x_test, order, into=torch)
    with run.stage("record" if recorded else "put"):
        if recorded:
            model = recorded_reader(torch, run.torch_device, classes, (order.shape[1], *x.shape[1:]))
        else:
            model = reader(torch, classes).to(run.torch_device)
        start = weights(classes, run.seed)
        model.load_state_dict({name: torch.from_numpy(value) for name, value in start.items()})
    with run.stage("fit"):
        model.train()
        optimiser, losses = torch.optim.Adam(model.parameters(), RATE, fused=recorded), []
        for step, chosen in enumerate(order):
            chance = model(x[chosen]).transpose(0, 1).log_softmax(2)  # contiguous, for cuDNN
            spoken = torch.full((len(chosen),), len(chance))  # on the host, as letters and lengths: so cuDNN has them
            loss = functional.ctc_loss(chance, said[step], spoken, length[step], reduction="sum") / len(chosen)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimiser.param_groups[0]["lr"] = float(rate[step])
            optimiser.step()
            losses.append(loss.detach())
    model.eval()
    with run.stage("predict"), torch.no_grad():
        best = torch.cat([model(x_test[part]).argmax(2) for part in parts(len(x_test))])
    with run.stage("get"):
        best = run.to_host(best)
    return read_out(data, run, best, order.numel(), losses)


@functools.cache
def compiled(jax, optax, *, together: bool):
    """The network as JAX's jitted functions, kept so that XLA compiles once: optimiser, step of learning, reading.

    If `together`, one loop over frames computes both directions, and a step writes over the weights it was given.
    """
    jnp = jax.numpy
    adam = optax.chain(optax.clip_by_global_norm(CLIP), optax.scale_by_adam())

    def gru(w: dict[str, Any], inputs: Any) -> Any:
        """Torch's GRU from frame to frame, over (frames, lines, features)."""
        gates = inputs @ w["weight_ih"].T + w["bias_ih"]

        def step(state, gate):
            hidden = state @ w["weight_hh"].T + w["bias_hh"]
            (reset_in, update_in, new_in), (reset, update, new) = jnp.split(gate, 3, 1), jnp.split(hidden, 3, 1)
            keep = jax.nn.sigmoid(update_in + update)
            state = keep * state + (1.0 - keep) * jnp.tanh(new_in + jax.nn.sigmoid(reset_in + reset) * new)
            return state, state

        return jax.lax.scan(step, jnp.zeros((inputs.shape[1], HIDDEN)), gates)[1]

    def frames(w: Any, pixels: Any) -> Any:
        """Scores of the classes: (lines, frames, classes)."""
        image = (255.0 - pixels[:, None].astype(jnp.float32)) / 255.0
        for name, (down, right) in POOLS.items():
            image = jax.lax.conv_general_dilated(image, w[f"{name}.weight"], (1, 1), "SAME")
            image = jax.nn.relu(image + w[f"{name}.bias"][:, None, None])
            for axis in (2, 3)[: down + right - 2]:
                first, second = (jax.lax.slice_in_dim(image, at, None, 2, axis) for at in (0, 1))
                image = jnp.where(first >= second, first, second)  # of equals the first, as in Torch
        feature = image.reshape(len(image), FEATURES, -1).transpose(2, 0, 1)
        feature = jax.nn.standardize(feature, axis=-1, epsilon=1e-5)
        names = ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
        ways = [{name: w[f"gru.{name}_{way}"] for name in names} for way in ("l0", "l0_reverse")]
        if together:
            stacked = jax.tree.map(lambda *sides: jnp.stack(sides), *ways)
            ahead, back = jax.vmap(gru)(stacked, jnp.stack([feature, feature[::-1]]))
        else:
            ahead, back = gru(ways[0], feature), gru(ways[1], feature[::-1])
        both = [ahead, back[::-1]]
        return (jnp.concatenate(both, -1) @ w["out.weight"].T + w["out.bias"]).transpose(1, 0, 2)

    def loss(w, pixels, said):
        score = frames(w, pixels)
        with jax.default_matmul_precision("highest"):  # Optax looks scores up by a product, which TF32 would round
            return optax.ctc_loss(score, jnp.zeros(score.shape[:2]), said.astype(jnp.int32), said == 0).mean()

    @functools.partial(jax.jit, donate_argnums=(0, 1) if together else ())
    def learn(w, state, lines, chosen, rate):
        value, slope = jax.value_and_grad(loss)(w, *(part[chosen] for part in lines))
        change, state = adam.update(slope, state)
        return jax.tree.map(lambda old, by: old - rate * by, w, change), state, value

    return adam.init, learn, jax.jit(lambda w, pixels: frames(w, pixels).argmax(2))


@task.pair(cpu="jax", gpu="jax", needs=["optax"], plain=True)
def jax_crnn(data: Lines, run: Run, jax):
    """JAX and Optax: the same network and steps, each step compiled as a whole by XLA."""
    return jitted(data, run, jax, together=False)


@task.pair(cpu="jax", gpu="jax", needs=["optax"])
def both_directions(data: Lines, run: Run, jax):
    """JAX: the same, with half as many kernels for the recurrent layer: one loop over frames reads in both directions.

    The order of all batches is on the device before the first step, and each step writes over the weights it was given.
    """
    return jitted(data, run, jax, together=True)


def jitted(data: Lines, run: Run, jax: Any, *, together: bool) -> NDArray[np.str_]:
    """Learn, then read."""
    import optax

    begin, learn, read = compiled(jax, optax, together=together)
    order, rate = schedule(data, run)
    with run.stage("put"):
        start = weights(len(data.alphabet) + 1, run.seed)
        w = {name: run.to_device(value, into=jax) for name, value in start.items()}
        x, y, x_test = run.to_device(data.x, data.y, data.x_test, into=jax)
        steps = [*run.to_device(order, rate, into=jax)] if together else [order, rate]
    with run.stage("fit"):
        # Adam's own numbers are on no device in particular, those of a step are: left so, it would be compiled twice.
        state, losses = jax.tree.map(lambda number: run.to_device(number, into=jax), begin(w)), []
        for chosen, step_rate in zip(*steps, strict=True):
            w, state, value = learn(w, state, (x, y), chosen, step_rate)
            losses.append(value)
    with run.stage("predict"):
        classes = [read(w, x_test[part]) for part in parts(len(x_test))]
    with run.stage("get"):
        best = np.concatenate([run.to_host(one) for one in classes])
    return read_out(data, run, best, order.size, losses)


@task.on_cpu("PIL.Image", beside=True, memory=Memory(fixed=0.1e9))
def tesseract(data: Lines, run: Run, pillow):
    """Tesseract, already trained on many fonts: it only reads, one process a core, each with its share of the lines."""
    program = tesseract_program()  # or unavailable
    run.effective(options=" ".join(OPTIONS), whitelist="the alphabet")
    run.effective(enlarged=ENLARGED, border=BORDER)
    shares = np.array_split(data.x_test, min(run.threads, len(data.x_test)))  # none of them empty
    with TemporaryDirectory() as folder, ThreadPoolExecutor(len(shares)) as pool:
        files = [Path(folder, f"{number}.tif") for number in range(len(shares))]
        with run.stage("prepare"):
            list(pool.map(lambda share, file: write_pages(share, file, pillow), shares, files))
        with run.stage("predict"):
            tables = list(pool.map(lambda file: read_pages(program, file, data.alphabet), files))
    with run.stage("decode"):
        read = [texts_of(table, len(share)) for table, share in zip(tables, shares, strict=True)]
        text = np.array([line for share in read for line in share], np.str_)
    reading = sum(run.stages[name] for name in ("prepare", "predict", "decode"))
    run.observe(characters_per_second=float(np.strings.str_len(text).sum()) / reading)
    return text


def tesseract_program() -> str:
    """The path of the program; raises `Unavailable` with the remedy if it is not installed."""
    if (found := shutil.which("tesseract")) is None:
        raise Unavailable("the program tesseract is not installed: apt-get install tesseract-ocr")
    return found


def write_pages(lines: NDArray[np.uint8], file: Path, pillow: Any) -> None:
    """Write lines, shape (lines, height, width), enlarged and with a border, as the pages of a TIFF file."""
    size = (ENLARGED * lines.shape[2], ENLARGED * lines.shape[1])
    large = (pillow.fromarray(line).resize(size, pillow.Resampling.BICUBIC) for line in lines)
    first, *others = [pillow.fromarray(np.pad(page, BORDER, constant_values=255)) for page in large]
    first.save(file, save_all=True, append_images=others)


def read_pages(program: str, file: Path, alphabet: str) -> str:
    """Read a file's pages on one thread, limited to the given characters; returns the program's table."""
    done = subprocess.run(
        [program, file, "stdout", *OPTIONS, "-c", f"tessedit_char_whitelist={alphabet}", "tsv"],
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},  # its own threads gain less than a process a core
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def texts_of(table: str, pages: int) -> list[str]:
    """The words of each page, joined with spaces; the program's table leaves out a page without words."""
    found: list[list[str]] = [[] for _ in range(pages)]
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if cells[TEXT].strip():
            found[int(cells[PAGE]) - 1].append(cells[TEXT].strip())
    return [" ".join(words) for words in found]
