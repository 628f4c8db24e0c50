"""A process beside this one: it works meanwhile, is waited for, and its failure stays its own."""

import pytest

from lunaredge.cli.beside import running_beside


def test_its_work_is_done_when_the_block_is_over(tmp_path):
    with running_beside(f"open({str(tmp_path / 'done')!r}, 'w').close()"):
        pass

    assert (tmp_path / "done").exists()


def test_what_it_fails_at_is_nobodys_trouble(capfd):
    with running_beside("raise SystemExit('no')"):
        pass

    assert capfd.readouterr() == ("", "")


def test_it_ends_with_a_block_that_fails(tmp_path):
    flag = tmp_path / "ended"
    late = f"import time; time.sleep(60); open({str(flag)!r}, 'w').close()"

    with pytest.raises(KeyError), running_beside(late):
        raise KeyError

    assert not flag.exists()
