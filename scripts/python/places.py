# SPDX-License-Identifier: Apache-2.0
"""Where things lie: in the source tree, or where `cmake --install` puts this folder, which is
PREFIX/share/sproof/scripts/python."""
from __future__ import annotations

import pathlib

_ABOVE = pathlib.Path(__file__).resolve().parents[2]
_SOURCE = (_ABOVE / "CMakeLists.txt").exists()

# Where tables are written: an installation is not for writing.
DATA = _ABOVE / "data" if _SOURCE else pathlib.Path("data")
# The tables that ship.
SHIPPED = _ABOVE / "data" if _SOURCE else _ABOVE
SPROOF = str(_ABOVE / "build" / "sproof" if _SOURCE else _ABOVE.parents[1] / "bin" / "sproof")
