"""The senses: one folder each with its engines. Also weights, devices and the clock."""

import os

# Else ONNX Runtime keeps a list of what it ran, and sends it to its makers.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
