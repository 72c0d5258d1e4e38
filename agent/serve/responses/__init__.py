"""The Responses API: a request's items in, a response's items out, and the responses that are kept."""
