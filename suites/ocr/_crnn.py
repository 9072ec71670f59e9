"""What `lines.py` gives to both frameworks: the network's shape, its first weights, what each step learns from."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residency.datasets.ocr.lines import HEIGHT, Lines
from residency.datasets.ocr.transcripts import collapsed
from residency.harness import Run

POOLS = {"conv1": (2, 2), "conv2": (2, 2), "conv3": (2, 1)}  # each convolution is 3 x 3, and pooled so
CHANNELS = (1, 16, 32, 32)
FEATURES, HIDDEN = CHANNELS[-1] * HEIGHT // 8, 64  # of a frame, four pixels wide; of the GRU, each way
RATE, WARM_UP, COOL_DOWN, CLIP = 5e-3, 20, 0.3, 5.0  # Adam's; steps; share of the steps; norm of the gradient
STEPS = 640  # to aim at
BATCHES = (16, 256)  # lines: the least and the most
READ_AT_ONCE = 256  # lines


def weights(classes: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """Initial weights, by the names that Torch gives them: He's for convolutions, uniform for what follows."""
    generator = np.random.default_rng(seed)
    made = {}
    for name, before, after in zip(POOLS, CHANNELS[:-1], CHANNELS[1:], strict=True):
        made[f"{name}.weight"] = generator.standard_normal((after, before, 3, 3)) * np.sqrt(2 / (9 * before))
        made[f"{name}.bias"] = np.zeros(after)
    bound = HIDDEN**-0.5
    for way in ("l0", "l0_reverse"):
        made[f"gru.weight_ih_{way}"] = generator.uniform(-bound, bound, (3 * HIDDEN, FEATURES))
        made[f"gru.weight_hh_{way}"] = generator.uniform(-bound, bound, (3 * HIDDEN, HIDDEN))
        made |= {f"gru.bias_{side}_{way}": np.zeros(3 * HIDDEN) for side in ("ih", "hh")}
    made["out.weight"] = generator.uniform(-bound, bound, (classes, 2 * HIDDEN))
    made["out.bias"] = np.zeros(classes)
    return {name: value.astype(np.float32) for name, value in made.items()}


def schedule(data: Lines, run: Run) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Which lines each step learns from, shape (steps, batch), and at which rate, shape (steps,); put on record.

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
    """The lines to read, so many at once."""
    return (slice(start, start + READ_AT_ONCE) for start in range(0, count, READ_AT_ONCE))


def read_out(
    data: Lines, run: Run, best: NDArray[np.integer], learned_from: int, losses: Sequence[Any]
) -> NDArray[np.str_]:
    """The text that the best class of each frame spells; observes how fast learning and reading were, and the loss."""
    with run.stage("decode"):
        text = collapsed(best, data.alphabet)
    reading = sum(run.stages[name] for name in ("predict", "get", "decode"))
    characters = float(np.strings.str_len(text).sum())
    run.observe(samples_per_second=learned_from / run.stages["fit"], characters_per_second=characters / reading)
    run.observe(first_loss=float(losses[0]), last_loss=float(losses[-1]))
    return text


@functools.cache
def compiled(jax, optax):
    """The network as JAX's jitted functions, kept so that XLA compiles once: optimiser, step of learning, reading."""
    jnp = jax.numpy
    adam = optax.chain(optax.clip_by_global_norm(CLIP), optax.scale_by_adam())

    def gru(w: Any, inputs: Any, way: str) -> Any:
        """Torch's GRU from frame to frame, over (frames, lines, features)."""
        gates = inputs @ w[f"gru.weight_ih_{way}"].T + w[f"gru.bias_ih_{way}"]

        def step(state, gate):
            hidden = state @ w[f"gru.weight_hh_{way}"].T + w[f"gru.bias_hh_{way}"]
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
        both = [gru(w, feature, "l0"), gru(w, feature[::-1], "l0_reverse")[::-1]]
        return (jnp.concatenate(both, -1) @ w["out.weight"].T + w["out.bias"]).transpose(1, 0, 2)

    def loss(w, pixels, said):
        score = frames(w, pixels)
        with jax.default_matmul_precision("highest"):  # Optax looks scores up by a product, which TF32 would round
            return optax.ctc_loss(score, jnp.zeros(score.shape[:2]), said.astype(jnp.int32), said == 0).mean()

    @jax.jit
    def learn(w, state, lines, chosen, rate):
        value, slope = jax.value_and_grad(loss)(w, *(part[chosen] for part in lines))
        change, state = adam.update(slope, state)
        return jax.tree.map(lambda old, by: old - rate * by, w, change), state, value

    return adam.init, learn, jax.jit(lambda w, pixels: frames(w, pixels).argmax(2))
