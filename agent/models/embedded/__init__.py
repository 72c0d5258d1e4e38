"""A GGUF file as a chat model: llama.cpp inside this process."""
