"""Whole protocols against independent loops written frame by frame from docs/protocols.md."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from base.errors import InputError
from metrics import protocols
from metrics.joint_errors import METRICS
from metrics.lifting import Frames, denormalise, human36m, mpi_inf_3dhp, pooled

SIZES = {
    "54138969": (1000, 1002),
    "60457274": (1000, 1002),
    "55011271": (1000, 1000),
    "58860488": (1000, 1000),
}


class PlainArrays(pickle.Unpickler):
    """Reads pickles of plain numpy arrays and builtin containers, nothing else."""

    def find_class(self, module: str, name: str) -> object:
        allowed = {"_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer"}
        if module.split(".")[0] == "numpy" and name in allowed:
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        raise pickle.UnpicklingError(f"{module}.{name} is not a plain array")


def h36m_test(shared: Path) -> dict[str, np.ndarray]:
    """MotionBERT's test split as columns, with the label's keypoints and a normaliser's results."""
    path = shared / "fixtures/synthetic/h36m/motionbert/h36m_sh_conf_cam_source_final.pkl"
    with path.open("rb") as file:
        split = {key: np.asarray(value) for key, value in PlainArrays(file).load()["test"].items()}
    size = np.array([SIZES[camera] for camera in split["camera_name"]], float)
    width, height = size[:, 0, None], size[:, 1, None]

    def normalise(pixels: np.ndarray) -> np.ndarray:
        shift = np.concatenate([np.ones_like(width), height / width], axis=1)[:, None]
        return 2 * pixels[..., :2] / width[..., None] - shift

    label = np.concatenate(
        [normalise(split["joint3d_image"]), 2 * split["joint3d_image"][..., 2:] / width[..., None]], axis=-1
    )
    return split | {
        "detected": normalise(split["joint_2d"]),
        "label": label,
        "columns": {
            "joints": split["joints_2.5d_image"],
            "factor": split["2.5d_factor"],
            "width": size[:, 0],
            "height": size[:, 1],
            "action": split["action"],
            "sequence": split["source"],
        },
    }


def slow_human36m(predictions: np.ndarray, columns: dict, gt_2d: np.ndarray | None = None) -> dict[str, float]:
    """MotionBERT's evaluation, one frame at a time; MPJPE and its aligned form."""
    blocked = ["s_09_act_05_subact_02", "s_09_act_10_subact_02", "s_09_act_13_subact_01"]
    errors: dict[str, list] = {}
    for i, pose in enumerate(predictions):
        if columns["sequence"][i][:-6] in blocked:
            continue
        pose = pose.astype(float).copy()
        pose[0] = 0
        if gt_2d is not None:
            pose[:, :2] = gt_2d[i]
        w, h = columns["width"][i], columns["height"][i]
        pixels = np.stack([(pose[:, 0] + 1) * w / 2, (pose[:, 1] + h / w) * w / 2, pose[:, 2] * w / 2], -1)
        p = pixels * columns["factor"][i]
        p, g = p - p[0], columns["joints"][i].astype(float) - columns["joints"][i, 0].astype(float)
        e1 = np.mean([np.sqrt(((a - b) ** 2).sum()) for a, b in zip(p, g, strict=True)])
        pc, gc = p - p.mean(0), g - g.mean(0)
        rotation = Rotation.align_vectors(gc, pc)[0].as_matrix()  # proper by construction
        turned = pc @ rotation.T
        aligned = turned * (turned * gc).sum() / (pc**2).sum()
        e2 = np.linalg.norm(aligned - gc, axis=-1).mean()
        if e1 > 0:
            errors.setdefault(columns["action"][i], []).append((e1, e2))
    means = np.mean([np.mean(pairs, axis=0) for pairs in errors.values()], axis=0)
    return {"mpjpe": means[0], "p_mpjpe": means[1]}


@pytest.mark.shared
def test_human36m_equals_an_independent_loop(shared):
    data = h36m_test(shared)
    flat = np.concatenate([data["detected"], np.zeros((600, 17, 1))], axis=-1)  # detections, depth 0
    flat -= flat[:, :1]
    result = human36m(flat, **data["columns"])
    expected = slow_human36m(flat, data["columns"])
    assert result["mpjpe"] == pytest.approx(expected["mpjpe"], rel=1e-9)
    assert result["p_mpjpe"] == pytest.approx(expected["p_mpjpe"], rel=1e-6)
    assert result["mpjpe"] > 100  # a flat pose is far off
    assert (result["frames"], result["blocked_frames"], result["ignored_frames"]) == (440, 160, 0)
    assert list(result["per_action"]) == ["Greeting", "Walking"]  # SittingDown is all blocked here
    assert np.mean(result["per_joint"]) == pytest.approx(result["mpjpe"])
    assert result["per_joint"][0] == 0
    everything = human36m(flat, **data["columns"], blocked=())
    assert everything["frames"] == 600
    assert "SittingDown" in everything["per_action"]


@pytest.mark.shared
def test_human36m_of_its_own_labels(shared):
    data = h36m_test(shared)
    relative = data["label"] - data["label"][:, :1]
    result = human36m(relative, **data["columns"])
    assert result["mpjpe"] < 1e-2  # float32 labels of thousands of mm
    assert result["pck3d"] == 100
    noisy = relative + np.random.default_rng(0).normal(0, 0.02, relative.shape)
    plain = human36m(noisy, **data["columns"])
    depth_only = human36m(noisy, **data["columns"], keypoints=data["label"][..., :2])
    expected = slow_human36m(noisy, data["columns"], data["label"][..., :2])
    assert depth_only["mpjpe"] == pytest.approx(expected["mpjpe"], rel=1e-9)
    assert depth_only["mpjpe"] < 0.75 * plain["mpjpe"]


def small(n: int = 6) -> dict[str, np.ndarray]:
    """n frames of two actions, 1000 x 1000 pixels, 2 mm per pixel: one unit is 1000 mm."""
    return {
        "joints": np.zeros((n, 17, 3)),
        "factor": np.full(n, 2.0),
        "width": 1000,
        "height": 1000,
        "action": np.array(["Walking"] * (n - 2) + ["Sitting"] * 2),
        "sequence": np.array(["s_09_act_14_subact_01_ca_01"] * (n - 2) + ["s_09_act_09_subact_01_ca_01"] * 2),
    }


def test_mean_over_actions_and_over_frames_by_hand():
    predictions = np.zeros((6, 17, 3))
    predictions[:4, 1, 2] = [0.017, 0.034, 0.051, 0.068]  # 17, 34, ... mm on one joint of 17
    predictions[4:, 1, 0] = [0.17, 0.17]
    predictions[:, 0] = 9.0  # whatever is predicted for the root does not count
    result = human36m(predictions, **small())
    assert result["per_action"]["Walking"]["mpjpe"] == pytest.approx(2.5)
    assert result["per_action"]["Sitting"]["mpjpe"] == pytest.approx(10)
    assert result["mpjpe"] == pytest.approx(6.25)
    assert pooled(predictions, Frames(**small()))["mpjpe"] == pytest.approx((1 + 2 + 3 + 4 + 10 + 10) / 6)
    assert result["per_action"]["Walking"]["mpjve"] == pytest.approx(1)
    assert result["mpjve"] == pytest.approx((1 + 0) / 2)
    assert result["per_action"]["Sitting"]["acceleration_error"] is None  # two frames have none
    assert result["acceleration_error"] == pytest.approx(0, abs=1e-9)
    assert result["per_joint"][1] == pytest.approx(6.25 * 17)
    assert set(result) == {
        *METRICS, "per_action", "per_joint", "frames", "blocked_frames", "ignored_frames"
    }  # fmt: skip


def test_exact_frames_are_ignored_only_when_asked():
    predictions = np.zeros((6, 17, 3))
    predictions[0, 1, 2] = 0.017
    published = human36m(predictions, **small())
    assert published["per_action"]["Walking"]["mpjpe"] == pytest.approx(1)
    assert published["ignored_frames"] == 3  # Sitting has nothing else, so its frames stay, at 0
    assert published["per_action"]["Sitting"]["mpjpe"] == 0
    honest = human36m(predictions, **small(), ignore_exact=False)
    assert honest["per_action"]["Walking"]["mpjpe"] == pytest.approx(0.25)
    assert honest["ignored_frames"] == 0


def test_frame_numbers_stop_velocities_at_gaps():
    predictions = np.zeros((6, 17, 3))
    predictions[:4, 1, 2] = [0.017, 0.017, 0.17, 0.17]
    jump = human36m(predictions, **small())["per_action"]["Walking"]["mpjve"]
    cut = human36m(predictions, **small(), times=np.array([0, 1, 7, 8, 0, 1]))["per_action"]["Walking"]["mpjve"]
    assert (jump, cut) == (pytest.approx(9 / 3), pytest.approx(0))


def test_overwriting_x_and_y_happens_after_the_root_is_zeroed():
    columns = small(3) | {"action": np.array(["a"] * 3), "sequence": np.array(["s_ca_01"] * 3)}
    keypoints = np.random.default_rng(0).normal(0, 0.3, (3, 17, 2))
    columns["joints"][..., :2] = keypoints * 1000  # the ground truth has these very x and y
    predictions = np.random.default_rng(1).normal(0, 0.3, (3, 17, 3))
    predictions[..., 2] = 0.05
    result = human36m(predictions, **columns, keypoints=keypoints)
    # 16 joints are 50 mm off in depth, the root by none; x and y agree, root included.
    assert result["mpjpe"] == pytest.approx(50 * 16 / 17)


def test_denormalise_inverts_the_normalisation():
    pixels = np.random.default_rng(0).uniform(0, 1000, (5, 17, 3))
    width, height = np.full(5, 1920.0), np.full(5, 1080.0)
    normal = np.stack(
        [2 * pixels[..., 0] / 1920 - 1, 2 * pixels[..., 1] / 1920 - 1080 / 1920, 2 * pixels[..., 2] / 1920],
        -1,
    )
    np.testing.assert_allclose(denormalise(normal, width, height), pixels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": np.zeros((6, 16, 3))}, r"target joints need the shape \(N, 17, 3\)"),
        ({"joints": np.full((6, 17, 3), np.nan)}, "joints are NaN or infinite in 6 of 6 frames, first in 0"),
        ({"factor": np.zeros(6)}, "factor must be positive"),
        ({"width": np.full(5, 1000.0)}, r"width needs one value a frame, shape \(6,\)"),
        ({"action": np.array(["a"])}, "action needs one value a frame"),
        ({"sequence": np.array(["s_09_act_05_subact_02_ca_01"] * 6)}, "nothing to score"),
        ({"keypoints": np.zeros((6, 17, 3))}, "keypoints need the shape"),
        ({"times": np.zeros(3)}, "times needs one value a frame"),
    ],
)
def test_bad_columns_are_one_clear_line(change, message):
    with pytest.raises(InputError, match=message) as error:
        human36m(np.zeros((6, 17, 3)), **(small() | change))
    assert "\n" not in str(error.value)


def test_nan_is_found_even_where_the_protocol_overwrites_it():
    predictions = np.zeros((6, 17, 3))
    predictions[4, 0] = np.nan  # the root is set to 0, x and y come from the keypoints
    with pytest.raises(InputError, match="predictions are NaN or infinite in 1 of 6 frames, first in 4"):
        human36m(predictions, **small(), keypoints=np.zeros((6, 17, 2)))


def test_inputs_are_not_written_to():
    predictions = np.ones((6, 17, 3))
    human36m(predictions, **small(), keypoints=np.zeros((6, 17, 2)))
    mpi_inf_3dhp(predictions, predictions, np.ones(6), ["TS1"] * 6, 2048, 2048)
    assert (predictions == 1).all()


def slow_3dhp(predictions, targets, valid, width) -> tuple[float, float, float]:
    """The official evaluation, frame by frame and threshold by threshold."""
    errors, joints = [], []
    for i in np.flatnonzero(valid):
        pose = predictions[i].copy()
        pose[14] = 0
        pose = pose * width[i] / 2
        distance = np.linalg.norm((pose - pose[14]) - (targets[i] - targets[i][14]), axis=-1)
        errors.append(distance.mean())
        joints.extend(distance[:14])
    joints = np.array(joints)
    curve = [100 * np.mean(joints < t) for t in range(0, 151, 5)]
    return float(np.mean(errors)), curve[-1], float(np.mean(curve))


def test_mpi_inf_3dhp_equals_an_independent_loop():
    rng = np.random.default_rng(0)
    n = 40
    targets = rng.normal(0, 300, (n, 17, 3))
    width = np.where(np.arange(n) < 25, 2048.0, 1920.0)
    height = np.where(np.arange(n) < 25, 2048.0, 1080.0)
    sequence = np.where(np.arange(n) < 25, "TS1", "TS5")
    activity = rng.integers(1, 8, n)
    valid = rng.integers(0, 2, n)
    predictions = (targets - targets[:, 14:15] + rng.normal(0, 60, targets.shape)) * 2 / width[:, None, None]
    predictions[valid == 0] = np.nan  # never predicted, never looked at
    result = mpi_inf_3dhp(predictions, targets, valid, sequence, width, height, activity=activity)
    mpjpe, pck, auc = slow_3dhp(predictions, targets, valid, width)
    assert result["mpjpe"] == pytest.approx(mpjpe)
    assert result["pck3d"] == pytest.approx(pck)
    assert result["auc3d"] == pytest.approx(auc)
    assert 50 < result["pck3d"] < 100
    assert result["frames"] == valid.sum()
    only = (sequence == "TS5") & (valid == 1)
    assert result["per_sequence"]["TS5"]["mpjpe"] == pytest.approx(slow_3dhp(predictions, targets, only, width)[0])
    assert set(result["per_activity"]) == {str(a) for a in activity[valid == 1]}
    assert result["per_joint"][14] == 0


def test_mpi_inf_3dhp_perfect_and_scaled_by_the_test_image():
    targets = np.random.default_rng(0).normal(0, 300, (3, 17, 3))
    normal = (targets - targets[:, 14:15]) / 1024
    perfect = mpi_inf_3dhp(normal, targets, np.ones(3), np.array(["TS1"] * 3), 2048, 2048)
    assert perfect["mpjpe"] == pytest.approx(0, abs=1e-9)
    assert perfect["auc3d"] == pytest.approx(96.774, abs=5e-4)
    shrunk = mpi_inf_3dhp(normal, targets, np.ones(3), np.array(["TS5"] * 3), 1920, 1080)
    length = np.linalg.norm(targets - targets[:, 14:15], axis=-1).mean()
    assert shrunk["mpjpe"] == pytest.approx(length * (1 - 960 / 1024))
    assert shrunk["n_mpjpe"] == pytest.approx(0, abs=1e-9)


def test_mpi_inf_3dhp_pck_leaves_out_pelvis_spine_and_head():
    targets = np.zeros((1, 17, 3))
    predictions = np.zeros((1, 17, 3))
    predictions[0, [15, 16]] = 1.0  # 1024 mm off
    result = mpi_inf_3dhp(predictions, targets, [1], ["TS1"], 2048, 2048)
    assert result["pck3d"] == 100
    assert result["mpjpe"] == pytest.approx(1024 * np.sqrt(3) * 2 / 17)


def test_mpi_inf_3dhp_needs_a_valid_frame():
    with pytest.raises(InputError, match="no frame is valid"):
        mpi_inf_3dhp(np.zeros((2, 17, 3)), np.zeros((2, 17, 3)), [0, 0], ["TS1"] * 2, 2048, 2048)


@pytest.mark.parametrize("mark", [np.nan, 2, -1, 0.5, "1", None])
def test_a_mark_of_a_valid_frame_is_0_or_1(mark):
    poses = np.zeros((2, 17, 3))
    with pytest.raises(InputError, match="valid must be 0 or 1"):
        mpi_inf_3dhp(poses, poses, [1, mark], ["TS1"] * 2, 2048, 2048)
    for marked in ([1, 0], [True, False], np.array([1.0, 0.0])):
        assert mpi_inf_3dhp(poses, poses, marked, ["TS1"] * 2, 2048, 2048)["frames"] == 1


@pytest.mark.parametrize("missing", ["", np.nan, None])
def test_a_missing_action_is_no_action_of_its_own(missing: object):
    joints = np.random.default_rng(0).normal(0, 300, (2, 17, 3))
    action, sequence = np.array(["Walking", missing], object), np.array(["s_11_act_14_subact_01_ca_01"] * 2)
    frames = Frames(joints, 1000, 1000, sequence, action, np.ones(2))
    for protocol in (protocols.human36m, protocols.pooled):
        with pytest.raises(InputError, match="action is missing in 1 of 2 frames, first in 1"):
            protocol(joints / 500, frames, METRICS)


def test_no_frames_have_no_mean():
    none = np.zeros((0, 17, 3))
    frames = Frames(none, 1000, 1000, np.zeros(0, str), np.zeros(0, str), np.ones(0))
    for protocol in (protocols.human36m, protocols.pooled):
        with pytest.raises(InputError, match="N >= 1"):
            protocol(none, frames, METRICS)
    with pytest.raises(InputError, match="N >= 1"):
        mpi_inf_3dhp(none, none, np.ones(0), np.zeros(0, str), 2048, 2048)
