"""What works on a running level, or makes one: processes, load, verdicts, alerts, manifests, images, clusters."""
