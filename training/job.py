"""What to train, from what and where to, as one record that a file can carry from process to process."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

from base.errors import InputError
from base.records import whole_record
from studies.recipes import RunSpec

PATHS = ("data", "run", "state", "official", "weights", "features")


@dataclass(frozen=True)
class Job:
    """A run to train.

    data : folder of the prepared data set
    run : folder for `weights*.safetensors`, `history.csv`, `predictions.npz`, `run.json`, written at the end
    state : folder for what a killed training resumes from; no output of the workflow
    sources : files whose change makes an old state useless
    official : official weights: a lifting network is judged with them as they are, a video encoder starts from them
    weights : of the pretraining of the same encoder, for a network on video to start from
    features : folder of what that encoder sees (`training.features`), where it stays frozen
    threads : of each process
    """

    spec: RunSpec
    data: Path
    run: Path
    state: Path
    sources: tuple[str, ...] = ()
    official: Path | None = None
    weights: Path | None = None
    features: Path | None = None
    threads: int = 1

    @property
    def starts(self) -> list[Path]:
        """The files of weights that the network starts from."""
        return [path for path in (self.official, self.weights) if path]

    def to_json(self) -> str:
        """For `from_json` in another process."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(content | {"spec": self.spec.as_json()}, default=str)

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """What `to_json` wrote; what is left out is as by default.

        A file from before may say `task` as well, which follows from the data set. Raises InputError for other content.
        """
        try:
            content = json.loads(text)
        except ValueError:
            raise InputError("job: is not JSON; write it again") from None
        if not isinstance(content, dict):
            raise InputError("job: is not a mapping of keys to values; write it again")
        content.pop("task", None)
        paths = {name: Path(value) for name in PATHS if isinstance(value := content.get(name), str)}
        listed = {"sources": tuple(sources)} if isinstance(sources := content.get("sources"), list) else {}
        spec = {"spec": RunSpec.from_json(content.get("spec"))}
        job = whole_record(cls, content | paths | listed | spec, "job")
        if job.threads < 1:
            raise InputError(f"job: key 'threads' cannot be {job.threads}")
        return job
