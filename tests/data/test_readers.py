"""Readers of published data sets, on tiny trees in exactly the published layout."""

import pickle

import numpy as np
import pytest
import skimage.data
from PIL import Image
from scipy.io import savemat

from occlib.data import AFLW2000, LFW, W300LP, CelebA, CelebAMaskHQ, NoW, PhotoFolder, aligned
from occlib.data.readers import Pair
from occlib.data.readers.celebamask import SIZE, merge
from occlib.data.sample import OCCLUDER, PARTS, Sample, collate
from occlib.errors import DataError, ImageError, MissingAssetError, NoFaceError


def picture(path, size=(40, 48), color=(10, 20, 30), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path, quality=95)


def is_color(image, color):
    return np.abs(image.astype(int) - color).max() <= 3  # JPEG


@pytest.mark.parametrize("reader", [AFLW2000, LFW, W300LP, CelebA, CelebAMaskHQ, NoW, PhotoFolder])
def test_missing_data_says_where_to_get_it_in_one_line(tmp_path, reader):
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(MissingAssetError, match=f"{reader.name}.*http") as caught:
            reader(root)
        assert len(str(caught.value).splitlines()) == 1


# --- photos -------------------------------------------------------------------------------------------------


def test_photo_folder_reads_nested_photos_in_order(tmp_path):
    picture(tmp_path / "images1024x1024" / "01000" / "01000.png", color=(1, 2, 3))
    picture(tmp_path / "images1024x1024" / "00000" / "00002.png", color=(4, 5, 6))
    picture(tmp_path / "a.JPG")
    picture(tmp_path / ".thumbnails" / "a.png")
    (tmp_path / "LICENSE.txt").write_text("CC BY-NC-SA")
    photos = PhotoFolder(tmp_path)
    paths = ["a.JPG", "images1024x1024/00000/00002.png", "images1024x1024/01000/01000.png"]
    assert [sample.info["path"] for sample in photos] == paths
    assert (photos[2].image == [1, 2, 3]).all() and photos[-1].image.shape == (48, 40, 3)
    assert photos[0].parsing is None and photos[0].clean is None


def test_a_damaged_photo_is_named(tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ImageError, match="torn.jpg"):
        PhotoFolder(tmp_path)[0]


@pytest.fixture(params=["published", "torchvision"])
def celeba(request, tmp_path):
    img, anno, evaluation = ("Img", "Anno", "Eval") if request.param == "published" else (".", ".", ".")
    for number in range(1, 5):
        picture(tmp_path / img / "img_align_celeba" / f"{number:06d}.jpg", (178, 218), (60 * number, 0, 0))
    for folder in (anno, evaluation):
        (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / evaluation / "list_eval_partition.txt").write_text(
        "000001.jpg 0\n000002.jpg 0\n000003.jpg 1\n000004.jpg 2\n"
    )
    (tmp_path / anno / "list_landmarks_align_celeba.txt").write_text(
        "4\nlefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x"
        " rightmouth_y\n"
        + "".join(f"00000{n}.jpg  69  109  106  113   77  142   73  152  108  154\n" for n in range(1, 5))
    )
    (tmp_path / anno / "list_attr_celeba.txt").write_text(
        "4\nEyeglasses Wearing_Hat \n" + "".join(f"00000{n}.jpg -1  1\n" for n in range(1, 5))
    )
    (tmp_path / anno / "identity_CelebA.txt").write_text(
        "".join(f"00000{n}.jpg 288{n}\n" for n in range(1, 5))
    )
    return tmp_path


def test_celeba(celeba):
    assert [len(CelebA(celeba, split)) for split in (None, "train", "validation", "test")] == [4, 2, 1, 1]
    sample = CelebA(celeba, "test")[0]
    assert sample.image.shape == (218, 178, 3) and is_color(sample.image, (240, 0, 0))
    assert sample.info["path"] == "000004.jpg" and sample.info["split"] == "test"
    assert sample.info["identity"] == 2884 and sample.info["attributes"] == {
        "Eyeglasses": False,
        "Wearing_Hat": True,
    }
    assert sample.info["points"][0] == [69.5, 109.5] and len(sample.info["points"]) == 5
    with pytest.raises(DataError, match="split"):
        CelebA(celeba, "val")


def test_celeba_with_a_list_that_was_cut_off(celeba):
    file = next(celeba.rglob("list_landmarks_align_celeba.txt"))
    file.write_text(file.read_text()[:-15])
    with pytest.raises(DataError, match="000004.jpg"):
        CelebA(celeba, "test")[0]


@pytest.fixture
def lfw(tmp_path):
    for person, count in {"Aaron_Eckhart": 1, "Abel_Pacheco": 4, "Zico": 2}.items():
        for number in range(1, count + 1):
            picture(tmp_path / "lfw" / person / f"{person}_{number:04d}.jpg", (250, 250))
    (tmp_path / "pairs.txt").write_text(
        "2\t1\nAbel_Pacheco\t1\t4\nAaron_Eckhart\t1\tZico\t2\nZico\t1\t2\nAbel_Pacheco\t2\tAaron_Eckhart\t1\n"
    )
    return tmp_path


def test_lfw(lfw):
    photos = LFW(lfw)
    assert len(photos) == 7 and photos[1].image.shape == (250, 250, 3)
    assert photos[4].info == {
        "path": "Abel_Pacheco/Abel_Pacheco_0004.jpg",
        "person": "Abel_Pacheco",
        "number": 4,
    }
    assert photos.pairs == [
        Pair(1, 4, True, 0),
        Pair(0, 6, False, 0),
        Pair(5, 6, True, 1),
        Pair(2, 0, False, 1),
    ]


@pytest.mark.parametrize("old, new", [("Zico\t2", "Zico\t3"), ("2\t1\n", "10\t300\n"), ("\t1\t4", "\t1")])
def test_lfw_with_pairs_that_do_not_fit(lfw, old, new):
    (lfw / "pairs.txt").write_text((lfw / "pairs.txt").read_text().replace(old, new, 1))
    with pytest.raises(DataError, match="pairs.txt"):
        LFW(lfw)


# --- CelebAMask-HQ ------------------------------------------------------------------------------------------


def drawn(**classes):
    """An oval face of 512 pixels with a nose and eyes, and further classes as slices."""
    y, x = np.mgrid[:SIZE, :SIZE]
    face = {
        "skin": ((x - 256) / 120) ** 2 + ((y - 260) / 160) ** 2 < 1,
        "nose": (abs(x - 256) < 20) & (abs(y - 260) < 40),
        "l_eye": (abs(x - 210) < 20) & (abs(y - 230) < 8),
        "r_eye": (abs(x - 302) < 20) & (abs(y - 230) < 8),
        "mouth": (abs(x - 256) < 40) & (abs(y - 340) < 12),
    }
    for name, region in classes.items():
        face[name] = np.zeros((SIZE, SIZE), bool)
        face[name][region] = True
    return face


def cut(masks, region):
    """The masks without what lies in the region: drawn by someone who saw something else there."""
    return {name: np.where(region, False, mask) for name, mask in masks.items()}


def test_parts_are_merged():
    labels = merge(drawn())
    assert [PARTS[labels[point]] for point in ((260, 150), (260, 256), (230, 210), (340, 256), (10, 10))] == [
        "skin", "nose", "eyes", "lips", "background",
    ]  # fmt: skip
    assert not (labels == OCCLUDER).any()


def test_glasses_and_hats_are_occluders_and_eyes_behind_clear_glasses_are_eyes():
    labels = merge(drawn(eye_g=np.s_[215:245, 180:240], hat=np.s_[60:160, 100:400]))
    assert labels[220, 185] == OCCLUDER and PARTS[labels[230, 210]] == "eyes"
    assert labels[150, 256] == OCCLUDER and labels[70, 110] == OCCLUDER  # also beside the face


def test_hair_over_the_face_is_an_occluder_and_hair_around_it_background():
    masks = drawn(hair=np.s_[40:470, 90:420])
    masks["hair"] &= ~masks["skin"]
    around = merge(masks)
    assert around[60, 256] == 0 and not (around == OCCLUDER).any()
    strand = np.zeros((SIZE, SIZE), bool)
    strand[90:300, 190:225] = True
    masks = cut(masks, strand)
    masks["hair"] |= strand
    over = merge(masks)
    assert over[250, 200] == OCCLUDER and over[60, 256] == 0
    assert ((over == OCCLUDER) <= strand).all()


def test_a_dent_of_the_hairline_stays_background():
    masks = drawn()
    dent = np.zeros((SIZE, SIZE), bool)
    dent[95:108, 230:280] = True  # a widow's peak
    masks = cut(masks, dent)
    masks["hair"] = dent
    assert not (merge(masks) == OCCLUDER).any()


def test_what_has_no_name_covers_the_face_but_ears_and_neck_never_do():
    region = np.zeros((SIZE, SIZE), bool)
    region[300:420, 240:300] = True
    assert merge(cut(drawn(), region))[330, 270] == OCCLUDER  # a hand or a microphone
    named = cut(drawn(), region)
    assert merge({**named, "neck": region})[330, 270] == 0
    assert merge({**named, "cloth": region})[330, 270] == OCCLUDER


@pytest.fixture
def celebamask(tmp_path):
    for number in (0, 2001):
        picture(tmp_path / "CelebA-HQ-img" / f"{number}.jpg", (1024, 1024), (number % 200, 100, 50))
        folder = tmp_path / "CelebAMask-HQ-mask-anno" / str(number // 2000)
        folder.mkdir(parents=True)
        for name, mask in drawn(eye_g=np.s_[215:245, 180:240]).items():
            Image.fromarray(mask * np.uint8(255)).convert("RGB").save(folder / f"{number:05d}_{name}.png")
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").write_text(
        "idx          orig_idx    orig_file\n"
        "0            119613      119614.jpg\n"
        "2001         182638      182638.jpg\n"
    )
    return tmp_path


def test_celebamask(celebamask):
    photos = CelebAMaskHQ(celebamask)
    assert len(photos) == 2
    sample = photos[1]
    assert sample.image.shape == (512, 512, 3) and is_color(sample.image, (1, 100, 50))
    assert sample.parsing.dtype == sample.mask.dtype == np.uint8
    assert np.array_equal(sample.mask == 255, sample.parsing == OCCLUDER) and sample.mask.any()
    assert sample.parts is None and sample.clean is None
    assert set(collate([photos[0], sample])) == {"image", "mask", "parsing", "occluder"}


def test_celebamask_splits_as_celeba_does(celebamask):
    with pytest.raises(MissingAssetError, match="list_eval_partition"):
        CelebAMaskHQ(celebamask, "test")
    (celebamask / "list_eval_partition.txt").write_text("119614.jpg 0\n182638.jpg 2\n")
    assert [sample.info for sample in CelebAMaskHQ(celebamask, "test")] == [
        {"path": "CelebA-HQ-img/2001.jpg", "split": "test"}
    ]
    with pytest.raises(MissingAssetError):
        CelebAMaskHQ(celebamask, "validation")


def test_celebamask_with_masks_lost(celebamask):
    (celebamask / "CelebAMask-HQ-mask-anno" / "0" / "00000_skin.png").unlink()
    with pytest.raises(DataError, match="00000_skin.png"):
        CelebAMaskHQ(celebamask)[0]


# --- large poses --------------------------------------------------------------------------------------------


def test_300w_lp(tmp_path):
    points = np.random.default_rng(0).uniform(1, 450, (2, 68))
    for name in ("AFW/AFW_134212_1_0", "HELEN_Flip/HELEN_100032540_1_3"):
        picture(tmp_path / f"{name}.jpg", (450, 450))
        truth = {"pt2d": points, "Pose_Para": np.array([[0.1, -0.5, 0.02, 270, 300, -60, 0.001]], np.float32)}
        savemat(tmp_path / f"{name}.mat", {**truth, "Shape_Para": np.zeros((199, 1))})
    picture(tmp_path / "Code" / "preview.jpg")
    photos = W300LP(tmp_path)
    assert [sample.info["path"] for sample in photos] == [
        "AFW/AFW_134212_1_0.jpg",
        "HELEN_Flip/HELEN_100032540_1_3.jpg",
    ]
    sample = photos[0]
    assert sample.landmarks.shape == (68, 2) and sample.landmarks.dtype == np.float32
    assert np.allclose(sample.landmarks, points.T - 0.5, atol=1e-4)
    assert sample.info["pose"] == pytest.approx({"pitch": 0.1, "yaw": -0.5, "roll": 0.02})


def test_aflw2000(tmp_path):
    points = np.random.default_rng(0).uniform(1, 450, (3, 68)).astype(np.float32)
    picture(tmp_path / "image00002.jpg", (450, 450))
    savemat(
        tmp_path / "image00002.mat",
        {"pt3d_68": points, "pt2d": np.zeros((2, 21)), "Pose_Para": np.zeros((1, 7))},
    )
    assert np.allclose(AFLW2000(tmp_path)[0].landmarks, points[:2].T - 0.5, atol=1e-4)
    savemat(tmp_path / "image00002.mat", {"pt2d": np.zeros((2, 21)), "Pose_Para": np.zeros((1, 7))})
    with pytest.raises(DataError, match="image00002.mat"):
        AFLW2000(tmp_path)[0]
    (tmp_path / "image00002.mat").write_bytes(b"torn")
    with pytest.raises(DataError, match="image00002.mat"):
        AFLW2000(tmp_path)[0]
    (tmp_path / "image00002.mat").unlink()
    with pytest.raises(MissingAssetError, match="image00002.mat"):
        AFLW2000(tmp_path)[0]


# --- NoW ----------------------------------------------------------------------------------------------------

SUBJECT = "FaMoS_180424_03335_TA"


class Mine:
    def __reduce__(self):
        return pytest.fail, ("unpickled",)


@pytest.fixture(params=[".", "final_release_version"])
def now(request, tmp_path):
    lines = [f"{SUBJECT}/multiview_neutral/IMG_0041.jpg", f"{SUBJECT}/selfie/IMG_0050.jpg"]
    release = tmp_path / "final_release_version"
    for line in lines:
        picture(release / "iphone_pictures" / line)
        box = (release / "detected_face" / line).with_suffix(".npy")
        box.parent.mkdir(parents=True)
        box.write_bytes(pickle.dumps(Mine()))
    (tmp_path / request.param / "imagepathsvalidation.txt").write_text("\n".join(lines) + "\n")
    for folder, suffix in (("scans", ".obj"), ("scans_lmks_onlypp", "_picked_points.pp")):
        file = tmp_path / request.param / folder / SUBJECT / f"natural_head_rotation.000001{suffix}"
        file.parent.mkdir(parents=True)
        file.write_text("")
    return tmp_path


def test_now(now):
    photos = NoW(now)
    assert [sample.info["challenge"] for sample in photos] == ["multiview_neutral", "selfie"]
    info = NoW(now, challenge="selfie")[0].info
    assert info["path"] == f"{SUBJECT}/selfie/IMG_0050.jpg" and info["subject"] == SUBJECT
    assert info["scan"].endswith("000001.obj") and info["scan_landmarks"].endswith("000001_picked_points.pp")
    with pytest.raises(MissingAssetError, match="imagepathstest.txt"):
        NoW(now, "test")
    with pytest.raises(DataError, match="multiview_neutral"):
        NoW(now, challenge="multiview")


def test_now_lists_name_nothing_outside(now):
    next(now.rglob("imagepathsvalidation.txt")).write_text("../../secret.jpg\n")
    with pytest.raises(DataError, match="secret"):
        NoW(now)


# --- aligning -----------------------------------------------------------------------------------------------


def test_aligned_samples_keep_image_labels_and_landmarks_together():
    photo = skimage.data.astronaut()
    landmarks = np.full((68, 2), (224.0, 117.0), np.float32)  # around her nose
    dot = np.zeros(photo.shape[:2], np.uint8)
    dot[112:122, 219:229] = OCCLUDER
    sample = aligned(
        Sample(image=photo, mask=(dot > 0) * np.uint8(255), parsing=dot, landmarks=landmarks), 192
    )
    assert sample.image.shape == (192, 192, 3) and sample.parsing.shape == (192, 192)
    y, x = np.nonzero(sample.parsing)
    assert set(np.unique(sample.parsing)) == {0, OCCLUDER}
    assert np.allclose((x.mean() + 0.5, y.mean() + 0.5), sample.landmarks[0], atol=0.6)
    rows, columns = np.nonzero(sample.mask > 127)
    assert np.allclose((columns.mean() + 0.5, rows.mean() + 0.5), sample.landmarks[0], atol=0.6)
    assert np.allclose(sample.landmarks[0], 96, atol=20)  # the nose is in the middle


def test_aligning_nobody():
    with pytest.raises(NoFaceError):
        aligned(Sample(image=np.full((64, 64, 3), 128, np.uint8)))
