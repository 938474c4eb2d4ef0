"""The checks: a function a finding, named as its id in studies/findings.yaml; importing them registers them."""

from reports.audit.checks import code, counts, printed

__all__ = ["code", "counts", "printed"]
