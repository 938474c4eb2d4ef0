"""ASF and AMC: a small skeleton worked out by hand, and every fault named with its line."""

from pathlib import Path

import numpy as np
import pytest

from datasets.asf import forward_kinematics, read_amc, read_asf
from studies.errors import InputError

ASF = """# a two-bone arm
:version 1.10
:units
  mass 1.0
  length 0.5
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name upper
     direction 1 0 0
     length 2
     axis 0 0 90  XYZ
    dof rx rz
    limits (-10 10)
           (-10 10)
  end
  begin
     id 2
     name lower
     direction 0 1 0
     length 1
     axis 0 0 0  XYZ
    dof ry
  end
  begin
     id 3
     name stub
     direction 0 0 1
     length 1
     axis 0 0 0  XYZ
  end
:hierarchy
  begin
    root upper stub
    upper lower
  end
"""
FRAME = "{}\nroot 1 2 3 0 0 0\nupper {} {}\nlower 0\n"
HEADER = "#!OML:ASF x.ASF\n:FULLY-SPECIFIED\n:DEGREES\n"
INCH = 0.0254 / 0.5


def _amc(*frames: str) -> str:
    return HEADER + "".join(frames)


GOOD = [FRAME.format(i, 0, 0) for i in (1, 2, 3)]


@pytest.fixture
def asf(tmp_path: Path) -> Path:
    path = tmp_path / "x.asf"
    path.write_text(ASF)
    return path


def test_forward_kinematics_by_hand(asf: Path, tmp_path: Path) -> None:
    skeleton = read_asf(asf)
    # The upper bone's frame is turned by 90 degrees about z: its rx turns about the world's y.
    (tmp_path / "x.amc").write_text(_amc(FRAME.format(1, 0, 0), FRAME.format(2, 90, 0), FRAME.format(3, 0, 90)))
    points = forward_kinematics(skeleton, read_amc(tmp_path / "x.amc", skeleton)) / INCH
    assert skeleton.points == ("root", "upper", "stub", "lower")
    place = np.array([1, 2, 3])
    np.testing.assert_allclose(points[:, 0], [place] * 3)
    np.testing.assert_allclose(points[:, 1] - place, [[2, 0, 0], [0, 0, -2], [0, 2, 0]], atol=1e-12)
    np.testing.assert_allclose(points[:, 3] - points[:, 1], [[0, 1, 0], [0, 1, 0], [-1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(points[:, 2] - place, [[0, 0, 1]] * 3, atol=1e-12)


def test_x_is_applied_before_y_before_z(asf: Path, tmp_path: Path) -> None:
    skeleton = read_asf(asf)
    (tmp_path / "x.amc").write_text(_amc("1\nroot 0 0 0 90 0 90\nupper 0 0\nlower 0\n"))
    points = forward_kinematics(skeleton, read_amc(tmp_path / "x.amc", skeleton)) / INCH
    np.testing.assert_allclose(points[0, 3] - points[0, 1], [0, 0, 1], atol=1e-12)  # y -> z by x, then z stays


def test_line_ends_and_blank_lines_at_the_end_do_not_matter(asf: Path, tmp_path: Path) -> None:
    (tmp_path / "x.amc").write_bytes((_amc(*GOOD) + "\n\n").replace("\n", "\r\n").encode())
    motion = read_amc(tmp_path / "x.amc", read_asf(asf))
    assert {name: values.shape for name, values in motion.items()} == {"root": (3, 6), "upper": (3, 2), "lower": (3, 1)}


FAULTS = {
    "truncated in a frame": (_amc(*GOOD)[:-8], r"x\.amc: ends in frame 3, before 'lower'"),
    "truncated in a line": (_amc(*GOOD)[:-10], r"x\.amc, line 14: 'upper' has 1 values instead of 2 in frame 3"),
    "a frame lacks bones": (
        _amc(GOOD[0], "2\nroot 1 2 3 0 0 0\n", GOOD[2]),
        "line 10: frame 2 lacks 'lower' and 1 more",
    ),
    "an unknown joint": (
        _amc(GOOD[0].replace("lower", "tail")),
        r"line 7: frame 1 moves 'tail', which the skeleton lacks",
    ),
    "a joint that cannot move": (_amc(GOOD[0] + "stub 1\n"), "line 8: frame 1 moves 'stub'"),
    "NaN": (
        _amc(GOOD[0], FRAME.format(2, "nan", 0)),
        "line 10: 'upper' has a value that is not a finite number in frame 2",
    ),
    "infinite": (_amc(FRAME.format(1, 0, "1e999")), "line 6: 'upper' has a value that is not a finite number"),
    "not a number": (_amc(FRAME.format(1, 0, "0.1.2")), "line 6: 'upper' has a value that is not a finite number"),
    "a frame is left out": (_amc(GOOD[0], GOOD[2]), "line 8: frame 3 follows frame 1"),
    "a bone twice": (_amc(GOOD[0].replace("lower 0", "upper 0 0")), "line 7: frame 1 has 'upper' twice"),
    "another order": (
        _amc(GOOD[0], "2\nupper 0 0\nroot 1 2 3 0 0 0\nlower 0\n"),
        r"x\.amc: its frames list the bones in varying order",
    ),
    "an empty line": (_amc(GOOD[0], "\n", GOOD[1]), "line 8: is empty"),
    "no frame": (HEADER, r"x\.amc: holds no frame"),
    "nothing": ("", r"x\.amc: holds no frame"),
    "not text": ("\u00e9", r"x\.amc: is not text"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_a_motion(fault: str, asf: Path, tmp_path: Path) -> None:
    text, message = FAULTS[fault]
    path = tmp_path / "x.amc"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=message + ".*damaged, fetch it again") as caught:
        read_amc(path, read_asf(asf))
    assert "\n" not in str(caught.value)


ASF_FAULTS = {
    "no section": (":hierarchy", ":anarchy", "lacks the section :hierarchy"),
    "radians": ("angle deg", "angle rad", ":units must give a length, and angles in deg"),
    "no length": ("length 0.5", "length 0", ":units has the length '0'"),
    "another order": ("TX TY TZ RX RY RZ", "RX RY RZ TX TY TZ", ":root must have the order"),
    "a broken bone": ("direction 0 1 0", "direction 0 1", "line 30: the bone that ends here is incomplete"),
    "NaN": ("direction 0 1 0", "direction 0 nan 0", "line 30: the bone that ends here is incomplete"),
    "an unknown bone": ("upper lower", "upper flower", "line 30: the bone that ends here is incomplete"),
    "an orphan": ("root upper stub", "root stub", "line 41: 'upper' has children before it has a parent"),
    "a ghost": ("upper lower", "upper lower ghost", ":hierarchy names the bone 'ghost', :bonedata lacks it"),
}


@pytest.mark.parametrize("fault", ASF_FAULTS)
def test_faults_of_a_skeleton(fault: str, asf: Path) -> None:
    old, new, message = ASF_FAULTS[fault]
    assert old in ASF
    asf.write_text(ASF.replace(old, new))
    with pytest.raises(InputError, match=rf"x\.asf.*{message}") as caught:
        read_asf(asf)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.asf: cannot be read \(No such file"):
        read_asf(tmp_path / "x.asf")


@pytest.mark.shared
def test_real_skeletons_keep_their_bones_and_people_their_height(shared: Path) -> None:
    for folder, clip in (("subjects/02", "02_01"), ("subjects/03", "03_01"), ("extra/subjects/35", "35_01")):
        skeleton = read_asf(shared / "data/cmu" / folder / f"{clip[:2]}.asf")
        points = forward_kinematics(skeleton, read_amc(shared / "data/cmu" / folder / f"{clip}.amc", skeleton))
        assert points.shape[1:] == (31, 3)
        parents = [skeleton.points.index(bone.parent) for bone in skeleton.bones.values()]
        lengths = np.linalg.norm(points[:, 1:] - points[:, parents], axis=-1)  # (F, 30)
        stated = [bone.length for bone in skeleton.bones.values()]
        np.testing.assert_allclose(lengths, np.broadcast_to(stated, lengths.shape), atol=1e-6)
        # Ankle or toe to the end of the head bone, and about 0.14 m of crown and sole that are no joints (spec
        # 3.1).
        height = np.percentile(points[..., 1].max(1) - points[..., 1].min(1), 95) + 0.14
        assert 1.5 < height < 1.9, clip
