"""Recognise spoken commands: `sayso.load().recognize("clip.wav")`."""

from sayso.errors import SaysoError
from sayso.recognizer import Alternative, Recognition, Recognizer, load

__all__ = ["Alternative", "Recognition", "Recognizer", "SaysoError", "load"]
__version__ = "0.1.0"
