"""Tables as strangers write them: read rightly and said, or refused with the line; never misread in silence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from residency.datasets.layout import Dialect, _by_marks, _by_reader
from residency.datasets.nlp.own_prose import own_prose
from residency.datasets.nlp.own_texts import own_texts
from residency.datasets.reading import OwnFile, read_file
from residency.datasets.tabular.own import own_binary, own_forest, own_regression
from residency.harness.dataset import Dataset, Request
from residency.harness.errors import UsageError, visible

ROWS = 120
RANDOM = np.random.default_rng(7)
SIZE = RANDOM.normal(size=ROWS).round(2)
COUNT = RANDOM.integers(1, 900, ROWS)
COLOUR = RANDOM.choice(["red", "green", "blue"], ROWS)
PRICE = (SIZE + COUNT / 300 + RANDOM.normal(size=ROWS)).round(3)
LINES = [f"{a},{b},{c},{d}" for a, b, c, d in zip(SIZE, COUNT, COLOUR, PRICE, strict=True)]
HEAD = "size,count,colour,price\n"
PLAIN = HEAD + "\n".join(LINES) + "\n"


def read(folder: Path, content: str | bytes, name: str = "data.csv") -> OwnFile:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file(path)


def make(dataset: Dataset, folder: Path, content: str | bytes, target: str | None, name: str = "data.csv") -> Any:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return dataset.make(Request(dataset.name, path=path, target=target), folder)


def said(file: OwnFile) -> str:
    return "\n".join([*file.remarks, *(f"`{name}`: {note}" for name, notes in file.notes.items() for note in notes)])


def is_plain(file: OwnFile) -> None:
    """The table of `PLAIN`, whatever stood around it."""
    assert list(file.frame.columns) == ["size", "count", "colour", "price"]
    assert np.array_equal(file.frame["size"], SIZE)
    assert file.frame["count"].tolist() == COUNT.tolist()
    assert file.frame["colour"].tolist() == COLOUR.tolist()
    assert np.array_equal(file.frame["price"], PRICE)


def column(cells: Any, delimiter: str = ",", name: str = "x") -> str:
    """A file of a column of these cells beside a plain one."""
    quoted = [f'"{cell}"' if delimiter in str(cell) else str(cell) for cell in cells]
    return f"{name}{delimiter}y\n" + "".join(f"{cell}{delimiter}{row}\n" for row, cell in enumerate(quoted))


# Around the table


@pytest.mark.parametrize(
    ("content", "remark"),
    [
        (PLAIN, ""),
        (PLAIN.replace("\n", "\r"), ""),
        (PLAIN.replace("\n", "\r\r\n"), ""),
        (PLAIN.replace("\n", ",\n"), ""),
        (HEAD + ",\n".join(LINES) + ",\n", ""),
        ("Sales of 2023, in 1,000\nby someone\n\n" + PLAIN, "lines 1 to 2 above the columns' names skipped"),
        ("Sales of 2023,,,\n,,,\n" + PLAIN, "lines 1 to 2 above the columns' names skipped: `Sales of 2023`"),
        ("# made, by\n" + PLAIN, "line 1 above the columns' names skipped: `# made`, `by`"),
        ("#" + PLAIN, ""),
        (
            PLAIN + "\nSource: me\nAll rights, reserved\n",
            "lines 123 to 124 at the end left out, because of too few cells",
        ),
        (PLAIN + "1.5,2", "line 122 at the end left out, because of too few cells: `1.5,2`"),
        (PLAIN.replace(HEAD, HEAD + "m,,,USD\n"), "line 2 (`m`, `USD`) holds no number where all others do"),
        (
            PLAIN.replace(LINES[60], f"{HEAD}{LINES[60]}"),
            "line 62 (`size`, `count`, `colour`, ...) repeats the columns",
        ),
        (PLAIN.replace(LINES[60], f",,,\n{LINES[60]}\n,,,"), "lines without any value left out: 2"),
        ("sep=,\n" + PLAIN, "its first line, sep=,, names the delimiter"),
        (
            PLAIN.replace("size,", "size\u200b,"),
            "`size`: its name holds invisible characters in the file, `size\\u200b`",
        ),
    ],
)
def test_what_stands_around_a_table(tmp_path: Path, content: str, remark: str) -> None:
    file = read(tmp_path, content)
    is_plain(file)
    assert remark in said(file)
    assert bool(remark) == bool(said(file))


@pytest.mark.parametrize("delimiter", [" ", "\t", ","])
def test_names_of_rows_as_r_writes_them(tmp_path: Path, delimiter: str) -> None:
    rows = (
        f'"{row}",{a},{b},"{c}",{d}' for row, (a, b, c, d) in enumerate(zip(SIZE, COUNT, COLOUR, PRICE, strict=True))
    )
    text = ('"size","count","colour","price"\n' + "\n".join(rows) + "\n").replace(",", delimiter)
    file = read(tmp_path, text)
    assert file.frame.columns[0] == "row names"
    assert "is read as row names" in said(file)
    assert np.array_equal(file.frame["price"], PRICE)


def test_spaces_align_columns(tmp_path: Path) -> None:
    lines = [f"  {a:8.2f}   {b:5d}  {c:8} {d:8.3f} " for a, b, c, d in zip(SIZE, COUNT, COLOUR, PRICE, strict=True)]
    is_plain(read(tmp_path, " size count   colour price\n" + "\n".join(lines) + "\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (PLAIN.replace(LINES[50], LINES[50] + ",7"), "Expected 4 fields in line 52, saw 5; repair that line"),
        (HEAD + f'1,2,"a\nb",3\n1,2,"c\n\n{PLAIN}', "a quotation mark in line 4 is not closed"),
        (PLAIN.replace(LINES[90], LINES[90].replace(",", ",\0", 1)), "line 92 holds a NUL character (\\0)"),
    ],
)
def test_lines_are_named_in_refusals(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        read(tmp_path, content)


def test_a_nul_late_in_a_long_file(tmp_path: Path) -> None:
    text = "label,text\n" + "".join(f"{row % 2},some words here {row}\n" for row in range(5_000)) + "1,cut\0here\n"
    with pytest.raises(UsageError, match="line 5002 holds a NUL character"):
        make(own_texts, tmp_path, text, "label")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("names", ["", "Preis, netto{}n{}art\n"])
def test_decimal_commas_are_no_delimiters(tmp_path: Path, delimiter: str, names: str) -> None:
    rows = [
        f"{count % 9},5{delimiter}{row}{delimiter}{colour}\n"
        for row, (count, colour) in enumerate(zip(COUNT, COLOUR, strict=True))
    ]
    file = read(tmp_path, names.format(delimiter, delimiter) + "".join(rows))
    assert file.frame.iloc[:, 0].tolist() == (COUNT % 9 + 0.5).tolist()
    assert file.frame.iloc[:, 1].tolist() == list(range(ROWS))
    rows = [f"{row},{count}{delimiter}x\n" for row, count in enumerate(COUNT)]
    assert list(read(tmp_path, "a,b\n" + "".join(rows)).frame.columns) == ["a", "b"]


def test_lines_count_what_quoted_cells_hold(tmp_path: Path) -> None:
    text = 'note,x\n"two\nlines",1\n\n' + "".join(f"n{row},{row}\n" for row in range(50)) + "last,oops\n"
    assert "`x`: `oops` in line 55 is not a number: missing" in said(read(tmp_path, text))
    assert "too few cells in line 3:" in said(read(tmp_path, PLAIN.replace(LINES[1], "1.5,2", 1)))


@pytest.mark.parametrize("content", ['a,"b,\n""c"\n\n1,2\n', 'a\n"x"\n', 'a,b\n1,"2', "a\n\n \nb", 'x,"",\n"""",y,z\n'])
def test_records_are_found_as_python_finds_them(content: str) -> None:
    content += "" if content.endswith("\n") else "\n"
    marks, reader = (by(content.encode(), Dialect(",")) for by in (_by_marks, _by_reader))
    assert marks is not None
    assert [marks.cells.tolist(), marks.line.tolist(), marks.lines.tolist(), marks.unclosed] == [
        reader.cells.tolist(), reader.line.tolist(), reader.lines.tolist(), reader.unclosed,
    ]  # fmt: skip


# Names, or none


def test_a_first_line_of_data(tmp_path: Path) -> None:
    text = "".join(f"{line},{'yes' if row % 3 else 'no'}\n" for row, line in enumerate(LINES))
    with pytest.raises(UsageError, match=r"no column `yes` in data\.csv.*no header\? line 1 \(`.*\) looks like"):
        make(own_binary, tmp_path, text, "yes")
    data = make(own_binary, tmp_path, text, "column 5")
    assert data.rows == ROWS
    assert data.names == ("column 1", "column 2", "column 3", "column 4")
    assert any("no header? line 1" in remark for remark in data.remarks)


def test_a_first_line_of_categories_or_codes(tmp_path: Path) -> None:
    rows = [f"{COLOUR[row]},{COLOUR[-row]},A-{row % 7}" for row in range(ROWS)]
    assert read(tmp_path, "\n".join(rows)).frame.columns[0] == "column 1"
    assert read(tmp_path, "\n".join(["colour,other,code", *rows])).frame.columns[0] == "colour"


@pytest.mark.parametrize("first", ["?,121,green", "nan,121,green", "$1,121,green", '"$1,021",121,green'])
def test_a_first_line_of_data_with_a_missing_value_or_money(tmp_path: Path, first: str) -> None:
    money = "$" if "$" in first else ""
    rows = [f"{money}{count},{row},{colour}" for row, (count, colour) in enumerate(zip(COUNT, COLOUR, strict=True))]
    found = read(tmp_path, "\n".join([first, *rows]) + "\n")
    assert "no header? line 1" in said(found)
    assert found.frame["column 1"].tolist()[1:] == COUNT.tolist()
    assert found.frame["column 2"].tolist() == [121, *range(ROWS)]


@pytest.mark.parametrize("form", ["{} kg", "USD {}", "{} €", "{}%"])
def test_a_first_line_of_data_with_a_unit(tmp_path: Path, form: str) -> None:
    found = read(tmp_path, "".join(f"{form.format(count)},{row}\n" for row, count in enumerate(COUNT)))
    assert found.frame["column 1"].tolist() == COUNT.tolist()


def test_numbered_names_above_codes_of_the_same_shape_are_names(tmp_path: Path) -> None:
    rows = "".join(f"A{row % 3},B{row % 4}\n" for row in range(60))
    assert list(read(tmp_path, "Q1,Q2\n" + rows).frame.columns) == ["Q1", "Q2"]
    assert list(read(tmp_path, rows).frame.columns) == ["column 1", "column 2"]


@pytest.mark.parametrize("index", [[f"Car {row}" for row in range(ROWS)], [f"{row}.5" for row in range(ROWS)]])
def test_a_first_column_without_a_name_that_is_no_index(tmp_path: Path, index: list[str]) -> None:
    lines = [f"{name},{line}" for name, line in zip(index, LINES, strict=True)]
    found = read(tmp_path, "," + HEAD + "\n".join(lines) + "\n")
    assert found.frame["Unnamed: 0"].astype(str).tolist() == index
    assert "the index that pandas wrote" not in said(found)


@pytest.mark.parametrize(("name", "target"), [("caf\u00e9", "cafe\u0301"), ("cafe\u0301", "caf\u00e9")])
def test_accents_of_names_are_written_apart_or_together(tmp_path: Path, name: str, target: str) -> None:
    assert make(own_regression, tmp_path, PLAIN.replace("price", name), target).names[:2] == ("size", "count")


@pytest.mark.parametrize("names", ["country,2019,2020,2021", "a,0.5,1.5,b", "0,1,2,3", "q,w,e,r", "id,5,x,7"])
def test_names_are_no_data(tmp_path: Path, names: str) -> None:
    rows = "\n".join(f"c{row},{a},{b},{d}" for row, (a, b, d) in enumerate(zip(SIZE, COUNT, PRICE, strict=True)))
    assert list(read(tmp_path, f"{names}\n{rows}\n").frame.columns) == names.split(",")


def test_invisible_characters_are_shown(tmp_path: Path) -> None:
    assert visible("Sold\r\u200b\xa0") == "Sold\\r\\u200b\\xa0"
    assert visible(" Sold out ") == "\\x20Sold out\\x20"
    with pytest.raises(UsageError, match=re.escape("no column `price\\r` in data.csv; did you mean `price`?")):
        make(own_regression, tmp_path, PLAIN, "price\r")


def test_a_header_in_angle_brackets(tmp_path: Path) -> None:
    assert list(read(tmp_path, "<TICKER>,<CLOSE>\nA,1\n").frame.columns) == ["<TICKER>", "<CLOSE>"]
    for text in (
        "<html><body>1,2</body></html>",
        "<?xml version='1'?>\n<a>1</a>",
        "<!DOCTYPE html>",
        "<a>\n<b>1,2</b>\n",
    ):
        with pytest.raises(UsageError, match="looks like HTML or XML"):
            read(tmp_path, text)


# Encodings and quotes


def test_encodings_that_are_not_utf_8(tmp_path: Path) -> None:
    file = read(tmp_path, "name,price\nCafé “x”,5 €\n".encode("cp1252"))
    assert file.frame.iloc[0].tolist() == ["Café “x”", 5]
    assert file.remarks == ("data.csv: read as Windows-1252, because it is not UTF-8",)
    file = read(tmp_path, ("name,x\n" + "größe,1\n" * 30).encode() + b"\xff,2\n")
    assert file.frame["name"].tolist() == ["größe"] * 30 + ["�"]
    assert "1 place, the first in line 32, cannot be read" in said(file)


def messages(quoted: tuple[int, ...]) -> str:
    """A tab-separated file in which some messages begin with a lone quotation mark."""
    rows = ("ham\t" + '"' * (row in quoted) + f"words {row % 5} of message {row}" for row in range(100))
    return "label\ttext\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize("quoted", [(20, 63), (20,)])
def test_lone_quotation_marks_between_tabs(tmp_path: Path, quoted: tuple[int, ...]) -> None:
    file = read(tmp_path, messages(quoted))
    assert len(file.frame) == 100
    assert file.frame["text"].iloc[20] == '"words 0 of message 20'
    assert "quotation marks" in said(file)
    assert "are read as characters" in said(file)


def test_quotes_between_tabs_that_enclose_cells(tmp_path: Path) -> None:
    file = read(tmp_path, 'a\tb\n"x\ty"\t1\n"two\nlines"\t2\n')
    assert file.frame["a"].tolist() == ["x\ty", "two\nlines"]


def test_a_quoted_cell_that_swallows_lines_is_named(tmp_path: Path) -> None:
    file = read(tmp_path, messages((20, 63)).replace("\t", ","))
    assert "a quoted cell goes from line 22 to line 65: is its quotation mark a mistake?" in said(file)


def test_quotes_after_a_backslash(tmp_path: Path) -> None:
    file = read(tmp_path, 'a,b\n"say \\"x, y\\"",1\n"z",2\n')
    assert file.frame["a"].tolist() == ['say "x, y"', "z"]
    assert "read as a quotation mark within a cell" in said(file)


# Numbers


@pytest.mark.parametrize(
    ("cells", "delimiter", "values", "note"),
    [
        (["1,234.5", "12", "1,000,000"], ",", [1234.5, 12, 1e6], "commas between thousands, as in `1,234.5`"),
        (["1.234", "522", "0,5"], ";", [1234, 522, 0.5], "points between thousands, as in `1.234`"),
        (["1.234.567,89", "2,5", "-7"], ";", [1234567.89, 2.5, -7], "points between thousands"),
        (["1\u202f234,5", "1 234 567", "3"], ";", [1234.5, 1234567, 3], "spaces between thousands"),
        (["1'234.50", "1’000.00", "3.25"], ";", [1234.5, 1000, 3.25], "apostrophes between thousands"),
        (["12,34,567", "5,00,000.5", "99"], ",", [1234567, 500000.5, 99], "commas between thousands"),
        (["1,5", "2,25", "3"], ",", [1.5, 2.25, 3], "comma as decimal mark"),
        (["$1,234.50", "-$5.00", "($7.25)"], ",", [1234.5, -5, -7.25], "`$` beside the numbers"),
        (["1.234,5 €", "7,25 €", "3 €"], ";", [1234.5, 7.25, 3], "`€` beside the numbers"),
        (["12%", "13.5%", "0%"], ",", [12, 13.5, 0], "`%` beside the numbers"),
        (["₹1,200/-", "₹12,34,000/-", "₹50/-"], ",", [1200, 1_234_000, 50], "`/-` beside the numbers"),
        (["5 kg", "12.5 kg", "7 kg"], ",", [5, 12.5, 7], "`kg` beside the numbers"),
        (["5-", "\N{MINUS SIGN}3", "1.5e3"], ",", [-5, -3, 1500], "before a minus sign"),
        (["1.5", "2.25", "1.234"], ";", [1.5, 2.25, 1.234], ""),
        (["1.234", "0.5", "7"], ";", [1.234, 0.5, 7], ""),
        (["1.234", "522", "7"], ";", [1234, 522, 7], "points between thousands, as in `1.234`"),
    ],
)
def test_numbers_as_the_world_writes_them(
    tmp_path: Path, cells: list[str], delimiter: str, values: list[float], note: str
) -> None:
    file = read(tmp_path, column(cells * 20, delimiter))
    assert file.frame["x"].tolist() == values * 20
    assert note in said(file)


@pytest.mark.parametrize(
    "cells",
    [["5 kg", "12 lb"], ["19M", "201k"], ["1-2", "3-4"], ["10:30", "11:00"], ["row 1", "row 2"], ["1st", "2nd"]],
)
def test_text_that_is_no_number(tmp_path: Path, cells: list[str]) -> None:
    assert read(tmp_path, column(cells * 20)).frame["x"].tolist() == cells * 20


def test_thousands_beside_decimal_commas_in_other_columns(tmp_path: Path) -> None:
    rows = [f"{n // 1000 + 1}.{n % 1000:03};{str(p).replace('.', ',')}" for n, p in zip(COUNT, PRICE, strict=True)]
    file = read(tmp_path, "x;y\n" + "\n".join(rows) + "\n")
    assert np.array_equal(file.frame["x"], COUNT // 1000 * 1000 + 1000 + COUNT % 1000)
    quoted = "x,y\n" + "\n".join('"' + row.replace(";", '","') + '"' for row in rows) + "\n"
    assert np.array_equal(read(tmp_path, quoted).frame["x"], file.frame["x"])
    assert "comma as decimal mark" in said(file)


def test_what_nothing_tells_is_said(tmp_path: Path) -> None:
    file = read(tmp_path, column([f"{1 + n / 1000:.3f}" for n in COUNT], ";"))
    assert np.allclose(file.frame["x"], 1 + COUNT / 1000)
    assert "nothing in the file shows whether they are thousands" in said(file)


def test_money_that_nothing_tells_is_said(tmp_path: Path) -> None:
    money = [f"{1 + n / 1000:.3f} €" for n in COUNT]
    file = read(tmp_path, column(money, ";"))
    assert np.allclose(file.frame["x"], 1 + COUNT / 1000)
    assert "numbers such as" in said(file)
    assert "nothing in the file shows whether they are thousands" in said(file)
    file = read(tmp_path, column(["522 €", "n/k", *money], ";"))
    assert file.frame["x"].tolist()[2:] == (1000 + COUNT).tolist()
    assert file.frame["x"].tolist()[0] == 522
    assert "points between thousands" in said(file)
    file = read(tmp_path, "x;y\n" + "".join(f"{cell};0.{row}5%\n" for row, cell in enumerate(money)))
    assert np.allclose(file.frame["x"], 1 + COUNT / 1000)
    assert "nothing in the file shows" not in said(file)


def test_whole_numbers_beyond_64_bits(tmp_path: Path) -> None:
    cells = [10**24 * int(count) for count in COUNT]
    assert read(tmp_path, column(cells)).frame["x"].tolist() == [float(cell) for cell in cells]


def test_a_unit_beside_some_numbers_is_said(tmp_path: Path) -> None:
    assert "`%` beside some of the numbers" in said(read(tmp_path, column(["12%", "0.13", "7%"] * 20)))
    file = read(tmp_path, column(["0", "0", "$4.99", "0", "$399"] * 20))
    assert file.frame["x"].tolist() == [0, 0, 4.99, 0, 399] * 20
    assert "`$` beside some of the numbers" in said(file)
    assert "`5%` in line 102 is not a number" in said(read(tmp_path, column([*map(str, range(100)), "5%", "7"])))
    assert read(tmp_path, column(["1", "1", "2", "3a"] * 20)).frame["x"].tolist() == ["1", "1", "2", "3a"] * 20


def test_decimal_commas_late_in_a_long_file(tmp_path: Path) -> None:
    file = read(tmp_path, "a;b\n" + "7;2\n" * 30_000 + "1.234;2\n" * 3 + "0,5;2\n")
    assert file.frame["a"].iloc[-2:].tolist() == [1234, 0.5]


def test_a_few_odd_cells_are_missing_and_named(tmp_path: Path) -> None:
    cells = [str(value) for value in SIZE] * 5
    cells[10], cells[70] = "n.b.", "see\xa0note"
    file = read(tmp_path, column(cells))
    assert np.isnan(file.frame["x"]).sum() == 2
    assert "`x`: `n.b.` in line 12, `see\\xa0note` in line 72 are not numbers: missing" in said(file)
    for row in range(50, 62):
        cells[row] = "none"
    assert read(tmp_path, column(cells)).frame["x"].dtype.kind == "O"


def test_a_footer_and_one_thousand_are_no_identifier(tmp_path: Path) -> None:
    data = make(own_regression, tmp_path, PLAIN + "Total,,,12.5\n", "price")
    assert "size" in data.names
    assert "`size`: `Total` in line 122 is not a number: missing" in data.remarks
    one = PLAIN.replace(LINES[40], f'{SIZE[40]},"1,571",red,{PRICE[40]}')
    data = make(own_regression, tmp_path, one, "price")
    assert "`count`: read with commas between thousands, as in `1,571` (line 42)" in data.remarks
    assert "count" in data.names


def test_codes_with_a_rare_letter_stay_a_category(tmp_path: Path) -> None:
    assert read(tmp_path, column(["1", "2", "3"] * 50 + ["x"])).frame["x"].dtype.kind == "O"


def test_a_column_of_numbers_written_unlike_is_told(tmp_path: Path) -> None:
    mixed = HEAD + "".join(
        f"{a} {'kg' if row % 2 else 'lb'},{b},{c},{d}\n"
        for row, (a, b, c, d) in enumerate(zip(SIZE, COUNT, COLOUR, PRICE, strict=True))
    )
    data = make(own_regression, tmp_path, mixed, "price")
    said_so = (
        f"`size`: left out, text: not all of its values are numbers written in the same way: `{SIZE[0]} lb` in line 2"
    )
    assert said_so in data.remarks
    about = PLAIN.replace(f",{PRICE[3]}\n", f",about {PRICE[3]}\n").replace(f",{PRICE[7]}\n", ",none\n")
    with pytest.raises(UsageError, match=rf"column `price` holds text.*\(`about {PRICE[3]}` in line 5 is text\)"):
        make(own_regression, tmp_path, about, "price")


def test_marks_of_missing_values(tmp_path: Path) -> None:
    data = make(own_regression, tmp_path, PLAIN + ".,-9999,red,1.5\n#N/A,-9999,red,..\n\\N,-9999,red,2.5\n", "price")
    assert (
        "`count`: -9999 in 2 rows is far from all other values: if it means missing, empty those cells" in data.remarks
    )
    assert "`price`: 1 row without a target left out" in data.remarks
    assert any(remark.startswith("`size`: 2 missing values filled with the median") for remark in data.remarks)


def test_refusals_say_how_the_file_was_read(tmp_path: Path) -> None:
    german = PLAIN.replace(",", ";").replace(".", ",")
    with pytest.raises(UsageError) as caught:
        make(own_binary, tmp_path, german, "price")
    assert "read with semicolons as delimiter; read with a comma as decimal mark" in str(caught.value)


# Leaks, and what trees get


def test_a_column_that_tells_the_target_is_remarked(tmp_path: Path) -> None:
    sold = np.where(RANDOM.random(ROWS) < 0.4, 1, 0)
    rows = [
        f"{line},{'yes' if one else 'no'},{one + 0.3 * RANDOM.random():.3f},{one}"
        for line, one in zip(LINES, sold, strict=True)
    ]
    data = make(own_binary, tmp_path, "size,count,colour,price,alive,score,sold\n" + "\n".join(rows), "sold")
    alone = [remark.split("`")[1] for remark in data.remarks if "alone reveals the target in every row" in remark]
    assert alone == ["alive", "score"]


def test_columns_that_give_a_number_are_remarked(tmp_path: Path) -> None:
    casual, registered = RANDOM.integers(0, 500, ROWS), RANDOM.integers(0, 900, ROWS)
    euro = (PRICE * 1.07).round(6)
    rows = [f"{a},{b},{a + b},{e},{p}" for a, b, e, p in zip(casual, registered, euro, PRICE, strict=True)]
    text = "casual,registered,cnt,euro,price\n" + "\n".join(rows)
    pair = [remark for remark in make(own_regression, tmp_path, text, "cnt").remarks if "give the target" in remark]
    assert [remark.split(":")[0] for remark in pair] == ["`casual` and `registered` together give the target exactly"]
    alone = [
        remark for remark in make(own_regression, tmp_path, text, "price").remarks if "reveals the target" in remark
    ]
    assert [remark.split("`")[1] for remark in alone] == ["euro"]


@pytest.mark.parametrize("rows", [60, 2_000])
@pytest.mark.parametrize("twice", [False, True])
def test_honest_columns_are_not_accused(tmp_path: Path, rows: int, twice: bool) -> None:
    random = np.random.default_rng(rows)
    x = random.normal(size=(rows, 12))
    rare = np.arange(rows) < 2
    strong = x[:, 0] + 1e-2 * random.normal(size=rows)
    table = [",".join(map(str, [*line, s, int(r)])) for line, s, r in zip(x, strong, rare, strict=True)]
    text = ",".join(f"c{place}" for place in range(12)) + ",y,rare\n" + "\n".join(table * (1 + twice)) + "\n"
    for dataset, target in ((own_regression, "y"), (own_binary, "rare")):
        remarks = make(dataset, tmp_path, text, target).remarks
        assert not [
            remark for remark in remarks if ("the target" in remark and "reveals" in remark) or "exactly" in remark
        ]


def test_forests_keep_the_commonest_level(tmp_path: Path) -> None:
    assert (
        make(own_regression, tmp_path, PLAIN, "price").names[2:] == make(own_forest, tmp_path, PLAIN, "price").names[3:]
    )
    assert {"colour = red", "colour = green", "colour = blue"} <= set(make(own_forest, tmp_path, PLAIN, "price").names)
    two = PLAIN.replace("blue", "red")
    assert len(make(own_forest, tmp_path, two, "price").names) == 3


# Plain text


@pytest.mark.parametrize("name", ["plain.txt", "notes.md", "words"])
def test_every_word_of_every_line_counts(tmp_path: Path, name: str) -> None:
    text = 'first words; here, and more\n\nsecond: "words\nthird words, more\n'
    prose = make(own_prose, tmp_path, text, None, name)
    assert (prose.rows, prose.occurrences) == (4, 7)
    assert dict(zip(prose.word.tolist(), prose.count.tolist(), strict=True))["words"] == 3
    assert prose.remarks == (f"{name}: plain text, 4 lines",)


@pytest.mark.parametrize("name", ["lines.txt", "lines.text", "lines.md"])
def test_lines_of_prose_with_equally_many_commas(tmp_path: Path, name: str) -> None:
    prose = make(own_prose, tmp_path, "red, green, blue\n" * 30, None, name)
    assert (prose.rows, prose.occurrences) == (30, 90)


def test_a_table_is_no_plain_text(tmp_path: Path) -> None:
    assert make(own_prose, tmp_path, "text,n\n" + "many words,1\n" * 60, None).word.tolist() == ["many", "words"]
    text = "number\ttext\n" + "1\tmany words\n" * 60
    assert make(own_prose, tmp_path, text, "number", "table.txt").word.tolist() == ["many", "words"]
    assert make(own_prose, tmp_path, text, None, "table.txt").rows == 61
