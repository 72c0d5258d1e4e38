"""LangChain's own tests of a chat model, over a real server on the loopback.

Left as unsupported are images, audio, PDF and Anthropic's content blocks, which are sent on as they are and understood
or not by the model behind, and another `model` for one call.
"""

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from pilotage.agent.langchain.chat_model import PilotageChatModel
from tests.agent.langchain.upstream import Upstream


@pytest.fixture(scope="module", autouse=True)
def url():
    started = Upstream()
    Ours.url = started.url
    yield
    started.close()


class Ours:
    """What is tested, and what it is made of."""

    url = ""

    @property
    def chat_model_class(self):
        return PilotageChatModel

    @property
    def chat_model_params(self):
        return {"model": "m", "base_url": Ours.url, "policy": "fixed:reason,answer", "sandbox": "none"}

    @property
    def supports_model_override(self):
        return False

    @property
    def supports_json_mode(self):
        return True

    @property
    def supported_usage_metadata_details(self):
        return {"invoke": ["reasoning_output", "cache_read_input"], "stream": ["reasoning_output", "cache_read_input"]}

    def invoke_with_reasoning_output(self, *, stream=False):
        return self._asked("What is 6 times 7?", stream)

    invoke_with_cache_read_input = invoke_with_reasoning_output

    def _asked(self, question, stream):
        model = self.chat_model_class(**self.chat_model_params)
        if not stream:
            return model.invoke(question)
        chunks = list(model.stream(question))
        return sum(chunks[1:], chunks[0])


class TestUnit(Ours, ChatModelUnitTests):
    pass


class TestIntegration(Ours, ChatModelIntegrationTests):
    pass


class TestIntegrationByJsonSchema(Ours, ChatModelIntegrationTests):
    @property
    def structured_output_kwargs(self):
        return {"method": "json_schema"}
