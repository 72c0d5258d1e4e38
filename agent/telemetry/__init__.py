"""Traces of OpenTelemetry: spans in its GenAI semantic conventions, and sending them."""
