"""The exception classes of arbkit.

ArbkitError
├── ConfigError               an error in the user's file, flag or environment; exit 2 (3 for credentials)
│   ├── CredentialsError      a key that is missing, unreadable, refused or in the wrong place; exit 3
│   └── PluginError           a distribution that cannot be loaded or violates the plugin interface
├── ProtocolError
│   ├── LocalProtocolError    our bug: an invalid message or an invalid state
│   └── RemoteProtocolError   the venue violated its protocol
│       └── BadFrame          a message that cannot be read
├── TransportError
│   ├── ConnectFailed         nothing was sent
│   ├── LinkLost              data may have been sent
│   └── TimedOut              data may have been sent, no answer came
└── JournalFailed             the journal could not be written

A rejection by a venue is not an exception. It is an ``OrderUpdate`` with a reason.
"""


class ArbkitError(Exception):
    """Base class. The text is written for the user."""


class ConfigError(ArbkitError):
    """The configuration cannot be used. The text names the key path and what to do."""


class CredentialsError(ConfigError):
    """A key reference is missing, unreadable or refused."""


class PluginError(ConfigError):
    """A plugin cannot be loaded or violates the plugin interface. The text names the distribution."""


class ProtocolError(ArbkitError):
    """A protocol violation; the subclass says on which side."""


class LocalProtocolError(ProtocolError):
    """The error is ours."""


class RemoteProtocolError(ProtocolError):
    """The error is the venue's. The link is dropped and dialled again."""


class BadFrame(RemoteProtocolError):
    """A message that cannot be read. It is counted and not applied."""


class TransportError(ArbkitError):
    """A network failure."""


class ConnectFailed(TransportError):
    """No connection was made, so nothing was sent."""


class LinkLost(TransportError):
    """The connection ended. Data may have been sent before."""


class TimedOut(TransportError):
    """No answer before the deadline. The request may have arrived."""


class JournalFailed(ArbkitError):
    """A record could not be written to the journal. The command of that record must not be sent; trading must stop."""
