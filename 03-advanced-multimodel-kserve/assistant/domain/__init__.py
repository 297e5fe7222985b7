"""What a chat request is and what it costs, without any input or output."""
