"""A segment that is put aside and one that is left over have the same name for a while."""

from unittest.mock import Mock

import pytest

from lunaredge.runtime.archive.log import segment_numbers
from lunaredge.runtime.archive.store import ArchiveStore
from lunaredge.runtime.archive.works import Works
from tests.runtime.archive.drawn import plain
from tests.runtime.archive.settling import SMALL, settle_all, settled_by_hand


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


@pytest.mark.parametrize("who", ["start", "settler"])
def test_a_segment_whose_putting_aside_was_cut_off_is_put_aside_later(folder, monkeypatch, who):
    settled_by_hand(folder, [plain(1)])
    works = Works(folder, SMALL)
    with monkeypatch.context() as cut:
        # The copy is the last thing before the new name.
        cut.setattr(
            "lunaredge.runtime.archive.works.copy_catalog", Mock(side_effect=OSError("cut"))
        )
        with pytest.raises(OSError, match="cut"):
            works.put_aside(1, "because")
    works.close()

    if who == "start":
        ArchiveStore.open(folder, SMALL).close()
    else:
        settle_all(folder)

    assert [path.name for path in (folder / "intake").iterdir()] == ["00000001.aside"]


def test_a_settled_segment_that_is_left_over_is_deleted(folder, monkeypatch):
    settled_by_hand(folder, [plain(1)])
    with monkeypatch.context() as cut:
        cut.setattr("lunaredge.runtime.archive.settle.os.unlink", lambda _: None)
        settle_all(folder)
    assert segment_numbers(folder) == [1]

    ArchiveStore.open(folder, SMALL).close()

    assert list((folder / "intake").iterdir()) == []
