"""Zip files made by hand, good and bad."""

from __future__ import annotations

import io
import stat
import zipfile


def zipped(entries: dict[str, bytes], mode: int = 0o644) -> bytes:
    """A zip of these entries; a mode that names a file type is kept as it is."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (mode if mode > 0o777 else stat.S_IFREG | mode) << 16
            archive.writestr(entry, content)
    return file.getvalue()
