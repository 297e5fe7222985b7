"""What the levels share: telemetry, the Open Inference Protocol, the process stack, SLA tests."""
