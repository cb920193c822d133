"""Builds adapters: data, the native LoRA loop, evaluation, merging. Imports htmlgen, never the other way round."""
