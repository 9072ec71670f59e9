"""A folder's files are all of them, whatever links it holds."""

from __future__ import annotations

import os
from pathlib import Path

from residency.harness.files import LOOP, NO_FILE, NOWHERE, files_under
from residency.harness.store import hash_path


def test_links_count_as_what_they_lead_to_and_loops_end(tmp_path: Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "folder"
    for name in ("elsewhere/deep", "folder/plain"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("elsewhere/1.png", "elsewhere/deep/2.png", "folder/plain/3.png", "another.png"):
        (tmp_path / name).write_text(name)
    (folder / "linked").symlink_to(elsewhere)
    (folder / "twice").symlink_to("plain")
    (folder / "4.png").symlink_to("../another.png")
    (folder / "plain" / "up").symlink_to("..")
    (elsewhere / "back").symlink_to(folder)
    (folder / "gone").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    left: dict[str, str] = {}

    files = files_under(folder, lambda path, why: left.update({str(path.relative_to(folder)): why}))

    assert [str(file.relative_to(folder)) for file in files] == [
        "4.png", "linked/1.png", "linked/deep/2.png", "plain/3.png", "twice/3.png",
    ]  # fmt: skip
    assert left == {
        "gone": NOWHERE, "pipe": NO_FILE, "linked/back": LOOP, "plain/up": LOOP, "twice/up": LOOP,
    }  # fmt: skip


def test_the_hash_of_a_folder_covers_what_its_links_lead_to(tmp_path: Path) -> None:
    (tmp_path / "pictures" / "cats").mkdir(parents=True)
    picture = tmp_path / "pictures" / "cats" / "1.png"
    picture.write_bytes(b"white")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cats").symlink_to(tmp_path / "pictures" / "cats")
    before = hash_path(tmp_path / "data")
    assert hash_path(tmp_path / "data") == before
    picture.write_bytes(b"black")
    assert hash_path(tmp_path / "data") != before
