"""A stand-in for valkey-cli where a test runs the probes of a manifest."""

from __future__ import annotations

__all__ = ["CLI"]

CLI = """\
import socket, sys
connection = socket.create_connection(("127.0.0.1", {port}), timeout=10)
replies = connection.makefile("rb")
for command in [" ".join(sys.argv[1:])] if sys.argv[1:] else sys.stdin.read().splitlines():
    connection.sendall(command.encode() + b"\\r\\n")
    print(replies.readline().decode().strip().lstrip("+-:"))
"""
"""Of valkey-cli, what the probes need: commands from its arguments or a pipe, and replies without their type."""
