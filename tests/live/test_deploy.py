"""What lies under `deploy/`: the service's file is one that systemd takes as it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ANALYSE = shutil.which("systemd-analyze")


@pytest.mark.live
@pytest.mark.skipif(ANALYSE is None, reason="no systemd-analyze here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """With the program where this one is: it must exist to be looked at."""
    unit = (ROOT / "deploy" / "memwatch.service").read_text()
    assert unit.count("/opt/memwatch/bin/") == 2
    file = tmp_path / "memwatch.service"
    file.write_text(unit.replace("/opt/memwatch/bin", str(Path(sys.executable).parent)))
    told = subprocess.run([str(ANALYSE), "verify", str(file)], capture_output=True, text=True, timeout=60)
    assert (told.returncode, told.stdout + told.stderr) == (0, "")
