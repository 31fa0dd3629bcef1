"""What `./dev broken` builds is built from this tree: each line that it changes must be there. Whether the chaos run catches the
broken builds takes longer, and is that command's to show."""
import pytest

from broken_builds import BREAKS, ROOT, changed_files


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_build_still_finds_what_it_breaks(name):
    changed = changed_files(name)
    assert changed
    assert all(text != (ROOT / path).read_text() for path, text in changed.items())
