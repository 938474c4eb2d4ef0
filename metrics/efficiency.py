"""The efficiency of a model: parameters, multiply-accumulates, time and memory."""

from metrics.counting import CONVENTIONS, Count, count
from metrics.memory import peak_memory
from metrics.timing import latency, throughput

__all__ = ["CONVENTIONS", "Count", "count", "latency", "peak_memory", "throughput"]
