"""COCO's form of JSON, which annotations of PoseTrack and JHMDB and the results of detectors share: who in it counts.

PoseTrack's kit wants one category with the name `person` and knows no crowds; pose toolboxes leave crowds out.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from base.errors import InputError

REMEDY = "fetch or convert the file again"
PERSON = 1  # COCO's number of the category, and PoseTrack's


def read_json(path: Path) -> Any:
    """Content of a JSON file. Raises InputError naming it."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {REMEDY}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({' '.join(str(error).split())}); {REMEDY}") from None


def person_category(content: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """The category of persons: the one with that name, or the only one if it has no name; PERSON where none is listed.

    Raises InputError naming the file unless there is exactly one.
    """
    categories = content.get("categories") or [{"id": PERSON}]
    persons = [category for category in categories if str(category.get("name", "person")).lower() == "person"]
    if len(persons) != 1:
        names = ", ".join(str(category.get("name", "(no name)")) for category in categories)
        raise InputError(f"{path}: one category 'person' is wanted, its categories are {names}; {REMEDY}")
    return persons[0]


def counts(entry: Mapping[str, Any], category: Mapping[str, Any]) -> bool:
    """Whether an annotation or a detection is one person: of that category or of none, and no crowd."""
    of = entry.get("category_id")
    return not entry.get("iscrowd") and (of is None or int(of) == int(category["id"]))


def slots(
    category: Mapping[str, Any], joints: Sequence[str], usual: Sequence[str], path: Path
) -> tuple[list[int], int]:
    """Where the file keeps each of the joints, and how many slots it has; `usual` where its category does not say.

    Raises InputError naming the file and a joint that it lacks.
    """
    names = category.get("keypoints") or list(usual)
    if missing := [joint for joint in joints if joint not in names]:
        raise InputError(f"{path}: its categories lack the key point {missing[0]!r}; {REMEDY}")
    return [names.index(joint) for joint in joints], len(names)
