"""What Hypothesis draws: the same examples for everyone, or in a search (tests/search.py) others and more of them."""

from hypothesis import HealthCheck, settings

ORDINARY, MORE = 100, 500  # examples of a test that does not say how many: Hypothesis's own number, and a search's
# Neither time nor what an earlier run has left on a machine decides whether a test passes.
COMMON = {"database": None, "deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("same", derandomize=True, max_examples=ORDINARY, **COMMON)
settings.register_profile("search", max_examples=MORE, print_blob=True, **COMMON)
settings.load_profile("same")  # pytest's --hypothesis-profile comes later and wins


def examples(count: int) -> settings:
    """For a test whose examples are dear: so many of them, and more in proportion in a search."""
    return settings(max_examples=max(1, count * settings().max_examples // ORDINARY))
