"""Rehearsing GPU implementations on a machine without a GPU.

Two ways, each in a fresh process:

signatures   The names of the GPU libraries lead to twins. A twin's call is bound to the real library's signature first,
             so what that library does not have or does not take fails; then the CPU library computes (`twins.py`).
emulated     The real code runs on an emulated device: Numba's CUDA simulator, LightGBM's OpenCL on the processor
             (PoCL), Torch and JAX on their CPU back ends.

Neither says anything of speed, of memory, or of results that a device rounds in its own way: only a GPU does.
"""
