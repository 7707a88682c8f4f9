"""Only plain files of one folder are deleted, whatever stands in a path, and never through a link."""

from pathlib import Path

import pytest

from ccd.errors import Refused
from ccd.files import delete, delete_empty


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base" / "day").mkdir(parents=True)
    (tmp_path / "base" / "day" / "a.wav").write_bytes(b"12345")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.wav").write_bytes(b"1")
    return tmp_path / "base"


def test_a_file_of_the_folder_goes(folder: Path) -> None:
    assert delete(folder, folder / "day" / "a.wav") == 5
    assert not (folder / "day" / "a.wav").exists()
    assert delete(folder, folder / "day" / "a.wav") == 0, "it is gone already"
    assert delete(folder, folder / "nowhere" / "a.wav") == 0
    delete_empty(folder, folder / "day")
    assert not (folder / "day").exists()
    delete_empty(folder, folder / ".." / "other")
    assert (folder.parent / "other").exists()


def test_the_folder_itself_may_be_reached_by_a_link_old_or_new(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    (folder / "c.wav").touch()
    assert delete(link, folder / "day" / "a.wav") == 5
    assert delete(folder, link / "c.wav") == 0 and not (folder / "c.wav").exists()


@pytest.mark.parametrize(
    "way", ["../other/b.wav", "out/b.wav", "day/../../other/b.wav", "day/link.wav", "day", "."]
)
def test_what_is_not_in_it_or_no_file_stays(folder: Path, way: str) -> None:
    other = folder.parent / "other"
    (folder / "out").symlink_to(other)
    (folder / "day" / "link.wav").symlink_to(other / "b.wav")
    with pytest.raises(Refused):
        delete(folder, folder / way)
    assert (other / "b.wav").exists() and (folder / "day" / "link.wav").is_symlink()


def test_a_link_that_is_put_in_the_way_after_the_look_is_not_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if somebody were faster than we: the place of the file was looked up, and then its folder became a
    link."""
    real = folder / "day"
    monkeypatch.setattr("os.path.realpath", lambda path, strict: str(path))
    real.rename(folder / "aside")
    real.symlink_to(folder.parent / "other")
    with pytest.raises(OSError, match=r"Not a directory|symbolic links"):
        delete(folder, real / "b.wav")
    assert (folder.parent / "other" / "b.wav").exists()
