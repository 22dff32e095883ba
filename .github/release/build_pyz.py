"""Build the one-file `outreply.pyz` from a virtual environment with the installed package.

Usage: python build_pyz.py ENVIRONMENT TARGET
"""

import re
import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import Distribution, distributions
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

# They are compiled for one platform. Without them the keyring of Linux is not available.
LEFT_OUT = {"cffi", "cryptography", "jeepney", "pycparser", "secretstorage"}
# They also work without their compiled modules.
WITH_FALLBACK = {"markupsafe", "pyyaml"}
COMPILED = {".so", ".pyd", ".dylib"}
# Notes of pip about the environment.
NOTES = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}


def main(environment: Path, target: Path) -> None:
    """Build `target` from the packages in `environment`."""
    (packages,) = environment.glob("lib/python3.*/site-packages")
    files: dict[str, bytes] = {}
    version = ""
    for package in distributions(path=[str(packages)]):
        name = re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()
        if name == "outreply-cli":
            version = package.version
            check_python(package, packages.parent.name)
        if name not in LEFT_OUT:
            files |= dict(read_files(package, name))
    digest = sha256(repr(sorted(files.items())).encode()).hexdigest()
    files["release"] = f"{version}-{digest[:12]}".encode()
    files["__main__.py"] = Path(__file__).with_name("start.py").read_bytes()
    write(files, target)


def check_python(package: Distribution, directory: str) -> None:
    """Exit if the environment lacks dependencies that only older Pythons need."""
    oldest = package.metadata["Requires-Python"].removeprefix(">=")
    if directory != f"python{oldest}":
        sys.exit(f"Error: the environment has {directory}\n  Create it with Python {oldest}.")


def read_files(package: Distribution, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the content of each file of a package.

    Args:
        package: The installed package.
        name: Its normalized name.
    """
    for path in package.files or ():
        if path.suffix in COMPILED and name not in WITH_FALLBACK:
            sys.exit(
                f"Error: {name} has compiled modules\n"
                "  Add it to WITH_FALLBACK if it works without them, otherwise to LEFT_OUT."
            )
        is_of_platform = path.suffix in {*COMPILED, ".pyc"} or ".." in path.parts
        if not is_of_platform and path.name not in NOTES:
            yield f"packages/{path.as_posix()}", Path(path.locate()).read_bytes()


def write(files: dict[str, bytes], target: Path) -> None:
    """Write an archive that Python runs; the same files make the same archive."""
    with target.open("wb") as stream:
        stream.write(b"#!/usr/bin/env python3\n")
        with ZipFile(stream, "w") as archive:
            for name, content in sorted(files.items()):
                entry = ZipInfo(name)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, content, ZIP_DEFLATED)
    target.chmod(0o755)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
