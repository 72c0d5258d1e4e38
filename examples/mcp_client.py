"""A memory through its MCP server: an MCP client adds a concept, recalls it for a task, and says that it helped.

python examples/mcp_client.py
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from mcp import Client, StdioServerParameters

PILOTAGE = str(Path(sys.executable).with_name("pilotage"))


async def main(folder: str) -> None:
    server = StdioServerParameters(command=PILOTAGE, args=["memory", "mcp", "--memory", folder, "--embedder", "hash"])
    async with Client(server) as client:
        print("tools:", ", ".join(tool.name for tool in (await client.list_tools()).tools))
        profit = {
            "title": "Profit of a sale",
            "cues": ["goods are sold at a price each", "there are costs to subtract"],
            "implementation": ["takings = count * price, summed over the goods", "profit = takings - costs"],
        }
        added = (await client.call_tool("add", profit)).structured_content
        task = "How much profit is left of selling 40 goods at 12 dollars each, after costs?"
        recalled = (await client.call_tool("recall", {"task": task, "max_tokens": 120})).structured_content
        print(recalled["text"])
        verdict = {"ids": recalled["ids"], "outcome": "helped", "reason": "the user said so"}
        helped = (await client.call_tool("feedback", verdict)).structured_content
        print((await client.call_tool("get", {"id": added["ids"][0]})).structured_content["concept"]["outcomes"])
        undone = await client.call_tool("undo", {"change": helped["change"]})
        print(undone.content[0].text)


with tempfile.TemporaryDirectory() as folder:
    asyncio.run(main(folder))
