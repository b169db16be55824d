"""MidStream: a terminal dashboard for live LLM and media streams."""
