"""`pilotage memory`: look at, edit, carry over and check what was learnt."""

from __future__ import annotations

from pilotage.agent.cli.memory import care as memory_care
from pilotage.agent.cli.memory import files as memory_files
from pilotage.agent.cli.memory import mcp as memory_mcp
from pilotage.agent.cli.memory import read as memory_read
from pilotage.agent.cli.memory import write as memory_write
from pilotage.agent.cli.terminal import App

app = App(help="Look at, edit, carry over and check what was learnt.", no_args_is_help=True)

app.command("list")(memory_read.list_concepts)
app.command("show")(memory_read.show)
app.command("search")(memory_read.search)
app.command("history")(memory_read.history)
app.command("add")(memory_write.add)
app.command("edit")(memory_write.edit)
app.command("merge")(memory_write.merge)
app.command("forget")(memory_write.forget)
app.command("restore")(memory_write.restore)
app.command("undo")(memory_write.undo)
app.command("export")(memory_files.export)
app.command("import")(memory_files.import_)
app.command("reindex")(memory_care.reindex)
app.command("prune")(memory_care.prune)
app.command("credit")(memory_care.credit)
app.command("stats")(memory_care.stats)
app.command("doctor")(memory_care.doctor)
app.command("mcp")(memory_mcp.mcp)
