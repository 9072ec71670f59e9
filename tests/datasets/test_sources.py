"""Fetching public data: from an address, from a mirror, and what is said when neither will do."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from residency.datasets.sources import Address, ScikitLearn
from residency.harness.errors import Unavailable

CONTENT = b"a,b\n1,2\n" * 5000
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web server on loopback that serves one file."""
    folder: Path = tmp_path_factory.mktemp("site")
    (folder / "table.csv").write_bytes(CONTENT)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, directory=str(folder), **options)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/table.csv"
        server.shutdown()
        thread.join()


def test_an_address_is_downloaded_and_checked(site: str, tmp_path: Path) -> None:
    source = Address(site, SHA, "40 kB")
    said: list[str] = []
    assert not source.is_here(tmp_path / "data")
    source.fetch(tmp_path / "data", None, said.append)
    assert source.is_here(tmp_path / "data")
    assert (tmp_path / "data" / "table.csv").read_bytes() == CONTENT
    assert said[0].startswith("table.csv: 40 kB from http://127.0.0.1")
    assert "table.csv: 100%" in said


def test_another_file_at_the_address_is_refused(site: str, tmp_path: Path) -> None:
    source = Address(site, "0" * 64, "40 kB")
    with pytest.raises(Unavailable, match="no longer serves the expected file"):
        source.fetch(tmp_path, None, lambda _: None)
    assert not source.is_here(tmp_path)


def test_the_mirror_comes_before_the_network(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "table.csv").write_bytes(CONTENT)
    source = Address("http://127.0.0.1:9/table.csv", SHA, "40 kB")
    source.fetch(tmp_path / "data", tmp_path / "mirror", lambda _: None)
    assert source.is_here(tmp_path / "data")


def test_a_damaged_file_in_the_mirror_is_named(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(CONTENT[:-1])
    source = Address("http://127.0.0.1:9/table.csv", SHA, "40 kB")
    with pytest.raises(Unavailable, match=r"table.csv has SHA-256 .* expected"):
        source.fetch(tmp_path / "data", tmp_path, lambda _: None)
    assert not source.is_here(tmp_path / "data")


def test_without_a_network_the_remedy_is_said(tmp_path: Path) -> None:
    source = Address("http://127.0.0.1:9/table.csv", SHA, "40 kB")
    with pytest.raises(Unavailable) as caught:
        source.fetch(tmp_path, None, lambda _: None)
    assert "cannot reach http://127.0.0.1:9/table.csv" in str(caught.value)
    assert "RESIDENCY_MIRROR" in str(caught.value)
    assert SHA in str(caught.value)


def test_scikit_learn_finds_its_data_in_the_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sklearn.datasets

    def fetch(data_home: str, download_if_missing: bool = True) -> str:
        if not (Path(data_home) / "set.bin").exists():
            raise OSError("Data not found and `download_if_missing` is False")
        return f"read from {data_home}"

    monkeypatch.setattr(sklearn.datasets, "fetch_covtype", fetch)
    source = ScikitLearn("fetch_covtype", "somewhere", "11 MB")
    with pytest.raises(Unavailable, match="scikit-learn cannot reach somewhere"):
        source.fetch(tmp_path / "data", tmp_path, lambda _: None)
    (tmp_path / "scikit_learn_data").mkdir()
    (tmp_path / "scikit_learn_data" / "set.bin").touch()
    source.fetch(tmp_path / "data", tmp_path, lambda _: None)
    assert source.is_here(tmp_path / "data")
    assert source.load(tmp_path / "data") == f"read from {tmp_path / 'data'}"
