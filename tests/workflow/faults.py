"""Faults to plant in a copy (`Checkout.edited`): a file, what stands there once, and what is wrong instead."""

SCAN_ORDER = (
    "models/ssm/orders.py",
    'BIDIRECTIONAL = ("spatial", "temporal", "spatial-reversed"',
    'BIDIRECTIONAL = ("spatial", "temporal", "spatial"',
)
JOINT_ORDER = ("datasets/skeletons.py", "RIGHT = (1, 2, 3, 14, 15, 16)", "RIGHT = (1, 2, 3, 16, 15, 14)")
FLIP_AVERAGING = ("training/evaluate.py", "order if flip_test else None", "None")
LOSS_TERM = (
    "training/losses.py",
    "for name, value in terms.items()]).sum()",
    "for name, value in list(terms.items())[:2]]).sum()",
)
