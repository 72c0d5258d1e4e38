"""Architecture search: which layers of Archon suit a set of tasks, a model and a budget.

Saad-Falcon et al. 2024, 'Archon: An Architecture Search Framework for Inference-Time Techniques' (arXiv:2409.15254):
its inference-time architecture search, with Optuna's samplers.
"""
