"""What the folders of a user's pictures mean: the class of each picture, and the part of the split it belongs to.

    folders                                       are read as
    cats/... dogs/...                             one class each; pictures in their inner folders belong to it, too
    train/cats/... test/cats/...                  a given split, then the classes
    cats/train/... cats/test/...                  the classes, then a given split
    archive/cats/... and no picture elsewhere     as if `archive` had been named: it is the only folder

A split is given if one folder is called `train` or `training`, and another `test` or `testing`, or `val`, `valid`,
`validation`, `dev`, `eval` or `evaluation`, in any case and with the same words around it: `train_set` and `test_set`.
One without the other is refused if it cannot be a class.

The folder called test is judged. If there is none, or none of its pictures lies in the folder of a learned class, the
folder for validation is judged. If there is none either, a fifth of the training pictures is judged. The rest is left
out, because nothing is chosen with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from residency.datasets.picture_files import Notes, is_passed_over, listed
from residency.harness.dataset import number_of, printable
from residency.harness.errors import UsageError

LEAST_PICTURES = 5  # of a class, to learn from
NEEDED = "to classify, name a folder with --data that holds a folder of image files for each class, at least two"
LEARN, JUDGE, VALIDATE = "learn", "judge", "validate"
ROLES = {
    LEARN: {"train", "training"},
    JUDGE: {"test", "testing"},
    VALIDATE: {"val", "valid", "validation", "dev", "eval", "evaluation"},
}
PLAIN_WORDS = {"set", "data", "dataset", "image", "images", "img", "imgs", "picture", "pictures", "photos", "split"}
WORDS = re.compile(r"[^\W\d_]+")

Folders = tuple[str, ...]  # the folders that a picture lies in, the outermost first
Parts = Mapping[str, Sequence[str]]  # role: the folders of that role


@dataclass(frozen=True)
class Chosen:
    """Which pictures are used, for training or to be judged."""

    places: list[int]  # among all pictures
    classes: list[str]
    y: NDArray[np.intp]  # the class of each that is used
    judged: NDArray[np.bool_] | None  # which are to be classified; None if no split is given


@dataclass(frozen=True)
class Layout:
    """What the folders of many pictures mean; `label`, `part` and `role` have an entry for each picture."""

    inside: Folders  # the folders around all pictures, which mean nothing
    parts: Parts  # empty if no split is given
    shown: str  # how a part's folder is written for a reader, with `{}` for its name
    label: Sequence[str | None]  # its class; None if it lies in no class's folder
    part: Sequence[str | None]  # its part's folder; None if no split is given, or if the picture lies beside the parts
    role: Sequence[str | None]  # its part's role; None if no split is given, or if its folder lies beside the parts


def chosen_of(root: Path, names: Sequence[str], noted: Notes) -> Chosen:
    """Which pictures of a folder are used, for training or to be judged; `names` are their paths from that folder.

    Notes say what the folders mean and which are left out. Raises `UsageError` if there are fewer than two classes.
    """
    places = [tuple(name.split("/")[:-1]) for name in names]
    meant = layout(places)
    if not meant.parts:
        _refuse_half_a_split(root, places, meant)
    _note_folders(root, names, places, meant, noted)
    learn = [place for place, role in enumerate(meant.role) if role == LEARN or not meant.parts]
    counts = Counter(label for place in learn if (label := meant.label[place]) is not None)
    classes = sorted(label for label, count in counts.items() if count >= LEAST_PICTURES)
    few = f"left out, a class with fewer than {LEAST_PICTURES} pictures" + (" to learn from" if meant.parts else "")
    noted.add(few, *(f"{label}/" for label in sorted(set(counts) - set(classes))))
    if len(classes) < 2:
        raise _no_classes(root, classes, meant, noted)
    code = {label: number for number, label in enumerate(classes)}
    learned = [(place, code[label]) for place in learn if (label := meant.label[place]) in code]
    judged = _judged(meant, code, len(learned), noted) if meant.parts else []
    used = learned + judged
    split = np.arange(len(used)) >= len(learned) if judged else None
    return Chosen([place for place, _ in used], classes, np.array([number for _, number in used]), split)


def layout(places: Sequence[Folders]) -> Layout:
    """What the folders mean; `places` has the folders of each picture."""
    inside = _looked_through(places)
    within = [folders[len(inside) :] for folders in places]
    first, second = ([folders[depth] if len(folders) > depth else None for folders in within] for depth in (0, 1))
    role, parts = _roles(first)
    classes_inside = {name for name, inner in zip(first, second, strict=True) if inner is not None}
    if parts and (set(first) - {None} <= set(role) or classes_inside & set(parts[LEARN])):
        inner = [folders[1] if len(folders) > 1 else None for folders in _without_inner_folder(within, role)]
        return Layout(inside, parts, "{}/", label=inner, part=first, role=[role.get(name) for name in first])
    role, parts = _roles(second)
    if parts and set(second) <= set(role):
        return Layout(inside, parts, "*/{}/", label=first, part=second, role=[role.get(name) for name in second])
    nothing = [None] * len(places)
    return Layout(inside, {}, "", label=first, part=nothing, role=nothing)


def _roles(names: Iterable[str | None]) -> tuple[dict[str | None, str], Parts]:
    """The role of each folder, and the folders of each role; empty if there is no training folder with another part."""
    by_words: dict[Folders, dict[str, list[str]]] = {}
    for name in sorted({name for name in names if name is not None}):
        if (meant := _role(name)) is not None:
            by_words.setdefault(meant[1], {}).setdefault(meant[0], []).append(name)
    parts = next((parts for parts in by_words.values() if LEARN in parts and len(parts) > 1), {})
    return {name: role for role, folders in parts.items() for name in folders}, parts


def _role(name: str) -> tuple[str, Folders] | None:
    """A folder's role by the words of its name, and its other words; None if the name says nothing about a split."""
    words = _words(name)
    meant = [(role, word) for word in words for role, known in ROLES.items() if word in known]
    if len(meant) != 1:
        return None
    role, role_word = meant[0]
    return role, tuple(word for word in words if word != role_word and word not in PLAIN_WORDS)


def _words(name: str) -> list[str]:
    return [word.lower() for word in WORDS.findall(name)]


def _looked_through(places: Sequence[Folders]) -> Folders:
    """The folders that all pictures lie in, without the innermost, which is a class."""
    inside: Folders = ()
    while all(len(folders) > len(inside) + 1 for folders in places):
        names = {folders[len(inside)] for folders in places}
        if len(names) != 1:
            break
        inside += (names.pop(),)
    return inside


def _without_inner_folder(within: Sequence[Folders], role: Mapping[str | None, str]) -> list[Folders]:
    """`train/train/cats` and `train/images/cats` as `train/cats`, if the whole part lies in that one inner folder."""
    inner: dict[str, set[str]] = {}
    for folders in within:
        if folders:
            inner.setdefault(folders[0], set()).add(folders[1] if len(folders) > 2 else "")

    def says_no_class(name: str, part: str) -> bool:
        words = set(_words(name))
        return (bool(words) and words <= PLAIN_WORDS) or bool(words & ROLES.get(role.get(part, ""), set()))

    dropped = {part for part, names in inner.items() if len(names) == 1 and says_no_class(next(iter(names)), part)}
    return [(folders[0], *folders[2:]) if folders and folders[0] in dropped else folders for folders in within]


def _judged(meant: Layout, code: Mapping[str, int], learned: int, noted: Notes) -> list[tuple[int, int]]:
    """The pictures that a given split has for judging, with their classes; empty if none is of a learned class."""
    shown = {role: [meant.shown.format(name) for name in names] for role, names in meant.parts.items()}
    noted.add(f"the split is given: {number_of(learned, 'picture')} to learn from", *shown[LEARN])
    judged: list[tuple[int, int]] = []
    for role in (JUDGE, VALIDATE):
        if judged:
            noted.add("left out: meant for choosing a model, and nothing is chosen here", *shown.get(role, []))
            continue
        there = [(place, meant.label[place]) for place, its_role in enumerate(meant.role) if its_role == role]
        same = {label: same_class(label, code) for _, label in there if label is not None}
        judged = [(place, code[known]) for place, label in there if (known := same.get(label or "")) is not None]
        what = f"{number_of(len(judged), 'picture')} to be judged" if judged else "left out, no folder of a class in it"
        noted.add(what, *shown.get(role, []))
        noted.add("left out, a class that is not learned", *(f"{label}/" for label in same if same[label] is None))
    if not judged:
        noted.add("a fifth of each class is judged, and not learned from", *shown[LEARN])
    return judged


def same_class(label: str, known: Iterable[str]) -> str | None:
    """The known class of this name, or the only one that differs just in case or in how its accents are coded."""
    alike = [name for name in known if _folded(name) == _folded(label)]
    if label in alike:
        return label
    return alike[0] if len(alike) == 1 else None


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _note_folders(root: Path, names: Sequence[str], places: Sequence[Folders], meant: Layout, noted: Notes) -> None:
    """Note folders around all pictures, folders without pictures, and what lies beside or inside classes' folders."""
    depth = len(meant.inside)
    if depth:
        noted.add("the only folder with pictures, so the folders in it are read", "/".join(meant.inside) + "/")
    noted.add("left out, a folder without a picture", *_without_pictures(root, places, depth, meant))
    for name, label, part, role in zip(names, meant.label, meant.part, meant.role, strict=True):
        if label is None and (part is None or role is not None):
            noted.add("left out, in no class's folder", name)
    if not meant.parts:
        inner = {"/".join(folders[: depth + 2]) + "/" for folders in places if len(folders) > depth + 1}
        noted.add("read as part of the class whose folder they are in", *sorted(inner))
        _note_same_folders(root, [folders[depth:] for folders in places], meant, noted)
    beside = {part for part, role in zip(meant.part, meant.role, strict=True) if part and role is None}
    noted.add("left out, neither to learn from nor to be judged", *(f"{part}/" for part in sorted(beside)))


def _note_same_folders(root: Path, within: Sequence[Folders], meant: Layout, noted: Notes) -> None:
    """Note if all classes hold the same folders: perhaps they are parts of a dataset, with the classes inside."""
    inner: dict[str, set[str]] = {}
    for folders in within:
        if folders:
            inner.setdefault(folders[0], set()).add(folders[1] if len(folders) > 1 else "")
    outer = sorted(inner)
    if len(outer) > 1 and len(inner[outer[0]]) > 1 and all(inner[name] == inner[outer[0]] for name in outer):
        same = ", ".join(f"`{printable(name)}/`" for name in sorted(inner[outer[0]])[:3])
        part = printable("/".join((root.name, *meant.inside, outer[0])))
        noted.add(
            f"read as classes, though each holds the same folders ({same}): if those are the classes, name {part} "
            "with --data, or put all pictures of a class into one folder",
            *(f"{name}/" for name in outer),
        )


def _without_pictures(root: Path, places: Sequence[Folders], depth: int, meant: Layout) -> list[str]:
    """The folders without a picture, on the levels of classes, of parts, and of the folders around them."""
    filled = {folders[:length] for folders in places for length in range(len(folders) + 1)}
    deepest = depth + (1 if meant.parts else 0)
    empty = []
    for place in sorted(folders for folders in filled if len(folders) <= deepest):
        inner = (folder for folder in root.joinpath(*place).iterdir() if folder.is_dir())
        names = [folder.relative_to(root) for folder in inner]
        empty += [f"{name.as_posix()}/" for name in names if name.parts not in filled and not is_passed_over(name)]
    return sorted(empty)


def _refuse_half_a_split(root: Path, places: Sequence[Folders], meant: Layout) -> None:
    """Raise `UsageError` if a folder has the name of a part of a split, but the other part does not exist.

    A folder with such a name is read as a part if it holds only folders, two or more, or if it is called `test`, which
    is hardly a class.
    """
    inner: dict[str, set[str]] = {}
    for folders in places:
        below = folders[len(meant.inside) :]
        if below:
            inner.setdefault(below[0], set()).add(below[1] if len(below) > 1 else "")
    for name, names in inner.items():
        role = (_role(name) or ("",))[0]
        if role and (role == JUDGE or (len(names) > 1 and "" not in names)):
            whole = printable("/".join((root.name, *meant.inside)))
            others = [f"`{printable(other)}/`" for other in inner if other != name]
            part = f"{whole}/{printable(name)}"
            remedy = (
                f"if its folders are the classes, name {part} with --data" if "" not in names else f"move {part} away"
            )
            raise UsageError(
                f"{whole} holds `{printable(name)}/` beside {listed(others)}, so it is neither a split nor classes: "
                f"{remedy}; if it is a class, rename it"
            )


def _no_classes(root: Path, classes: Sequence[str], meant: Layout, noted: Notes) -> UsageError:
    """The error for a folder that does not hold two classes; it says what the folder holds instead."""
    shown = [f"`{printable(label)}/`" for label in classes]
    instead = "; ".join([*shown, *noted.left_out()])
    enough = f"{number_of(len(classes), 'folder')} with {LEAST_PICTURES} pictures or more"
    where, remedy = "", NEEDED
    if meant.parts:
        part = printable(meant.shown.format(meant.parts[LEARN][0]))
        where, remedy = (
            f" in {part}",
            f"to classify, put the pictures of each class into a folder of their own there, such as {part}cats/1.png",
        )
    why = f" ({instead})" if instead else ""
    return UsageError(f"{printable(root.name or root)} holds {enough}{where}{why}; {remedy}")
