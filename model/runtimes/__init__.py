"""Runtimes of a version's network: OpenVINO on processors, without torch; torch on GPUs and for the rest."""
