"""A way out of pickle: weights written as safetensors in a confined process, and proved to be the same tensors."""

from modelguard.conversion.comparing import Comparison, Side, compare
from modelguard.conversion.converting import Conversion, convert

__all__ = ["Comparison", "Conversion", "Side", "compare", "convert"]
