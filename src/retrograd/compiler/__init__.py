"""Compile."""
from .function import CompiledFunction

