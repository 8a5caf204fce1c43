"""Jars for the tests of versions, good and bad."""

import io
import json
import struct
import zipfile

MANIFEST = "Manifest-Version: 1.0\r\nMain-Class: {}\r\n\r\n"


def class_file(java: int = 17) -> bytes:
    """Return the beginning of a class file for a Java version."""
    return struct.pack(">IHH", 0xCAFEBABE, 0, java + 44) + bytes(32)


def make_jar(
    *,
    main: str = "net.minecraft.bundler.Main",
    manifest: str | None = None,
    java: int = 17,
    version: object = None,
    files: dict[str, bytes] | None = None,
    compression: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """Return a jar with a main class, and with version.json if `version` is given. It is the same at any time."""
    members: dict[str, str | bytes] = {
        "META-INF/MANIFEST.MF": manifest or MANIFEST.format(main),
        f"{main.replace('.', '/')}.class": class_file(java),
    }
    if version is not None:
        members["version.json"] = version if isinstance(version, bytes) else json.dumps(version)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as jar:
        for name, data in [*members.items(), *(files or {}).items()]:
            # Without the time of now: the hash of a jar is part of a test's name.
            jar.writestr(zipfile.ZipInfo(name), data, compression)
    return content.getvalue()
