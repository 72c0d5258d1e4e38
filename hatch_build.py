"""Before an editable installation: the links of src/pilotage to the four folders, which archives leave out."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("agent", "common", "memory", "navigator")


class Links(BuildHookInterface):
    """Makes the links where they are missing; a wheel holds the folders themselves and needs none."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling with the kind of wheel that it is going to build."""
        if version != "editable":
            return
        for name in FOLDERS:
            link = Path(self.root, "src", "pilotage", name)
            if link.is_dir():
                continue
            link.unlink(missing_ok=True)  # what unpacks a link as a file leaves its target's name in it
            link.symlink_to(Path("..", "..", name), target_is_directory=True)
