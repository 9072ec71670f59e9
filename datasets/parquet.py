"""How large a Parquet file's table is in memory: schemas whose data lies in such files say it of themselves."""

from __future__ import annotations

from pathlib import Path

SAMPLED = 8  # row groups that are read


def decoded_bytes(file: Path) -> int:
    """Bytes of the file's table in Arrow's memory, where text is UTF-8 with offsets.

    They are estimated from a few row groups that lie evenly over the file, so that no file is read twice.
    """
    from pyarrow import parquet

    opened = parquet.ParquetFile(file)
    groups, rows = opened.metadata.num_row_groups, opened.metadata.num_rows
    sampled = sorted({number * groups // SAMPLED for number in range(SAMPLED)}) if groups else []
    tables = [opened.read_row_group(group) for group in sampled]
    seen = sum(table.num_rows for table in tables)
    return round(sum(table.nbytes for table in tables) * rows / seen) if seen else 0


def parts(file: Path, most: int) -> list[list[int]]:
    """The file's row groups, in order, in parts of at most `most` uncompressed bytes; a larger group is a part."""
    from pyarrow import parquet

    metadata = parquet.read_metadata(file)
    found: list[list[int]] = []
    room = 0
    for group in range(metadata.num_row_groups):
        size = metadata.row_group(group).total_byte_size
        if size > room:
            found.append([])
            room = most
        found[-1].append(group)
        room -= size
    return found
