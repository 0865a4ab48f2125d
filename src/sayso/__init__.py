"""Recognise spoken commands: `sayso.load().recognize("clip.wav")`."""

from sayso.errors import SaysoError
from sayso.listener import Detection, Listener, ListenerSettings
from sayso.listening import listen
from sayso.recognizer import Alternative, Recognition, Recognizer, load

__all__ = [
    "Alternative",
    "Detection",
    "Listener",
    "ListenerSettings",
    "Recognition",
    "Recognizer",
    "SaysoError",
    "listen",
    "load",
]
__version__ = "0.1.0"
