"""What becomes of a chat request: facts, prompt, admission, and the pieces of the answer."""
