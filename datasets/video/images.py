"""Frames on disk: read whole or not at all. OpenCV works on one thread here."""

from pathlib import Path

import cv2
import numpy as np

from base.errors import InputError

cv2.setNumThreads(1)  # the data are made and read by many processes at once; results do not depend on it

_ENDS = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"\xaeB`\x82"}  # first two bytes of JPEG and PNG -> last bytes
_TAIL = 64  # bytes: some writers pad a file after its end marker


def read_image(path: str | Path) -> np.ndarray:
    """A frame as RGB uint8 (H, W, 3). Raises InputError naming the file: missing, truncated, not an image.

    A decoder fills the rest of a truncated JPEG with grey and says nothing: the end marker is looked for first.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); the frame is missing, fetch it again") from None
    if _ENDS.get(data[:2], b"") not in data[-_TAIL:]:
        raise InputError(f"{path}: is truncated ({len(data)} bytes, no end marker); fetch or make the frame again")
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise InputError(f"{path}: is not an image that can be decoded; fetch or make the frame again")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
