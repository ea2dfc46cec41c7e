"""What can go wrong, drawn once.

ArbkitError
├── ConfigError               the user's file, flag or environment; exit 2 (3 for credentials)
│   ├── CredentialsError      a key that is missing, unreadable, refused or in the wrong place; exit 3
│   └── PluginError           a distribution that cannot be loaded or breaks its contract
├── ProtocolError
│   ├── LocalProtocolError    our bug: a frame we must not send, a state we must not reach
│   └── RemoteProtocolError   the venue broke its promise
│       └── BadFrame          a frame that cannot be read
└── TransportError
    ├── ConnectFailed         nothing was ever sent
    ├── LinkLost              bytes may have left
    └── TimedOut              bytes may have left, no answer came

A venue's "no" is not here: it is data, an ``OrderUpdate`` with a reason.
"""


class ArbkitError(Exception):
    """Base of all; its text is written for the person who meets it."""


class ConfigError(ArbkitError):
    """The configuration cannot be used; the text names the key path and what to do."""


class CredentialsError(ConfigError):
    """A key reference is missing, unreadable or refused."""


class PluginError(ConfigError):
    """A plugin cannot be loaded or breaks its contract; the text names the distribution."""


class ProtocolError(ArbkitError):
    """A conversation left its rules; see the two children for whose fault it was."""


class LocalProtocolError(ProtocolError):
    """We are at fault."""


class RemoteProtocolError(ProtocolError):
    """The venue is at fault; the link is dropped and dialled again."""


class BadFrame(RemoteProtocolError):
    """A frame that cannot be read: counted, never applied."""


class TransportError(ArbkitError):
    """Bytes did not travel."""


class ConnectFailed(TransportError):
    """No connection was made: provably nothing was sent."""


class LinkLost(TransportError):
    """The connection ended while something may have been in flight."""


class TimedOut(TransportError):
    """No answer within the deadline; the request may have arrived."""


class JournalFailed(ArbkitError):
    """The journal could not take a record: what it announced must not be sent, and trading must stop."""
