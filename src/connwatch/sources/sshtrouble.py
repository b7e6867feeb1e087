"""Why a run over ssh ended, in words a user can act on: what, where, what to do. Told from exit status and standard error; pure.

The texts are those of OpenSSH 8 to 10 and of docker's command line. ssh exits with 255 for troubles of its own, but also when the
remote command was killed: the text decides, and the status only where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from connwatch.sources.farcommand import NO_PERMISSION

__all__ = ["REFUSED_SECONDS", "Trouble", "trouble_of"]

REFUSED_SECONDS = 300.0
"""The pause after a refusal. A login refused every half minute would get this machine's address blocked."""
_OWN_STATUS = 255
_NOT_FOUND = 127


@dataclass(frozen=True, slots=True)
class Trouble:
    """`refused`: trying again soon would look like an attack to the other machine. `absent`: what was asked for does not exist there."""

    text: str
    refused: bool = False
    absent: bool = False

    @property
    def told(self) -> str:
        """The text, and that a refusal is followed by a pause."""
        return f"{self.text} (no further try for {REFUSED_SECONDS / 60:g} minutes)" if self.refused else self.text


@dataclass(frozen=True, slots=True)
class _Sign:
    pattern: re.Pattern[str]
    text: str
    refused: bool = False
    absent: bool = False


def _sign(pattern: str, text: str, *, refused: bool = False, absent: bool = False) -> _Sign:
    return _Sign(re.compile(pattern, re.IGNORECASE | re.MULTILINE), text, refused, absent)


#: In order: the first that is found in what ssh said is the reason. `{host}` is the configured one.
_OF_SSH = (
    _sign(
        "REMOTE HOST IDENTIFICATION HAS CHANGED|host key for .* has changed",
        "{host} shows another host key than it used to: it was set up anew, or something else answers in its place. If it was set up anew, run "
        "`ssh-keygen -R {host}`, then `ssh {host}` once by hand",
        refused=True,
    ),
    _sign(
        "Host key verification failed|host key is known for",
        "the host key of {host} is not known here: run `ssh {host}` once by hand, as the user connwatch runs as, and compare the fingerprint; or "
        "add the key to known_hosts",
        refused=True,
    ),
    _sign(
        r"Permission denied \(|Too many authentication failures|No more authentication methods",
        "{host} refuses the login: no key that it accepts was offered. Test it as the user connwatch runs as: `ssh -o BatchMode=yes {host} true`",
        refused=True,
    ),
    _sign(
        "Bad configuration option|bad configuration options|Can't open user config file|Bad owner or permissions on|keyword .* extra arguments",
        "the ssh configuration cannot be used ({last}). Correct it, or name another one with ssh_config",
    ),
    _sign("Could not resolve hostname", "{host} has no address: the name is misspelt, or the name service does not know it"),
    _sign("Connection refused", "{host} refuses connections: no ssh server listens at that address and port"),
    _sign(
        "No route to host|Network is unreachable|Connection timed out|Operation timed out|Host is down",
        "{host} cannot be reached: it is off, or the network or a firewall is in between",
    ),
    _sign("Timeout, server .* not responding", "the connection to {host} went silent and was given up"),
    _sign(
        "Connection (?:reset|closed)|closed by remote host|Broken pipe|kex_exchange_identification|banner exchange",
        "the connection to {host} was closed from there",
    ),
)
_OF_THE_COMMAND = (
    _sign(
        "permission denied while trying to connect to the docker",
        "the user of {host} may not use docker: add it to the group docker there, or name a user who may",
    ),
    _sign("Cannot connect to the Docker daemon", "docker does not run on {host}: start it there"),
    _sign("No such (?:container|object)", "there is no {what} on {host}: `ssh {host} docker ps -a` lists what there is", absent=True),
    _sign("^cannot read ", "{what} on {host} cannot be read: it is no file, or its user lacks the permission"),
    _sign("command not found|: not found|unknown command", "{last}: that program is not installed on {host}, or not in the PATH of its login"),
)


def trouble_of(status: int, said: Sequence[str], *, host: str, what: str, begun: bool) -> Trouble:
    """The reason. `said` is standard error, `what` names what was followed, `begun` says whether the remote script had spoken."""
    text = "\n".join(said)
    last = said[-1] if said else ""
    tables = (_OF_THE_COMMAND, _OF_SSH) if status != _OWN_STATUS else (_OF_SSH, _OF_THE_COMMAND)
    for sign in (sign for table in tables for sign in table):
        if sign.pattern.search(text):
            return Trouble(sign.text.format(host=host, what=what, last=last), sign.refused, sign.absent)
    if status == _NOT_FOUND:
        return Trouble(f"a program that is needed is not installed on {host}, or not in the PATH of its login ({last or 'it did not say which'})")
    if status == NO_PERMISSION:
        return Trouble(f"{what} on {host} cannot be read: it is no file, or its user lacks the permission")
    if status == _OWN_STATUS:
        return Trouble(f"the connection to {host} broke, or {what} was killed there" + (f" ({last})" if last else ""))
    began = "ended" if begun else "ended before it began: does the login of that user give a POSIX shell? It"
    return Trouble(f"{what} on {host} {began} with status {status}" + (f" ({last})" if last else ""))
