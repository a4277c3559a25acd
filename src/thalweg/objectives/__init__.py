"""What training brings down so that the energy takes the right shape."""

from thalweg.objectives.base import Objective
from thalweg.objectives.push_down import PushDown

__all__ = ["Objective", "PushDown"]
