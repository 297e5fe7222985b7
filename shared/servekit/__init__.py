"""The code that ships in a server: telemetry, the Open Inference Protocol, HTTP, artefacts, drift, audit."""
