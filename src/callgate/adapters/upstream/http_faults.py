"""What goes wrong on a connection of the HTTP/1.1 client."""


class HttpFault(OSError):
    """The connection broke, or what came was not HTTP/1.1."""


class Stopped(OSError):
    """What permitted a request changed before its first byte."""
