"""Reading checkpoint files without running or making anything that stands in them beside tensors and plain values.

PyTorch's restricted unpickler makes tensors, containers, numbers and text. What training scripts leave beside the
weights (NumPy's numbers and random states, command line arguments, paths) is not needed: stand-ins that ignore
everything take its place, so that its own code is never called. Any other class or function in a file refuses it.
"""

import pickle
import re
import warnings
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from base.errors import InputError
from base.zips import START, fault_of_zip

DAMAGED = "is damaged or no torch checkpoint"
FAULTS = (RuntimeError, EOFError, ValueError, LookupError, AttributeError, TypeError, OSError, OverflowError)
OTHERWISE = {  # how torch names sound files that hold no weights, or hold them in an older way
    "TorchScript archives": "is a TorchScript program: give the checkpoint that it was made from",
    "legacy .tar format": "has the tar format of PyTorch before 0.2, which is not read: save its weights anew",
}
REFUSAL = re.compile(r"unsupported (?:global|class)|unrecognized|can only|must be imported", re.I)
NAMED = re.compile(r"GLOBAL (\S+)|function (.+)|got (?:<class ')?([\w.]+)")
PROTOCOL = "is a pickle of another protocol than 2, which alone is read: write it again with torch.save"
ALONE = "save its weights alone, as a dictionary of tensors"


class _Object:
    """Stands for an object beside the weights, whatever it is made of."""

    def __new__(cls, *_: object) -> "_Object":
        return super().__new__(cls)

    def __setstate__(self, _: object) -> None:
        pass


class _Mapping:
    """Stands for an object that is filled as a dictionary."""

    def __new__(cls, *_: object) -> OrderedDict:
        return OrderedDict()


class _List:
    """Stands for an object that is filled as a list."""

    def __new__(cls, *_: object) -> list:
        return []


# Module -> names in it that a stand-in takes the place of. NumPy before 2.0 has `core` for `_core`.
OBJECTS = {
    **dict.fromkeys(["numpy.core.multiarray", "numpy._core.multiarray"], "scalar _reconstruct"),
    **dict.fromkeys(["numpy.core.numeric", "numpy._core.numeric"], "_frombuffer"),
    **dict.fromkeys(["numpy.core.records", "numpy._core.records", "numpy.rec"], "recarray record"),
    "numpy": "dtype ndarray matrix memmap recarray record void object_ str_ bytes_ datetime64 timedelta64 "
    "bool bool_ bool8 int8 int16 int32 int64 int_ intc intp longlong uint8 uint16 uint32 uint64 uint uintc uintp "
    "ulonglong half float16 single float32 double float64 float_ longdouble float96 float128 complex64 complex128 "
    "complex256 clongdouble",
    "numpy.ma": "MaskedArray",
    "numpy.ma.core": "MaskedArray _mareconstruct",
    "numpy.matrixlib.defmatrix": "matrix",
    "numpy.random": "__RandomState_ctor",
    "numpy.random._pickle": "__randomstate_ctor __bit_generator_ctor __generator_ctor",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64 PCG64DXSM",
    "numpy.random._philox": "Philox",
    "numpy.random._sfc64": "SFC64",
    "numpy.random.bit_generator": "SeedSequence __pyx_unpickle_SeedSequence",
    "argparse": "Namespace",
    "builtins": "bool bytes dict float frozenset int list range slice str tuple",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "mmengine.logging.history_buffer": "HistoryBuffer",
    **dict.fromkeys(["pathlib", "pathlib._local"], "PosixPath PurePosixPath WindowsPath PureWindowsPath"),
    "torch.torch_version": "TorchVersion",
    "types": "SimpleNamespace",
}
LISTS = {"collections": "deque"}
MAPPINGS = {
    "addict.addict": "Dict",
    "collections": "defaultdict",
    "easydict": "EasyDict",
    "yacs.config": "CfgNode",
    **dict.fromkeys(["mmengine.config.config", "mmcv.utils.config"], "ConfigDict"),
    **dict.fromkeys(["lightning_fabric.utilities.data", "lightning.fabric.utilities.data"], "AttributeDict"),
    "pytorch_lightning.utilities.parsing": "AttributeDict",
}
STAND_INS = [
    (kind, f"{module}.{name}")
    for kind, modules in ((_Object, OBJECTS), (_List, LISTS), (_Mapping, MAPPINGS))
    for module, names in modules.items()
    for name in names.split()
]


def read_checkpoint(path: Path) -> dict:
    """Content of a checkpoint file: safetensors, or torch's own formats, told apart by what is in it.

    A file in torch's zip format is compared with its checksums first; the older format and safetensors have none.
    Raises InputError for what is no such file, is damaged, or holds what would have to be run to be read.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: a .bin file is itself a zip, load the file and do not unpack it")
    if not path.is_file():
        raise InputError(f"{path} does not exist: give the path of the downloaded checkpoint file")
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): change its permissions") from None
    zipped = start.startswith(START)
    if not zipped and (path.suffix == ".safetensors" or start[8:] == b"{"):
        return _read_safetensors(path)
    if start[:1] == b"\x80" and start[1:2] > b"\x02":
        raise InputError(f"{path} {PROTOCOL}")
    if zipped and (fault := fault_of_zip(path)):
        raise InputError(f"{path} {DAMAGED} ({fault}): download it again")
    content = _read_torch(path, zipped)
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds a {type(content).__name__}, not a dictionary of weights: give a checkpoint file"
        )
    return content


def _read_torch(path: Path, sound: bool) -> object:
    """sound : whether the file's checksums are right, so that whatever is not read is not damage."""
    try:
        with torch.serialization.safe_globals(STAND_INS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old types of storages, and of other protocols
            with path.open("rb") as file:  # from a path torch would tell the format by the suffix
                return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        why = _refused(str(error).rpartition("WeightsUnpickler error: ")[2], sound)
    except FAULTS as error:
        why = next((text for sign, text in OTHERWISE.items() if sign in str(error)), _unread(error, sound))
    raise InputError(f"{path} {why}")


def _refused(error: str, sound: bool) -> str:
    """What to say of a file that torch's unpickler refuses, by its message."""
    if sound and "unsupported operand" in error.lower():
        return PROTOCOL
    if not sound and not REFUSAL.search(error):
        return f"{DAMAGED}: download it again"
    named = NAMED.search(error)
    what = next((f" ({name})" for name in named.groups() if name), "") if named else ""
    return f"holds more than weights{what}, which is not loaded because it may run code: {ALONE}"


def _unread(error: Exception, sound: bool) -> str:
    """What to say of a file that torch gives up: a zip's own records have no checksum."""
    if not sound or "zip archive" in str(error):
        return f"{DAMAGED}: download it again"
    return f"is whole, and holds what is not read here ({str(error).strip().splitlines()[0]}): {ALONE}"


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError):
        raise InputError(f"{path} is damaged or no safetensors file: download it again") from None
