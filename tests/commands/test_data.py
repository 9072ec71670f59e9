"""Public data by the commands a user types; the real files come from a mirror where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

MIRROR = os.environ.get("RESIDENCY_MIRROR")
OFFLINE = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
mirrored = pytest.mark.skipif(
    not MIRROR or not (Path(MIRROR) / "taxis.csv").exists(),
    reason="RESIDENCY_MIRROR names no folder that holds taxis.csv and diamonds.csv",
)


def test_public_data_that_is_not_here_is_unavailable_with_the_command(residency, tmp_path: Path) -> None:
    asked = ("tabular/etl", "--dataset", "taxis", "--implementations", "data_frame,sql", "--json")
    done = residency("run", *asked, RESIDENCY_CACHE=str(tmp_path / "cache"))
    assert done.status == 1
    reasons = {row["reason"] for row in done.json["rows"] if row["device"] == "cpu"}
    assert reasons == {"dataset taxis is not here: residency data fetch taxis"}


def test_fetching_without_a_network_says_what_to_do(residency, tmp_path: Path) -> None:
    done = residency("data", "fetch", "taxis", RESIDENCY_CACHE=str(tmp_path / "cache"), **OFFLINE)
    assert done.status == 2
    assert "Traceback" not in done.err
    assert "cannot reach https://" in done.err
    assert "name it with --mirror or RESIDENCY_MIRROR" in done.err


@mirrored
@pytest.mark.slow
def test_the_real_taxis_and_diamonds_from_a_mirror(residency, tmp_path: Path) -> None:
    cache = {"RESIDENCY_CACHE": str(tmp_path / "cache"), **OFFLINE}
    for name in ("taxis", "diamonds"):
        done = residency("data", "fetch", name, "--mirror", str(MIRROR), **cache)
        assert done.status == 0, done.err
        assert f"{name}: fetched, and the checksum is right" in done.out
        assert f"{name}: already here" in residency("data", "fetch", name, **cache).out
    asked = ("tabular/etl", "--dataset", "taxis", "--implementations", "data_frame,lazy_frame,sql,eager_aggregation")
    done = residency("run", *asked, "--replicates", "1", "--rounds", "1", "--json", **cache)
    rows = {row["implementation"]: row for row in done.json["rows"] if row["device"] == "cpu"}
    assert {row["outcome"] for row in rows.values()} == {"ok"}
    assert {row["rows"] for row in rows.values()} == {6433}
    assert {row["quality"] for row in rows.values()} == {1.0}
