"""Fields of OpenAI's chat completions that a caller may set beside those of `ReplyOptions`."""

PASSED_ON = frozenset(
    {
        *("top_p", "frequency_penalty", "presence_penalty", "logit_bias", "response_format", "reasoning_effort"),
        *("top_k", "min_p", "repetition_penalty", "verbosity", "service_tier", "safety_identifier"),
        *("prompt_cache_key", "prompt_cache_retention", "grammar", "guided_json", "chat_template_kwargs"),
    }
)
"""Fields that go to the upstream as they are: it honours or refuses them."""
HARMLESS = frozenset({"user", "metadata", "store"})
"""Fields that change nothing of a reply."""
