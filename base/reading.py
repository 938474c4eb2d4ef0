"""Reading the YAML files that users write, so that every mistake ends in one line: file, place, key, remedy.

Imported while Snakemake parses the workflow: jsonschema (70 ms) is imported only where a schema is checked.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import reduce
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from base import ROOT
from base.errors import InputError

if TYPE_CHECKING:
    from jsonschema import ValidationError

SCHEMAS = ROOT / "workflow" / "schemas"
FEW = 12  # known names that still fit on a line
LONG = 160  # characters of a message that is not ours
CHOSEN_KEY = re.compile(r"[a-zA-Z_][\w-]*\w")  # what Snakemake's --config takes for one


class _StrictLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Safe loader that refuses a key given twice, where PyYAML silently keeps the last, and a key that is not text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is not None and key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"key {key!r} stands twice in one mapping; remove one", problem_mark=key_node.start_mark
                )
            seen.add(key)
        mapping = super().construct_mapping(node, deep)
        if strange := [key for key in mapping if not isinstance(key, str)]:
            raise yaml.constructor.ConstructorError(
                problem=f"key {strange[0]!r} is not text; write it in quotes", problem_mark=node.start_mark
            )
        return mapping


def read_yaml(path: str | Path) -> dict:
    """Content of a YAML file whose top level is a mapping.

    Raises InputError for a file that is absent, unreadable, not YAML, or has a key twice in one mapping.
    """
    shown = display(path)
    try:
        content = yaml.load(Path(path).read_bytes(), _StrictLoader)
    except OSError as error:
        raise InputError(f"{shown}: cannot be read ({error.strerror}); check the path") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{shown}: {_yaml_complaint(error)}") from None
    if not isinstance(content, dict):
        raise InputError(f"{shown}: must be a mapping of keys to values")
    return content


def with_choices(config: dict, choices: Sequence[str] | Mapping[str, object]) -> dict:
    """A config with what was chosen on the command line: mappings merge, anything else replaces.

    choices: arguments `key=value` of our own commands, or what Snakemake made of those after `--config`. Both mean the
    same: a value is YAML whose plain words are read by `_meant`, quoted or not, since Snakemake takes quotes off.
    Raises InputError for an argument of another form.
    """
    if not isinstance(choices, Mapping):
        pairs = [_pair(choice) for choice in choices]
        return reduce(_merged, ({key: _structure(value)} for key, value in pairs), config)
    return _merged(config, choices)


def _pair(choice: str) -> tuple[str, str]:
    """Key and value of an argument, by the rules of Snakemake's `--config`."""
    key, equals, value = choice.partition("=")
    if not equals:
        raise InputError(f"{choice!r}: say key=value, as in scale=open")
    if not CHOSEN_KEY.fullmatch(key):
        raise InputError(f"{choice!r}: {key!r} is no key; one inside of another is said as in budget='{{hours: 3}}'")
    return key, value.strip("'\"")


def _structure(value: str) -> object:
    """Lists and mappings of texts; a value that is no YAML is one text."""
    try:
        return yaml.load(value, yaml.BaseLoader)
    except yaml.YAMLError:
        return value


def _merged(config: object, choice: object) -> object:
    """What a choice makes of a part of the config."""
    if isinstance(choice, Mapping):
        mine = config if isinstance(config, Mapping) else {}
        return {**mine, **{key: _merged(mine.get(key), value) for key, value in choice.items()}}
    if isinstance(choice, Sequence) and not isinstance(choice, str):
        return [_merged(None, item) for item in choice]
    return _meant(choice) if isinstance(choice, str) else choice


def _meant(text: str) -> object:
    """A number, true, false or null where a text is written like one, else the text.

    Numbers are read as Snakemake does it, which takes 1e3 and 010, then as YAML does. It hands null on as `None`.
    """
    for read in (int, float, yaml.safe_load):
        try:
            value = read(text)
        except (ValueError, yaml.YAMLError):
            continue
        if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
            return value
    return None if text == "None" else text


def inherited(
    name: str, written: Mapping[str, dict], file: str | Path, noun: str, merge: Callable[[dict, dict], dict]
) -> dict:
    """An entry of a file with what it inherits by `like`; merge: what an ancestor says and what its heir does -> both.

    Raises InputError for a `like` that names no other entry, each of which is a `noun`, or leads round in a circle.
    """
    line = [name]  # from the entry to its eldest ancestor
    while (parent := written[line[-1]].get("like")) is not None:
        if parent in line:
            circle = " -> ".join([*line, parent])
            raise InputError(f"{display(file)}: {name}.like: goes round in a circle ({circle})")
        if parent not in written:
            raise InputError(f"{display(file)}: {line[-1]}.like: unknown {noun} {parent!r}{nearest(parent, written)}")
        line.append(parent)
    own = ({key: value for key, value in written[each].items() if key != "like"} for each in reversed(line))
    return reduce(merge, own)


def check_schema(data: object, schema: str, file: str | Path) -> None:
    """Check data, read from `file`, against `workflow/schemas/<schema>.schema.yaml`.

    A number is finite, and one with a point (5.0) is no integer. Raises InputError: one line with the file, the place
    in it (tables[0].rows[3]), the key and the nearest known name.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match
    from jsonschema.validators import extend
    from referencing import Registry, Resource

    schemas = Registry(retrieve=lambda name: Resource.from_contents(read_yaml(SCHEMAS / name)))
    described = read_yaml(SCHEMAS / f"{schema}.schema.yaml")
    kinds = {"integer": _is_integer, "number": _is_number}
    validator = extend(Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(kinds))
    errors = list(validator(described, registry=schemas).iter_errors(data))
    if errors:
        # A misspelt key is both unknown and missing, a misspelt kind makes every key wrong: the misspelling says more.
        misspelt = [e for word in ("additionalProperties", "enum") for e in errors if e.validator == word]
        where, what = _complaint(misspelt[0] if misspelt else best_match(errors))
        raise InputError(": ".join(part for part in (display(file), where, what) if part))


def _is_integer(_: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_: object, value: object) -> bool:
    return _is_integer(_, value) or (isinstance(value, float) and isfinite(value))


def nearest(name: object, known: Iterable[object]) -> str:
    """End of a message about an unknown name: `; did you mean 'x'?`, or the known names where they are few."""
    names = [str(k) for k in known]
    close = get_close_matches(str(name), names, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= FEW else ""


def display(path: str | Path) -> str:
    """A path as messages show it: relative to the repository where it lies inside."""
    path = Path(path)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.as_posix()


def place(parts: Iterable[str | int]) -> str:
    """Where in a file: ("tables", 0, "rows", 3) -> `tables[0].rows[3]`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return text.removeprefix(".")


def _complaint(error: "ValidationError") -> tuple[str, str]:
    """Place and plain words of one violation of a schema."""
    where = place(error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        key = next(key for key in error.instance if key not in known)
        return where, f"unknown key {key!r}{nearest(key, known)}"
    if error.validator == "required":
        key = next(key for key in error.validator_value if key not in error.instance)
        return where, f"key {key!r} is missing"
    if error.validator in ("enum", "const"):
        known = error.validator_value if error.validator == "enum" else [error.validator_value]
        return where, f"unknown value {error.instance!r}{nearest(error.instance, known)}"
    if error.validator == "type" and error.validator_value == "string":
        return where, f"{error.instance!r} is not text; write it in quotes"
    if error.validator == "not":  # how the schemas forbid a key
        return where, "this key does not belong here"
    return where, " ".join(error.message.split())[:LONG]


def _yaml_complaint(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f"line {mark.line + 1}: " if mark else ""
    if isinstance(error, UnicodeDecodeError | yaml.reader.ReaderError):
        problem = f"not UTF-8 text ({error.reason})"
    elif isinstance(error, RecursionError):
        problem = "is nested too deeply"
    else:
        problem = getattr(error, "problem", None) or str(error)  # str: of a date that no calendar has
    return f"{line}{' '.join(problem.split())[:LONG]}"
