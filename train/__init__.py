"""Builds adapters: data, the native LoRA loop, evaluation, merging. Imports htmlgen, never the other way round."""

import logging

# On import it advises every owner of a modern CPU to install a package that fetches code from the hub.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
