"""The config at the door: checked against its schema and against what exists, before anything is planned."""

from studies.errors import InputError
from studies.load import study_names
from studies.reading import check_schema, nearest
from studies.variants import resolve_variants

LISTS = ("studies", "variants", "seeds")


def checked_config(config: dict) -> dict:
    """A checked copy of a config; lists may come from the command line as `a,b` or as one value.

    Raises InputError, one line that names the key or the value and the nearest known one.
    """
    config = config | {key: _as_list(config[key]) for key in LISTS if config.get(key) not in (None, "all")}
    check_schema(config, "config", "config.yaml")
    _known(config["studies"], study_names(), "study", "studies")
    if config["variants"] != "all":
        _known(config["variants"], list(resolve_variants()), "variant", "variants")
    _known(config["timing"]["variants"], list(resolve_variants()), "variant", "timing.variants")
    if config["scale"] == "paper":
        raise InputError(
            "scale: paper needs Human3.6M and MPI-INF-3DHP, which this version does not read; use quick, long or open"
        )
    return config


def _as_list(value: object) -> list:
    """`a,b` -> [a, b]; 0 -> [0]. Digits become numbers: Snakemake leaves those of a list as text."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    texts = [part.strip() if isinstance(part, str) else part for part in parts if part != ""]
    return [int(part) if isinstance(part, str) and part.isdigit() else part for part in texts]


def _known(names: list[str], known: list[str], what: str, key: str) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"config.yaml: {key}: unknown {what} {name!r}{nearest(name, known)}")
