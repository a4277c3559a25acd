"""One page that says what a careful analyst would say of a table."""

from thalweg.report.findings import Findings, look_at
from thalweg.report.page import report

__all__ = ["Findings", "look_at", "report"]
