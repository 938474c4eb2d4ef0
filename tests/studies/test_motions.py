"""The list of motions, and what it must agree with elsewhere."""

import subprocess
import sys

from datasets.motion.detector import PRESETS
from datasets.rendered.prepare import PRESETS as FILMS
from studies.motions import lifting_data, motions, video_data


def test_every_preset_of_the_detector_is_prepared_of_every_motion() -> None:
    assert set(map(str, lifting_data())) == {f"{name}-{preset}" for name in motions() for preset in PRESETS}


def test_a_motion_is_filmed_where_there_is_a_film_of_it() -> None:
    assert set(map(str, video_data())) == set(FILMS)


def test_listing_them_loads_nothing_heavy() -> None:
    code = "import sys, studies.motions; studies.motions.motions(); "
    code += "assert not {'torch', 'pandas', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
