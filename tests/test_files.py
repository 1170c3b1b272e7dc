"""`read_points` gives back what was written, in any kind of file, and says where a file is at fault."""

import gzip
import pickle
import struct
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from wdist.datasets import pair
from wdist.errors import InputError, WdistWarning
from wdist.files import read_points

NILE = pair("nile").a
CANCER = pair("breast_cancer_30d_z_malignant").a


def write(path, text):
    path.write_text(text, encoding="utf-8", newline="")
    return path


# --- arrays -------------------------------------------------------------------------------------


def test_npy_stays_on_the_disk(tmp_path):
    np.save(tmp_path / "x.npy", CANCER)
    read = read_points(tmp_path / "x.npy")
    assert isinstance(read, np.memmap)
    np.testing.assert_array_equal(read, CANCER)
    with pytest.raises(ValueError, match="read-only"):
        read[0, 0] = 1


@pytest.mark.parametrize("dtype", ["float32", "int16", ">f8", "uint8"])
def test_npy_keeps_its_shape_and_type(tmp_path, dtype):
    array = np.asfortranarray(np.arange(24).reshape(2, 3, 4)).astype(dtype)
    np.save(tmp_path / "x.npy", array)
    read = read_points(str(tmp_path / "x.npy"))
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


def test_npy_columns_by_position_in_the_order_wanted(tmp_path):
    np.save(tmp_path / "x.npy", CANCER)
    np.testing.assert_array_equal(read_points(tmp_path / "x.npy", columns=[5, "0"]), CANCER[:, [5, 0]])
    np.testing.assert_array_equal(read_points(tmp_path / "x.npy", columns=29), CANCER[:, 29:])
    with pytest.raises(InputError, match=r"x.npy has no column 30; it has 30 columns, 0 to 29"):
        read_points(tmp_path / "x.npy", columns=30)
    with pytest.raises(InputError, match=r"no column 'flow' \(it names none\); choose by position, 0 to 29"):
        read_points(tmp_path / "x.npy", columns="flow")
    with pytest.raises(InputError, match=r"columns is empty; name at least one column of .*x.npy, or pass"):
        read_points(tmp_path / "x.npy", columns=[])
    np.save(tmp_path / "y.npy", NILE)
    with pytest.raises(InputError, match=r"columns=0 asks for a 2-D array, and .*y.npy has shape \(28,\)"):
        read_points(tmp_path / "y.npy", columns=0)


def test_npz_with_one_array_needs_no_key(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", flow=NILE)
    np.testing.assert_array_equal(read_points(tmp_path / "x.npz"), NILE)
    np.testing.assert_array_equal(read_points(tmp_path / "x.npz", key="flow"), NILE)


def test_npz_with_several_arrays_lists_them_with_their_shapes(tmp_path):
    np.savez(tmp_path / "x.npz", flow=NILE, cells=CANCER)
    np.testing.assert_array_equal(read_points(tmp_path / "x.npz", key="cells"), CANCER)
    np.testing.assert_array_equal(read_points(tmp_path / "x.npz", key="cells", columns=[2]), CANCER[:, [2]])
    held = r"pass key=... \(--key NAME\), it holds flow \(28,\), cells \(200, 30\)$"
    with pytest.raises(InputError, match=r"x.npz: key is missing; " + held):
        read_points(tmp_path / "x.npz")
    with pytest.raises(InputError, match=r"x.npz: there is no key 'flwo'; " + held):
        read_points(tmp_path / "x.npz", key="flwo")


def test_an_empty_npz_says_so(tmp_path):
    np.savez(tmp_path / "x.npz")
    with pytest.raises(InputError, match=r"x.npz: key is missing; .* it holds nothing"):
        read_points(tmp_path / "x.npz")


class Bomb:
    """Unpickling this ends the test run with a failure."""

    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


PICKLED = "holds pickled Python objects, which may run code when opened, so wdist does not open it; save"


def test_pickled_objects_are_refused_and_never_opened(tmp_path):
    bombs = np.array([Bomb(), 1.0], dtype=object)
    np.save(tmp_path / "x.npy", bombs, allow_pickle=True)
    np.savez(tmp_path / "x.npz", fine=NILE, bad=bombs)
    (tmp_path / "raw.npy").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "raw.npz").write_bytes(pickle.dumps(Bomb()))
    with zipfile.ZipFile(tmp_path / "inner.npz", "w") as archive:
        archive.writestr("bad", pickle.dumps(Bomb()))
    with pytest.raises(InputError, match="x.npy " + PICKLED):
        read_points(tmp_path / "x.npy")
    with pytest.raises(InputError, match="x.npz " + PICKLED):
        read_points(tmp_path / "x.npz", key="bad")
    with pytest.raises(InputError, match=r"no key 'other'; .* it holds fine \(28,\), bad \(2,\)$"):
        read_points(tmp_path / "x.npz", key="other")
    for name in ("raw.npy", "raw.npz"):
        with pytest.raises(InputError, match=name + " " + PICKLED):
            read_points(tmp_path / name)
    with pytest.raises(InputError, match=r"inner.npz: 'bad' is not an array; save numbers with"):
        read_points(tmp_path / "inner.npz")


def test_a_damaged_array_is_named(tmp_path):
    np.save(tmp_path / "x.npy", NILE)
    np.savez(tmp_path / "x.npz", a=NILE, b=NILE)
    for name in ("x.npy", "x.npz"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[:-40])
        with pytest.raises(InputError, match=rf"{name} is damaged: "):
            read_points(tmp_path / name, key=None if name == "x.npy" else "a")
        (tmp_path / name).write_bytes(b"<html>")
        with pytest.raises(InputError, match=rf"{name} is no {name[1:]} file: its first bytes are 3c 68"):
            read_points(tmp_path / name)
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(InputError, match=rf"{name} is no {name[1:]} file: its first bytes are missing"):
            read_points(tmp_path / name)


# --- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".CSV"])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_text_tables_are_read_to_the_last_bit(tmp_path, suffix, named, bom, end):
    comma = "\t" if suffix == ".tsv" else ","
    lines = [comma.join(map(repr, row.tolist())) for row in CANCER]
    if named:
        lines.insert(0, comma.join(f"feature {k}" for k in range(30)))
    path = write(tmp_path / f"x{suffix}", bom + end.join(lines) + end)
    read = read_points(path)
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, CANCER)
    np.testing.assert_array_equal(read_points(path, columns=[7, 3]), CANCER[:, [7, 3]])
    np.testing.assert_array_equal(read_points(path, columns=range(29, -1, -1)), CANCER[:, ::-1])
    if named:
        np.testing.assert_array_equal(read_points(path, columns="feature 4"), CANCER[:, [4]])


def test_one_column_gives_points_of_one_coordinate(tmp_path):
    path = write(tmp_path / "x.csv", "flow\n" + "".join(f"{x}\n" for x in NILE))
    np.testing.assert_array_equal(read_points(path), NILE[:, None])


PENGUINS = "species,bill,flipper\nAdelie,39.1,181\nGentoo,46.1,211\n\nGentoo,50,230\n"


def test_columns_by_name_pass_over_words_and_blank_lines(tmp_path):
    path = write(tmp_path / "x.csv", PENGUINS)
    expected = [[39.1, 181], [46.1, 211], [50, 230]]
    np.testing.assert_array_equal(read_points(path, columns=["bill", "flipper"]), expected)
    np.testing.assert_array_equal(read_points(path, columns=("2", 1)), np.array(expected)[:, ::-1])


def test_quotes_hold_commas_line_ends_and_numbers(tmp_path):
    path = write(tmp_path / "x.csv", 'name,"the\nflow"\n"Nile, blue","1.5"\n"""White"" Nile",2\n')
    np.testing.assert_array_equal(read_points(path, columns="the\nflow"), [[1.5], [2]])
    with pytest.raises(InputError, match=r"x.csv, line 3, column 'name': 'Nile, blue' is not a finite"):
        read_points(path)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (PENGUINS, {}, r"x.csv, line 2, column 'species': 'Adelie' is not a finite number; mend it, or pick "
                       r"numeric ones with columns=\[...\] \(--column NAME\)"),
        (PENGUINS, {"columns": "bil"}, r"x.csv has no column 'bil'; its columns are species, bill, flipper"),
        (PENGUINS, {"columns": "3"}, r"x.csv has no column 3; it has 3 columns, 0 to 2"),
        (PENGUINS, {"columns": -1}, r"x.csv has no column -1; it has 3 columns"),
        ("x,x\n1,2\n", {"columns": "x"}, r"x.csv has 2 columns named 'x'; choose by position, 0 to 1"),
        ("x\n1\n\nNaN\n", {}, r"x.csv, line 4, column 'x': 'NaN' is not a finite number; fill or drop that"),
        ("1\n2\n-inf\n", {}, r"x.csv, line 3, column 0: '-inf' is not a finite number; fill or drop that"),
        ("x,y\n1,2\n3,\n", {}, r"x.csv, line 3, column 'y': '' is not a finite number; fill or drop that"),
        ("x,y\n1,2\n3,N/A\n", {}, r"x.csv, line 3, column 'y': 'N/A' is not a finite number; fill or"),
        ("x\n1\n1_000\n", {}, r"x.csv, line 3, column 'x': '1_000' is not a finite number; mend it$"),
        ("x;y\n1;2\n", {}, r"column 'x;y': '1;2' is not a finite number; separate the cells by commas in"),
        ("x,y\n1,2\n3\n", {}, r"x.csv, line 3 has 1 cells, the first line has 2; make them the same"),
        ("x,y\n1,2\n3,4,5\n", {}, r"x.csv, line 3 has 3 cells, the first line has 2"),
        ("x,y\n1,2\n1,234,5\n6,7\n", {"columns": "x"}, r"x.csv, line 3 has 3 cells, the first line has 2"),
        ("x,2019\n1,2\n", {}, r"first line holds words and numbers \(x, 2019\), so it may be a header or a "
                              r"point; say which: header=True or header=False \(--header or --no-header\)"),
        ("x,y\n1,2\n", {"header": False}, r"x.csv, line 1, column 0: 'x' is not a finite number"),
        ("x,y\n", {}, r"x.csv has a header and nothing below it; it should hold one point a line"),
        ("\n\n", {}, r"x.csv is empty; it should hold one point a line"),
        ("", {}, r"x.csv is empty"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_says_where(tmp_path, text, options, message):
    path = write(tmp_path / "x.csv", text)
    with pytest.raises(InputError, match=message):
        read_points(path, **options)


def test_a_header_of_numbers_must_be_claimed(tmp_path):
    path = write(tmp_path / "x.csv", "2019,2020\n1,2\n3,4\n")
    assert read_points(path).shape == (3, 2)
    np.testing.assert_array_equal(read_points(path, header=True, columns="2020"), [[2], [4]])
    mixed = write(tmp_path / "y.csv", "x,2020\n1,2\n")
    np.testing.assert_array_equal(read_points(mixed, header=True), [[1, 2]])


def test_a_missing_value_in_the_first_line_is_no_header(tmp_path):
    path = write(tmp_path / "x.csv", "NA,2\n3,4\n")
    with pytest.raises(InputError, match=r"line 1, column 0: 'NA' is not a finite number; fill or drop that"):
        read_points(path)


def test_text_that_is_not_utf8(tmp_path):
    (tmp_path / "x.csv").write_bytes("größe\n1\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"x.csv is not UTF-8 text \(invalid .*\); save it anew as UTF-8"):
        read_points(tmp_path / "x.csv")
    (tmp_path / "y.csv").write_bytes(b"x\n" + b"1\n" * 100_000 + b"\xff\n")
    with pytest.raises(InputError, match=r"y.csv is not UTF-8 text"):
        read_points(tmp_path / "y.csv")


def test_a_long_table_is_read_fast_and_a_fault_at_its_end_is_found(tmp_path):
    numbers = np.random.default_rng(0).normal(size=100_000).tolist()
    path = write(tmp_path / "x.csv", "x\n" + "\n".join(map(repr, numbers)) + "\n")
    np.testing.assert_array_equal(read_points(path)[:, 0], numbers)
    write(path, "x\n" + "\n".join(map(repr, numbers)) + "\nnan\n")
    with pytest.raises(InputError, match="line 100002, column 'x': 'nan'"):
        read_points(path)


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    halves = np.float32([0.5, 1.5, 2.5])
    old = [True, False, True]
    table = pd.DataFrame({"species": ["a", "b", "c"], "n": [1, 2, 3], "x": halves, "old": old})
    path = tmp_path / "x.parquet"
    table.to_parquet(path)
    read = read_points(path, columns=["x", "n", "old"])
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, [[0.5, 1, 1], [1.5, 2, 0], [2.5, 3, 1]])
    np.testing.assert_array_equal(read_points(path, columns=1), [[1], [2], [3]])
    with pytest.raises(InputError, match=r"x.parquet has columns that are not numeric: species; pick"):
        read_points(path)
    with pytest.raises(InputError, match=r"x.parquet has no column 'y'; its columns are species, n, x, old"):
        read_points(path, columns="y")
    pd.DataFrame({"n": pd.array([1, None, 3], dtype="Int64")}).to_parquet(path)
    with pytest.raises(InputError, match=r"x.parquet, row 1 \(from 0\), column 'n' is null; fill or drop"):
        read_points(path)
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match=r"x.parquet cannot be read as parquet: "):
        read_points(path)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "x.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"x.parquet: reading .parquet needs pyarrow; pip install pyarrow"):
        read_points(tmp_path / "x.parquet")


# --- images -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x-images-idx3-ubyte", "x.idx", "x-images.idx3-ubyte", "x-idx3-ubyte.gz"])
def test_idx_files_are_known_by_their_names(tmp_path, name):
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = struct.pack(">BBBB3I", 0, 0, 8, 3, 2, 3, 4) + images.tobytes()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    np.testing.assert_array_equal(read_points(tmp_path / name), images)


def test_a_folder_of_images_is_grey_if_all_are(tmp_path):
    for k in range(3):
        Image.fromarray(np.full((4, 6), k, dtype=np.uint8)).save(tmp_path / f"{k}.png")
    np.testing.assert_array_equal(read_points(tmp_path)[:, 1, 1], [0, 1, 2])
    assert read_points(tmp_path).shape == (3, 4, 6)
    Image.new("RGB", (6, 4), "red").save(tmp_path / "3.png")
    with pytest.warns(WdistWarning, match="3 of 4 images are grey .*, 1 in colour; all are read as colour"):
        assert read_points(tmp_path).shape == (4, 4, 6, 3)


# --- what is not there, not known, or not for this kind -----------------------------------------


def test_what_cannot_be_read_at_all(tmp_path):
    with pytest.raises(InputError, match=r"x.npy: there is no such file or folder"):
        read_points(tmp_path / "x.npy")
    with pytest.raises(InputError, match=r"holds no images"):
        read_points(tmp_path)
    for name in ("x.xls", "x", "x.csv.gz"):
        (tmp_path / name).touch()
        with pytest.raises(InputError, match=rf"{name} is of no kind .* by its name; it reads .npy, .npz, "):
            read_points(tmp_path / name)


def test_an_option_for_another_kind_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", NILE)
    with pytest.raises(InputError, match=r"key='a' is for .npz files, not for .*x.npy; drop it \(or use"):
        read_points(tmp_path / "x.npy", key="a")
    with pytest.raises(InputError, match=r"header=True is for .csv and .tsv, not for .*x.npy; drop it"):
        read_points(tmp_path / "x.npy", header=True)
    with pytest.raises(InputError, match=r"columns='a' is for tables, and .* holds images; drop it"):
        read_points(tmp_path, columns="a")


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.save(tmp_path / "x.npy", NILE)
    np.testing.assert_array_equal(read_points("~/x.npy"), NILE)
