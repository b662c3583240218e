"""What the Hub's client raises, in a sentence that says what to do."""

import requests
from huggingface_hub import constants
from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from llm2clip_export.errors import CheckpointError, ExportError, OutputError, UnreachableError
from llm2clip_export.hub.names import HubName

# Answers that are other ones later: too many requests, and a server's own troubles.
PASSING = {429, 500, 502, 503, 504}


def cause_of(error: Exception) -> Exception:
    """What kept the client from the Hub, where it says no more than that the file is not in its cache."""
    return error.__cause__ if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception) else error


def may_pass(error: Exception) -> bool:
    """Whether trying again may help."""
    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code in PASSING
    never = (requests.exceptions.SSLError, requests.exceptions.ProxyError)
    broken = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, broken) and not isinstance(error, never)


def refusal(name: HubName, error: Exception) -> ExportError:
    """For `error`, which is a requests.RequestException or an OSError."""
    page = f"{constants.ENDPOINT}/{name.repository}"
    token = "log in with `hf auth login` or set HF_TOKEN"
    if isinstance(error, GatedRepoError):
        return CheckpointError(
            f"{name}: is gated: its owner lets in whom they know; ask for access at {page}, then {token} to that account's"
        )
    if isinstance(error, RepositoryNotFoundError):
        return CheckpointError(
            f"{name}: is no folder here and no repository that {constants.ENDPOINT} shows you; check the name, or, if it is "
            f"private, {token}"
        )
    if isinstance(error, RevisionNotFoundError):
        return CheckpointError(f"{name}: {page} has no branch, tag or commit {name.revision}; leave @ out for the newest")
    if isinstance(error, DisabledRepoError):
        return CheckpointError(f"{name}: {page} is closed by its owner; export another model, or a folder that you have")
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        status = error.response.status_code
        what = "try again later" if status in PASSING else token
        return UnreachableError(f"{name}: {constants.ENDPOINT} answers {status} {error.response.reason}; {what}")
    if isinstance(error, requests.RequestException):
        return UnreachableError(
            f"{name}: is no folder here, and {constants.ENDPOINT} cannot be reached ({kind(error)}); check the network, "
            "HTTPS_PROXY and HF_ENDPOINT, or give a folder; what has come so far is kept"
        )
    return OutputError(f"{constants.HF_HUB_CACHE}: cannot keep {name}: {error}; mend that, or name another place with HF_HOME")


def kind(error: Exception) -> str:
    """The innermost reason: requests wraps what urllib3 wraps."""
    reason = next((arg for arg in error.args if isinstance(arg, Exception)), None)
    inner = getattr(reason, "reason", None) or reason
    return kind(inner) if isinstance(inner, Exception) else f"{type(error).__name__}: {error}".partition("\n")[0]
