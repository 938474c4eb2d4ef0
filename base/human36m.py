"""How sequences of Human3.6M, and of ours in its style, are named, and which of its takes no protocol scores."""

# Takes whose ground truth is shifted (Greeting, SittingDown, Waiting of S9); sources without their camera.
HUMAN36M_BLOCKED = ("s_09_act_05_subact_02", "s_09_act_10_subact_02", "s_09_act_13_subact_01")


def take_of(sequence: str) -> str:
    """A sequence's name without its camera: `s_09_act_05_subact_02` of `s_09_act_05_subact_02_ca_01`."""
    return sequence[: -len("_ca_01")]
