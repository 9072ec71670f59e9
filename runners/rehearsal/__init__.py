"""Rehearse GPU implementations on a machine without a GPU.

There are two ways. Both use a fresh process for each implementation:

signatures   The names of the GPU libraries lead to stand-ins (`stand_ins.py`). A stand-in first binds every call to the
             real library's signature, so a call that this library does not accept fails. Then the CPU library computes.
emulated     The real code runs on an emulated device: Numba's CUDA simulator, LightGBM's OpenCL on the processor
             (PoCL), Torch and JAX on their CPU back ends.

Neither way says anything about speed, memory, or a device's own rounding: only a GPU shows these.
"""
