"""The bundled sets are the ones that their README describes, and the loaders refuse what they cannot read."""

import gzip
import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import wdist
from wdist.datasets import flags, idx, image_folder, mnist, pair, pairs, qm9
from wdist.errors import InputError, WdistWarning
from wdist.folders import folder_images

DATA = Path(wdist.__file__).parent / "data"
ANSWERS = json.loads((Path(__file__).parent / "data" / "real_pairs_answers.json").read_text())

SHA256 = {
    "flags_32.npz": "c45de9ca18a2fc3adccafe0556199f893f6944fc54fe401bc31c44ebdf7efe02",
    "flags_64.npz": "dff1e5bc108894b6426a44730c1dc98e3aa484e0e7ce685d8793838fb9870181",
    "mnist_10k.npz": "f1a23f2fb1a1c97bb00a811807ddd50a888dbcdcdead94147993273c22ee3f37",
    "qm9_5k.npz": "520ee7fbc2877403bf196f2de20a71d3a28f0dbdd0590bf99f38feb43d1c40c0",
    "real_pairs.npz": "af68598c5ad1d563cd7c7af90149737c6ab528122bc2c4c7537960b01926a55d",
}


def test_the_data_files_are_these_to_the_byte():
    found = {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in DATA.glob("*.npz")}
    assert found == SHA256


def test_the_readme_speaks_of_every_file_and_pair():
    text = (DATA / "README.md").read_text(encoding="utf-8")
    assert [name for name in (*SHA256, *pairs()) if f"`{name}`" not in text] == []


# --- MNIST and flags ------------------------------------------------------------------------------


def test_mnist_has_a_thousand_or_so_of_each_digit():
    digits = mnist()
    assert digits.images.shape == (10_000, 28, 28)
    assert digits.images.dtype == np.uint8
    counts = np.bincount(digits.labels)
    assert len(counts) == 10
    assert counts.min() > 850
    assert "MIT" in digits.licence
    assert digits.names[0] == "three"
    assert digits.labels[0] == 3


def test_points_are_rows_of_levels_between_0_and_1():
    digits = mnist()
    points = digits.points
    assert points.shape == (10_000, 784)
    assert points.dtype == np.float32
    assert points.min() == 0
    assert points.max() == 1
    np.testing.assert_array_equal(np.rint(points[7] * 255), digits.images[7].ravel())


def test_of_gives_the_points_of_one_label_only():
    digits = mnist()
    fours = digits.of(4)
    assert fours.shape == (int((digits.labels == 4).sum()), 784)
    np.testing.assert_array_equal(fours[0], digits.points[np.argmax(digits.labels == 4)])
    assert flags().of("NO").shape == (1, 32 * 32 * 3)


def test_of_an_unknown_label_lists_the_labels():
    with pytest.raises(InputError, match=r"no image is labelled 10; the labels are 0, 1, 2, .*, 8, 9$"):
        mnist().of(10)
    with pytest.raises(InputError, match=r"no image is labelled 'XX'; .*AD, AE, .* \.\.\. \(256 in all\)"):
        flags().of("XX")


@pytest.mark.parametrize("size", [32, 64])
def test_flags_and_their_twins(size):
    all_flags = flags(size)
    assert all_flags.images.shape == (256, size, size, 3)
    assert all_flags.names[list(all_flags.labels).index("NO")] == "Norway"
    distinct = all_flags.distinct()
    assert len(distinct) == 242
    gone = sorted(set(all_flags.labels) - set(distinct.labels))
    assert " ".join(gone) == "GB GF GP HM MF MQ NL NO PM RE SH SJ US YT"
    assert len(np.unique(distinct.images.reshape(242, -1), axis=0)) == 242


def test_flags_come_in_two_sizes():
    with pytest.raises(InputError, match="size is 48; the flags are bundled in sizes 32 and 64"):
        flags(48)


# --- QM9 ------------------------------------------------------------------------------------------


def test_qm9_graphs_are_molecules():
    molecules = qm9()
    assert len(molecules) == 5000
    assert molecules.nodes.shape == (5000, 9)
    np.testing.assert_array_equal(molecules.adj, molecules.adj.transpose(0, 2, 1))
    assert int((molecules.nodes == 4).sum()) == 88  # fluorine
    heavy = [sum(letter in "CNOFcno" for letter in smiles) for smiles in molecules.smiles]
    np.testing.assert_array_equal((molecules.nodes > 0).sum(axis=1), heavy)
    valence = molecules.adj.sum(axis=2)
    assert int(valence[molecules.nodes == 1].max()) == 4  # carbon
    assert not valence[molecules.nodes == 0].any()  # nothing is bound to no atom
    assert list(molecules.atom_types) == ["pad", "C", "N", "O", "F"]
    assert list(molecules.bond_types) == ["none", "single", "double", "triple", "aromatic"]


# --- pairs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", pairs())
def test_a_pair_has_the_size_and_distance_on_record(name):
    real, answer = pair(name), ANSWERS[name]
    assert real.name == name
    assert (len(real.a), len(real.b)) == (answer["n"], answer["m"])
    assert real.a.dtype == real.b.dtype == np.float64
    assert real.unit == answer.get("unit", "standard deviation")
    if "W1" in answer:
        grid = np.sort(np.concatenate([real.a, real.b]))
        below = [np.searchsorted(np.sort(x), grid[:-1], side="right") / len(x) for x in (real.a, real.b)]
        assert np.sum(np.abs(below[0] - below[1]) * np.diff(grid)) == pytest.approx(answer["W1"], rel=1e-12)
        assert real.shifted == (answer["perm_p"] < 0.05)


def test_every_answer_has_its_pair():
    assert set(pairs()) == set(ANSWERS)


def test_a_pair_is_found_by_the_beginning_of_its_name():
    assert pair("nile").name == "nile_flow_before_after_1898"
    assert pair("nile").source == "statsmodels"


def test_an_unknown_or_ambiguous_pair_lists_the_names():
    with pytest.raises(InputError, match="'danube' is not one of the bundled pairs; choose one of nile_flow"):
        pair("danube")
    with pytest.raises(InputError, match=r"'penguin_' begins 2 names; choose one of \w+flip\w+, \w+bill\w+$"):
        pair("penguin_")


# --- IDX ------------------------------------------------------------------------------------------


def idx_bytes(code, array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize(
    ("code", "stored"),
    [(0x08, ">u1"), (0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_idx_reads_every_type_big_endian(tmp_path, code, stored, zipped):
    array = np.array([[1, -2, 3], [100, 25, -6]]).astype(stored)
    content = idx_bytes(code, array)
    (tmp_path / "x.idx").write_bytes(gzip.compress(content) if zipped else content)
    read = idx(tmp_path / "x.idx")
    np.testing.assert_array_equal(read, array)
    assert read.dtype == array.dtype.newbyteorder("=")
    assert read.dtype.isnative
    assert read.flags.writeable


def test_idx_of_the_mnist_images(tmp_path):
    images = mnist().images[:20]
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(0x08, images))
    np.testing.assert_array_equal(idx(tmp_path / "train-images-idx3-ubyte"), images)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c[:-1], r"x.idx is cut off: shape \(2, 3\) of int16 is 12 bytes, not 11; fetch it again"),
        (lambda c: c + b"!", r"x.idx has surplus data: shape \(2, 3\) of int16 is 12 bytes, not 13"),
        (lambda c: c[:9], r"x.idx is cut off: its header has 9 of 12 bytes; fetch it again"),
        (lambda c: b"", r"is not an IDX file: it begins with the bytes \(none\), not with 00 00, a type"),
        (lambda c: b"%PDF-1.7", r"is not an IDX file: it begins with the bytes 25 50 44 46"),
        (lambda c: c[:2] + b"\x0a" + c[3:], r"is not an IDX file: it begins with the bytes 00 00 0a 02"),
        (lambda c: c[:3] + b"\x00" + c[4:], r"is not an IDX file: it begins with the bytes 00 00 0b 00"),
        (lambda c: gzip.compress(c)[:-9], r"x.idx is a damaged gzip file \(.+\); fetch it again"),
        (lambda c: gzip.compress(c)[:-8] + b"\0" * 8, r"x.idx is a damaged gzip file \(CRC check failed"),
    ],
)
def test_idx_refuses_a_damaged_file(tmp_path, change, message):
    content = idx_bytes(0x0B, np.arange(6, dtype=">i2").reshape(2, 3))
    (tmp_path / "x.idx").write_bytes(change(content))
    with pytest.raises(InputError, match=message):
        idx(tmp_path / "x.idx")


def test_idx_whose_header_promises_more_than_any_machine_has(tmp_path):
    (tmp_path / "x.idx").write_bytes(struct.pack(">BBBB4I", 0, 0, 0x0E, 4, *[2**32 - 1] * 4))
    with pytest.raises(InputError, match=r"is cut off: shape \(4294967295, .* bytes, not 0"):
        idx(tmp_path / "x.idx")


def test_idx_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"x.idx cannot be read: No such file or directory"):
        idx(tmp_path / "x.idx")


# --- folders of images ----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Three images of 4 x 6 pixels, levels 10, 20, 30 in the order of their names, and two other files."""
    for name, level in (("b.png", 20), ("a.png", 10), ("c.PNG", 30)):
        Image.fromarray(np.full((4, 6), level, dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / ".hidden.png").write_text("not an image either")
    return tmp_path


def test_a_folder_is_read_in_the_order_of_its_names(folder):
    read = image_folder(folder)
    assert read.images.shape == (3, 4, 6, 3)
    assert read.images.dtype == np.uint8
    assert list(read.labels) == ["a.png", "b.png", "c.PNG"]
    assert list(read.images[:, 0, 0, 0]) == [10, 20, 30]
    assert read.of("b.png").shape == (1, 72)


def test_modes(folder):
    assert image_folder(folder, mode="L").images.shape == (3, 4, 6)
    assert image_folder(folder, mode="RGBA").images.shape == (3, 4, 6, 4)
    assert image_folder(folder, mode=None).images.shape == (3, 4, 6)  # grey by nature
    Image.new("RGB", (6, 4), "red").save(folder / "d.png")
    assert image_folder(folder).images.shape == (4, 4, 6, 3)
    with pytest.raises(InputError, match="mode is 'CMYK'; choose one of RGB, L, RGBA, or None"):
        image_folder(folder, mode="CMYK")


def test_a_folder_of_mixed_modes_is_read_as_colour_and_counted(folder):
    """Grey is 1, L and LA; a palette and CMYK have colours; alpha may come as a channel or as one colour."""
    Image.new("RGB", (6, 4), "red").save(folder / "d.png")
    Image.new("P", (6, 4), 1).save(folder / "e.gif")
    Image.new("1", (6, 4), 1).save(folder / "0.png")
    text = r"4 of 6 images are grey \(0.png, a.png, b.png, ... \(4 in all\)\), 2 in colour; all are read as"
    with pytest.warns(WdistWarning, match=text):
        read = image_folder(folder, mode=None)
    assert read.images.shape == (6, 4, 6, 3)
    assert read.of("a.png").tolist() == [[np.float32(10 / 255)] * 72]
    for mode in ("RGB", "L"):  # told, there is nothing to warn of
        image_folder(folder, mode=mode)


def test_alpha_in_some_images_is_counted(folder):
    for file in folder.glob("*.[pP]*"):
        file.unlink()
    for name, mode in (("a", "RGB"), ("b", "RGBA"), ("c", "RGB")):
        Image.new(mode, (6, 4), "red").save(folder / f"{name}.png")
    Image.new("RGB", (6, 4), "red").save(folder / "d.png", transparency=(255, 0, 0))
    text = r"2 of 4 images have an alpha channel or a transparent colour \(b.png, d.png\); what is transparent is laid"
    with pytest.warns(WdistWarning, match=text):
        read = image_folder(folder, mode=None)
    assert read.images[:, 0, 0, 1].tolist() == [0, 0, 0, 255]
    assert image_folder(folder, mode="RGBA").images[:, 0, 0, 3].tolist() == [255, 255, 255, 0]
    for name in ("a", "c"):
        (folder / f"{name}.png").unlink()
    image_folder(folder, mode=None)  # all of them: no mixture


def test_a_folder_looked_through_decodes_at_its_turn(folder):
    read, found = image_folder(folder, mode="L", size=3), folder_images(folder, mode="L", size=3)
    assert (len(found), found.shape, found.labels.tolist()) == (3, (3, 3), read.labels.tolist())
    for row in range(3):
        assert np.array_equal(found[row], read.images[row])
    (folder / "b.png").write_bytes((folder / "b.png").read_bytes()[:45])
    found = folder_images(folder)  # its header is sound
    assert found[0].shape == found.shape == (4, 6, 3)
    with pytest.raises(InputError, match=r"b.png cannot be read as an image"):
        found[1]
    with pytest.warns(WdistWarning, match=r"1 of 3 images cannot be read and were left out: b\.png"):
        assert len(folder_images(folder, on_bad="skip")) == 2


def test_what_is_transparent_is_laid_over_white(folder):
    half = Image.new("RGBA", (6, 4), (0, 0, 0, 0))
    half.paste((200, 0, 0, 255), (0, 0, 3, 4))
    half.save(folder / "0.png")
    image = image_folder(folder).images[0]
    assert image[0, 0].tolist() == [200, 0, 0]
    assert image[0, 5].tolist() == [255, 255, 255]


def test_a_folder_of_mixed_sizes_asks_for_a_size(folder):
    Image.new("L", (5, 7), 40).save(folder / "d.png")
    with pytest.raises(
        InputError,
        match=r"d.png is 7 x 5 pixels \(height x width\) and a.png is 4 x 6; bring them .* size=\(4, 6\)\)",
    ):
        image_folder(folder)
    resized = image_folder(folder, size=(4, 6)).images
    assert resized.shape == (4, 4, 6, 3)
    assert list(resized[:, 0, 0, 0]) == [10, 20, 30, 40]
    assert image_folder(folder, size=8).images.shape == (4, 8, 8, 3)


@pytest.mark.parametrize("size", [0, (4, 0), (1, 2, 3)])
def test_a_size_must_be_one(folder, size):
    with pytest.raises(InputError, match=r"size is .*; pass a number of pixels or \(height, width\)"):
        image_folder(folder, size=size)


def test_a_damaged_image_is_named(folder):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "d.png")
    whole = (folder / "d.png").read_bytes()
    (folder / "d.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        InputError, match=r"d.png cannot be read as an image \(.+\); mend it, take it out, or pass on_bad"
    ):
        image_folder(folder, size=8)
    (folder / "d.png").write_text("nonsense")
    with pytest.raises(InputError, match=r"d.png cannot be read as an image \(cannot identify"):
        image_folder(folder)


def test_an_image_of_16_bits_is_named_and_not_clipped(folder):
    Image.fromarray(np.full((4, 6), 40_000, dtype=np.uint16)).save(folder / "d.png")
    with pytest.raises(InputError, match=r"d.png has more than 8 bits a level \(mode I;16\); convert"):
        image_folder(folder)


def test_folders_in_a_folder_are_classes_where_asked(tmp_path):
    for name in ("b/2.png", "a/9.png", "a/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 6), int(name[2]), np.uint8)).save(tmp_path / name)
    read = image_folder(tmp_path, mode="L", by_folder=True)
    assert read.labels.tolist() == ["a", "a", "b"]
    assert read.names.tolist() == ["1.png", "9.png", "2.png"]
    assert read.images[:, 0, 0].tolist() == [1, 9, 2]
    with pytest.raises(
        InputError, match="a has no subfolders; by_folder=True is for a folder with one a class"
    ):
        image_folder(tmp_path / "a", by_folder=True)
    (tmp_path / "c").mkdir()
    with pytest.raises(InputError, match="c holds no images"):
        image_folder(tmp_path, by_folder=True)


def test_a_folder_without_images(tmp_path):
    with pytest.raises(InputError, match=r"holds no images \(files ending in .png, .jpg, .*\)$"):
        image_folder(tmp_path)
    (tmp_path / "cats").mkdir()
    (tmp_path / "dogs").mkdir()
    with pytest.raises(InputError, match=r"holds no images .*; choose one of its subfolders: cats, dogs$"):
        image_folder(tmp_path)
    with pytest.raises(InputError, match="nowhere is not a folder; pass the folder in which the images lie"):
        image_folder(tmp_path / "nowhere")
