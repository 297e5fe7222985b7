"""Traffic for the assistant: streams that begin whether earlier ones have ended or not, and what their readers saw."""
