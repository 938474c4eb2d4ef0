"""The efficiency of a model: parameters, multiply-accumulates, time and memory."""

from metrics.counting import CONVENTIONS, Count, ModuleCount, Parts, count, count_modules, count_under
from metrics.memory import MEBIBYTE, MemoryLimitError, in_fresh_process, peak_memory
from metrics.prediction import Prediction, predict_memory
from metrics.timing import Latency, latency, one_pass

__all__ = [
    "CONVENTIONS",
    "MEBIBYTE",
    "Count",
    "Latency",
    "MemoryLimitError",
    "ModuleCount",
    "Parts",
    "Prediction",
    "count",
    "count_modules",
    "count_under",
    "in_fresh_process",
    "latency",
    "one_pass",
    "peak_memory",
    "predict_memory",
]
