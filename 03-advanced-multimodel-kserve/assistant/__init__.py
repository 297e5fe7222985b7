"""The shop's assistant: a language model that answers questions about an item, behind OpenAI's API, on a plain CPU.

Two processes: `assistant` takes requests (prompts, limits, budgets, streams), and `assistant.engine` runs the model.
They talk over a Unix socket (`domain/wire.py`); `engine/adr-a-process-of-its-own.md` says why.
"""
