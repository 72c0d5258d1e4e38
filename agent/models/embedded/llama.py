"""LlamaEngine: a GGUF file run by llama.cpp inside this process, one request at a time or several."""

from __future__ import annotations

import ctypes
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pilotage.agent.errors import ContextExceeded, MissingExtra, ModelError, WeightsError
from pilotage.agent.event_loop import OneProcess

DEFAULT_CONTEXT = 8192
# Prompts are read in batches of this many tokens, and a call can be cancelled between batches. Larger ones
# were no faster on a CPU, and would hold a cancelled call for the whole prompt.
PROMPT_BATCH = 128
# Prompts read earlier are kept in memory up to this size, so that blocks whose prompts alternate find theirs.
PROMPT_CACHE_MIB = 1024
# Generating for several requests at once reads the weights once for all of them. On two cores four requests came to 17
# tokens/s together where one alone had 7, and 16 were no faster; each slot takes memory for a whole context.
MOST_SLOTS = 8

LIBRARY = OneProcess("llama.cpp", "load no embedded model before the fork")
"""OpenMP's threads do not outlive a fork, and no new engine brings them back."""

Chunk = dict[str, Any]


def tokenizing(text: str) -> dict[str, Any]:
    """What asks llama.cpp's `/tokenize` for the tokens of a text as it stands, without any that begin a prompt."""
    return {"content": text, "with_pieces": True, "add_special": False, "parse_special": False}


class LlamaEngine:
    """llama.cpp's chat server, called without HTTP. Thread-safe; requests queue for the slots.

    Prompt prefixes stay cached between calls. A repeated call may differ in the last digits of its
    log-probabilities from the first, because the cached part is read in other batches. So may replies that were
    generated beside others. Each slot has a context of its own; there are `MOST_SLOTS` at most.

    The arguments are those of `EmbeddedChatModel`.
    """

    def __init__(self, path: Path, *, n_ctx: int, threads: int | None, slots: int, remedy: str) -> None:
        self.path = path
        self.n_ctx = n_ctx
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        self.threads = threads or usable or 1
        self.slots = max(1, min(slots, MOST_SLOTS))
        self.api_key = secrets.token_hex(16)
        self._remedy = remedy
        self._server: Any = None
        self._load_lock = threading.Lock()
        self._at_work = ThreadPoolExecutor(max_workers=self.slots, thread_name_prefix="llama")

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return self._server is not None

    @property
    def base_url(self) -> str:
        """OpenAI-compatible address of this engine on the loopback interface; it wants `api_key`."""
        self.load()
        return f"{self._server.listening_address}/v1"

    def load(self, *, quick: bool = False) -> None:
        """Loads the weights; once, however many threads ask.

        Args:
            quick: use the weights as they lie in the file instead of repacking them for this processor. For the
                1.5B model on two cores this took 1.1 s instead of 3, and generation was some 8% slower.

        Raises:
            MissingExtra: llama.cpp is not installed.
            WeightsError: the file is missing, or no GGUF that llama.cpp can run.
        """
        LIBRARY.enter()
        with self._load_lock:
            if self._server is None:
                self._check_file()
                self._server = self._start(quick)

    def tokenized(self, text: str) -> Any:
        """The text's tokens with their pieces, `{"tokens": [{"id", "piece"}]}`; control tokens in it are plain text."""
        import httpx

        address = f"{self.base_url.removesuffix('/v1')}/tokenize"
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return httpx.post(address, json=tokenizing(text), headers=headers, timeout=None, trust_env=False).json()

    def submit(self, body: dict[str, Any], on_chunk: Callable[[Chunk], None], stop: threading.Event) -> Future[None]:
        """Queues a chat completion; `on_chunk` gets its streamed chunks, in the engine's thread.

        Setting `stop` ends it at the next chunk. The future fails with ModelError where llama.cpp refuses.
        """
        LIBRARY.enter()
        return self._at_work.submit(self._run, body, on_chunk, stop)

    def _run(self, body: dict[str, Any], on_chunk: Callable[[Chunk], None], stop: threading.Event) -> None:
        if stop.is_set():
            return
        self.load()
        errors: list[dict[str, Any]] = []

        def receive(chunk: Chunk) -> bool:
            if "error" in chunk:
                errors.append(chunk["error"])
            else:
                on_chunk(chunk)
            return stop.is_set()  # true makes llama.cpp stop generating

        # Progress reports while a long prompt is read are the only chances to stop there.
        self._server.handle_chat_completions({**body, "return_progress": True}, receive)
        if errors:
            raise _refusal(errors[0], self.n_ctx)

    def _check_file(self) -> None:
        try:
            with self.path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise WeightsError(f"The model file {self.path} cannot be read ({error.strerror}).") from error
        if magic != b"GGUF":
            raise WeightsError(f"{self.path} is not a GGUF model file; {self._remedy}.")

    def _start(self, quick: bool) -> Any:
        xllamacpp = load_library()
        params = xllamacpp.CommonParams()
        params.model.path = str(self.path)
        params.model_alias = {self.path.stem}  # what replies call the model: else the path, which tells of this machine
        params.n_ctx = self.n_ctx * self.slots  # llama.cpp shares it out among the slots
        params.n_batch = PROMPT_BATCH
        params.n_parallel = self.slots
        params.cache_ram_mib = PROMPT_CACHE_MIB
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self.threads
        params.fit_params = False  # would load the weights several times over to see whether they fit
        params.no_extra_bufts = quick
        params.warmup = False  # the first call warms up as well, and is wanted sooner
        params.verbosity = -1
        params.api_keys = [self.api_key]  # other users of this machine could reach the port
        params.endpoint_metrics = True
        try:
            server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise WeightsError(
                f"llama.cpp cannot load {self.path}: it is truncated, corrupt, of an unknown kind, "
                f"or too large for the memory; {self._remedy}."
            ) from error
        # Waits until the server's own thread takes requests: one that is dropped before hangs for ever.
        server.handle_metrics()
        return server


def _refusal(error: dict[str, Any], n_ctx: int) -> ModelError:
    if error.get("type") == "exceed_context_size_error":
        tokens = error.get("n_prompt_tokens")
        what = f"The prompt has {tokens} tokens, but the model's context holds {n_ctx}; shorten the task."
        return ContextExceeded(what)
    return ModelError(f"The embedded model refused the request: {error.get('message')}")


def load_library() -> Any:
    """The `xllamacpp` module; MissingExtra where it is not installed, or lacks a system library."""
    # OpenMP's threads spin while they wait for each other; where another process wants the cores too, they burn the
    # very time that the last of them needs. On two cores, 1.5B model: 11 tokens a second alone and under 1 beside
    # another such process by default; 9 alone and 5 beside it with short spinning. Read once, when OpenMP is loaded.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        import xllamacpp
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "The embedded model needs llama.cpp; install it with: pip install 'pilotage[local]'"
        ) from error
    except ImportError as error:
        return _with_torchs_openmp(error)
    return xllamacpp


def _with_torchs_openmp(missing: ImportError) -> Any:
    """Slim systems have no libgomp; torch's wheel brings one, which serves llama.cpp as well."""
    spec = find_spec("torch")
    folders = spec.submodule_search_locations if spec is not None else None
    library = Path(folders[0]) / "lib" / "libgomp.so.1" if folders else None
    if library is not None and library.is_file():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    try:
        import xllamacpp
    except ImportError as error:
        raise MissingExtra(
            f"llama.cpp is installed but cannot start ({missing}); install that system library "
            "(libgomp: `apt-get install libgomp1` on Debian and Ubuntu)."
        ) from error
    return xllamacpp
