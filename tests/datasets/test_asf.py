"""ASF and AMC: a small skeleton worked out by hand, and every fault named with its line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from base.errors import InputError
from datasets.motion.asf import forward_kinematics, read_amc, read_asf

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


WRITTEN = {  # the same motion, written otherwise
    "line ends of Windows, blank ones at the end": (_amc(*GOOD) + "\n\n").replace("\n", "\r\n").encode(),
    "line ends of old Macs": _amc(*GOOD).replace("\n", "\r").encode(),
    "blank lines": _amc(*GOOD).replace("\n", "\n  \n\n").encode(),
    "remarks in lines and at their ends": _amc(*GOOD).replace("\n", " # root 1 2\n# remark\n").encode(),
    "remarks that are not ASCII": ("# G\u00e4nge\n" + _amc(*GOOD)).encode("latin-1"),
    "a byte order mark": _amc(*GOOD).encode("utf-8-sig"),
    "UTF-16": _amc(*GOOD).encode("utf-16"),
    "tabs and blanks": _amc(*GOOD).replace(" ", "\t ").replace("\n", " \t\n  ").encode(),
    "capitals": _amc(*GOOD).upper().encode(),
    "the end of a DOS file": _amc(*GOOD).encode() + b"\x1a",
    "no header": "".join(GOOD).encode(),
    "bones in another order": _amc(
        GOOD[0], "\n".join(GOOD[1].split("\n")[i] for i in (0, 3, 1, 2, 4)), GOOD[2]
    ).encode(),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_what_is_written_otherwise_is_read(way: str, asf: Path, tmp_path: Path) -> None:
    (tmp_path / "x.amc").write_text(_amc(*GOOD))
    (tmp_path / "y.amc").write_bytes(WRITTEN[way])
    skeleton = read_asf(asf)
    one, other = (read_amc(tmp_path / name, skeleton) for name in ("x.amc", "y.amc"))
    assert {name: values.shape for name, values in one.items()} == {"root": (3, 6), "upper": (3, 2), "lower": (3, 1)}
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("change", [str.upper, lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
def test_a_skeleton_that_is_written_otherwise_is_read(change: Callable, asf: Path) -> None:
    wanted = read_asf(asf)
    asf.write_bytes(change(ASF).encode())
    found = read_asf(asf)
    assert [name.lower() for name in found.points] == list(wanted.points)
    for one, other in zip(found.bones.values(), wanted.bones.values(), strict=True):
        np.testing.assert_array_equal(one.direction * one.length, other.direction * other.length)


def test_a_bone_is_found_whatever_its_capitals(asf: Path, tmp_path: Path) -> None:
    asf.write_text(ASF.replace("name upper", "name Upper"))
    (tmp_path / "x.amc").write_text(_amc(*GOOD))
    skeleton = read_asf(asf)
    assert skeleton.points == ("root", "Upper", "stub", "lower")
    assert forward_kinematics(skeleton, read_amc(tmp_path / "x.amc", skeleton)).shape == (3, 4, 3)


def test_radians_are_told_from_degrees(asf: Path, tmp_path: Path) -> None:
    """All angles, the root's too, and no place."""
    skeleton = read_asf(asf)
    degrees = "1\nroot 1 2 3 10 20 30\nupper 40 50\nlower 60\n"
    (tmp_path / "d.amc").write_text(HEADER + degrees)
    radians = "1\nroot 1 2 3 {} {} {}\nupper {} {}\nlower {}\n".format(*np.radians([10, 20, 30, 40, 50, 60]).tolist())
    (tmp_path / "r.amc").write_text(HEADER.replace("DEGREES", "radians") + radians)
    one, other = (forward_kinematics(skeleton, read_amc(tmp_path / name, skeleton)) for name in ("d.amc", "r.amc"))
    np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.shared
def test_the_case_in_radians(shared: Path) -> None:
    case = shared / "cases/amc-in-radians"
    skeleton = read_asf(case / "t.asf")
    points, same = (
        forward_kinematics(skeleton, read_amc(case / name, skeleton)) for name in ("t.amc", "t_degrees.amc")
    )
    np.testing.assert_allclose(points[0, -1], [0.1924, 0.0348, 0.0281], atol=5e-5)
    np.testing.assert_allclose(points, same, atol=1e-12)


@pytest.mark.shared
def test_the_case_with_remarks(shared: Path) -> None:
    case = shared / "cases/amc-with-comments"
    assert len(read_amc(case / "t.amc", read_asf(case / "t.asf"))["root"]) == 2


HEADERS = {
    "both units": (":DEGREES\n:RADIANS\n", "says both :degrees and :radians"),
    "an unknown header": (":PARTIALLY-SPECIFIED\n", "line 1: ':PARTIALLY-SPECIFIED' comes before the first frame"),
    "a page": ("<!DOCTYPE html>\n", "line 1: '<!DOCTYPE' comes before the first frame"),
    "the end of a frame": ("upper 0 0\nlower 0\n", "line 1: 'upper' comes before the first frame"),
    "another rate": (":SAMPLES-PER-SECOND 60\n", "line 1: 60 frames per second, 120 are expected"),
    "no rate": (":SAMPLES-PER-SECOND\n", "line 1:  frames per second, 120 are expected"),
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_is_read(header: str, asf: Path, tmp_path: Path) -> None:
    text, message = HEADERS[header]
    (tmp_path / "x.amc").write_text(text + "".join(GOOD))
    with pytest.raises(InputError, match=rf"x\.amc.*{message}"):
        read_amc(tmp_path / "x.amc", read_asf(asf), fps=120)


def test_the_expected_rate_is_no_fault(asf: Path, tmp_path: Path) -> None:
    (tmp_path / "x.amc").write_text(":SAMPLES-PER-SECOND 120\n" + "".join(GOOD))
    assert len(read_amc(tmp_path / "x.amc", read_asf(asf), fps=120)["root"]) == 3


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
    "a root that does not start at zero": (
        "position 0 0 0",
        "position 0 9 0",
        "the position 0 9 0; only 0 0 0 is read",
    ),
    "a turned root": ("orientation 0 0 0", "orientation 90 0 0", "the orientation 90 0 0; only 0 0 0 is read"),
    "another order of a bone": (
        "axis 0 0 90  XYZ",
        "axis 0 0 90  ZYX",
        r"unsupported form \(its axis has the order ZYX",
    ),
    "a length that moves": ("dof ry", "dof ry l", r"unsupported form \(dof ry l, only rx, ry, rz"),
    "an axis twice": ("dof rx rz", "dof rx rx", r"unsupported form \(dof rx rx, only rx, ry, rz are read, each once"),
    "a bone twice": ("name lower", "name upper", "line 30: the bone that ends here is the second 'upper'"),
    "two parents": ("upper lower", "stub lower\n    upper lower", "'lower' gets a second parent"),
    "units twice": (":root\n", ":units\n  angle rad\n:root\n", "line 7: :units appears twice"),
    "a negative length": ("length 0.5", "length -1", ":units has the length '-1'"),
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
