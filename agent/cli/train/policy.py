"""`pilotage policy`: what is in a policy file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pilotage.agent.cli.memory.open import AsJson
from pilotage.agent.cli.terminal import App, print_json, screen

app = App(help="Look at trained policies.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `show` a command of its own, which Typer drops where a group has only one."""


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A policy file, or default.")], as_json: AsJson = False
) -> None:
    """What a policy sees, what it was trained on, how it scored, and which blocks it uses when."""
    from pilotage.agent.errors import UsageError
    from pilotage.navigator.policies.policy_file import read_policy

    if str(file) == "default":
        from pilotage.navigator.policies.pretrained import FILE

        file = FILE
    if not file.exists():
        raise UsageError(f"there is no policy file {file}: give one that `pilotage train` wrote, or default")
    header, tensors = read_policy(file)
    if as_json:
        described = {
            "kind": header.kind,
            "algorithm": header.algorithm,
            "actions": list(header.actions.names),
            "features": header.observations.to_json(),
            "settings": header.settings,
            "parameters": sum(tensor.size for name, tensor in tensors.items() if not name.startswith("input.")),
            "card": header.card,
        }
        print_json(described)
        return
    from pilotage.agent.cli.train.policy_printing import print_policy
    from pilotage.navigator.errors import PolicyError
    from pilotage.navigator.policies.settings import cost_weight_of, cost_weighting_of, support_of

    (
        cost_weighting_of(header.settings),
        cost_weight_of(header.settings),
        support_of(header),
    )  # before anything is printed
    try:
        print_policy(screen(), file, header, tensors)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise PolicyError(f"the card of {file} is of another make ({error!r}): --json shows it as it stands") from error
