"""Pruning: reasoning that was written down, without the steps that its answer does not need, for fine-tuning.

Xiao et al. 2025, 'LIMOPro: Reasoning Refinement for Efficient and Effective Test-time Scaling' (arXiv:2505.19187).
"""

MOST_STEPS = 300
"""Of a chain, by default: each step that may go costs a call that reads all others."""
