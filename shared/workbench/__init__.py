"""The tools that run a level or work on it: processes, load, verdicts, alerts, manifests, images, clusters."""
