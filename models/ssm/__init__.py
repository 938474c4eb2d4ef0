"""The engine: one selective scan with several backends, and the orders in which tokens are visited."""

from models.ssm.backends import backend_in_use, describe_backend
from models.ssm.scan import selective_scan

__all__ = ["backend_in_use", "describe_backend", "selective_scan"]
