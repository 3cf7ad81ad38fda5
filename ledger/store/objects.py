"""A bucket of an object store as a medium: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.

Rules:
- ``put_if_absent`` is one PUT with ``If-None-Match: *``. A store that ignores it could lose events, so
  ``check_writable`` tries it once per process and refuses such a store.
- A PUT whose answer was lost may have been done: trying again finds its own object and returns ``False``. Callers
  compare what is there with what they wanted to write.
- Content never changes, so what was read is kept in a local cache, until a listing shows that its object is gone. The
  cache is no evidence: ``fresh`` downloads again.
- Every error of the store is one sentence: what, where, what to do. It never quotes a request, which may hold a token.
"""

import contextlib
import errno
import hashlib
import os
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, cast
from urllib.parse import urlsplit

from ledger.errors import ConfigurationError, StoreError
from ledger.store import files
from ledger.store.object_errors import NO_BUCKET, advice

if TYPE_CHECKING:
    from obstore import GetResult, ObjectMeta
    from obstore.store import AzureStore, ClientConfig, GCSStore, RetryConfig, S3Store

    Store: TypeAlias = S3Store | GCSStore | AzureStore

SCHEMES: Final = ("s3", "gs", "az")

_PROBE: Final = "loose/.put-if-absent"
_PROBE_TEXT: Final = b"The ledger puts this object again and again, to see that the store refuses to replace it.\n"
_CONNECTIONS: Final = 32
_PART_BYTES: Final = 8 * 1024 * 1024
_LISTED_FOR_S: Final = 60.0
_CACHED_FOR_S: Final = 30 * 24 * 3600
_LEFT_FOR_S: Final = 24 * 3600
_NEW_S: Final = 2.0
_CLOCK_S: Final = 2.0
_PUT_TRIES: Final = 5

# An endpoint that cannot be reached is told within 7 s, and one that takes a request and never answers after 20 s.
# Retries are for what passes by itself, such as a store that asks to slow down. A large PUT is one request, however
# slow the line.
_CONNECT: Final = timedelta(seconds=3)
_REQUEST: Final = timedelta(seconds=20)
_LARGE_REQUEST: Final = timedelta(minutes=5)
_RETRY_FOR: Final = timedelta(seconds=6)
_RETRIES: Final = 6

_ENDPOINTS: Final = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": (),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_ACCOUNTS: Final = {"az": ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_USE_EMULATOR")}
_checked: Final[set[str]] = set()
_process: Final[list[int]] = []


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a listing said of the objects below a directory, and when."""

    at_s: float
    objects: dict[str, "ObjectMeta"]


class ObjectMedium:
    """A prefix of a bucket."""

    def __init__(self, uri: str, store: "Store", patient: "Store", *, identity: str, endpoint: str) -> None:
        """Name the place; nothing is read or made.

        Args:
            uri: The place, as a person would name it.
            store: Whose requests are given up soon.
            patient: The same place, for what takes long to send.
            identity: What tells this place from every other that has the same URI.
            endpoint: The variable that says where requests go, and its value; empty where none does.
        """
        self._uri: Final = uri
        self._scheme: Final = urlsplit(uri).scheme
        self._store: Final = store
        self._patient: Final = patient
        self._identity: Final = identity
        self._endpoint: Final = endpoint
        self._listings: Final[dict[tuple[str, bool], _Listing]] = {}
        self._kept: Path | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @classmethod
    def of(cls, uri: str) -> "ObjectMedium":
        """Return the medium at ``s3://bucket/prefix``, ``gs://bucket/prefix`` or ``az://container/prefix``.

        Credentials, endpoint and region are what the environment says, by the names that obstore reads.

        Raises:
            ConfigurationError: The URI is none of these, or obstore is not installed, or refuses the environment.
        """
        uri = _normal(uri)
        scheme = urlsplit(uri).scheme
        try:
            from obstore.exceptions import BaseError  # noqa: PLC0415 - a minimal install has no obstore
            from obstore.store import from_url  # noqa: PLC0415
        except ImportError as error:
            message = f"a ledger at {uri} needs an extra: pip install 'dagster-ledger[object-stores]'"
            raise ConfigurationError(message) from error
        retries: RetryConfig = {
            "max_retries": _RETRIES,
            "retry_timeout": _RETRY_FOR,
            "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
        }
        try:
            soon, late = (
                cast("Store", from_url(uri, client_options=_client(scheme, os.environ, timeout), retry_config=retries))
                for timeout in (_REQUEST, _LARGE_REQUEST)
            )
        except (BaseError, ValueError) as error:
            detail = str(error).partition("\n")[0][:200]
            message = f"cannot use {uri} as the place of a ledger: {detail}; check the variables of the environment"
            raise ConfigurationError(message) from None
        return cls(
            uri,
            soon,
            late,
            identity=_identity(uri, scheme, os.environ),
            endpoint=_endpoint(scheme, os.environ),
        )

    @property
    def uri(self) -> str:
        """The URI, without a slash at its end."""
        return self._uri

    def where(self, name: str) -> str:
        """Return the URI of a name."""
        return f"{self._uri}/{name}"

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """Write a name that did not exist; see ``Medium``."""
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415 - a minimal install has no obstore

        store = self._patient if len(data) > _PART_BYTES else self._store
        for _ in range(_PUT_TRIES):
            try:
                with self._explained("write", name, missing="bucket"):
                    store.put(name, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                # S3 says so too (409) where the name was removed while we wrote; then nobody has made it.
                if self.exists(name):
                    return False
            else:
                self._forget([name])
                return True
        message = (
            f"cannot write {self.where(name)}: it is made and removed again and again; is another process doing it?"
        )
        raise StoreError(message)

    def exists(self, name: str) -> bool:
        """Return whether a name is there; where the bucket is missing, nothing is."""
        try:
            with self._explained("look at", name):
                self._store.head(name)
        except FileNotFoundError:
            return False
        return True

    def names(self, directory: str, *, recursive: bool = False) -> list[str]:
        """Return the names below a directory; see ``Medium``. Cached copies of names that are gone are removed."""
        at_s, began_s = time.monotonic(), time.time()
        with self._explained("list", directory, missing="bucket"):
            found: Sequence[ObjectMeta]
            if recursive:
                found = self._store.list(directory).collect()
            else:
                found = self._store.list_with_delimiter(directory or None)["objects"]
        # Consoles of object stores make an object for a directory; it is called like the directory itself.
        objects = {
            meta["path"]: meta
            for meta in found
            if meta["path"].startswith(f"{directory}/" if directory else "")
            and not meta["path"].rpartition("/")[2].startswith(".")
        }
        self._listings[directory, recursive] = _Listing(at_s, objects)
        self._prune(directory, recursive=recursive, objects=objects, before_s=began_s - _NEW_S)
        return sorted(objects)

    def read(self, name: str) -> bytes:
        """Return the content of a name; see ``Medium``."""
        return b"".join(self._parts(name, self._get(name)))

    def paths(self, names: Sequence[str], *, fresh: bool = False) -> list[Path]:
        """Return copies in the cache, made where there is none; see ``Medium``."""
        cached = {name: self._cached(name) for name in names}
        wanted = [name for name, path in cached.items() if fresh or not _is_whole(path)]
        if len(wanted) == 1:
            self._fetch(wanted[0])
        elif wanted:
            with ThreadPoolExecutor(min(_CONNECTIONS, len(wanted))) as pool:
                list(pool.map(self._fetch, wanted))
        return [cached[name] for name in names]

    def size_bytes(self, name: str) -> int:
        """Return the size of a name."""
        return self._meta(name)["size"]

    def age_s(self, name: str) -> float:
        """Return seconds since a name was made, by the clock of the store, which tells whole seconds."""
        return time.time() - self._meta(name)["last_modified"].timestamp()

    def remove(self, names: Iterable[str]) -> None:
        """Remove names; see ``Medium``."""
        gone = list(names)
        if not gone:
            return
        self._forget(gone)
        try:
            with self._explained("remove", gone[0]):
                self._store.delete(gone)
        except FileNotFoundError:
            # S3 takes no notice of a missing name, others stop there: then one by one.
            for name in gone:
                with contextlib.suppress(FileNotFoundError), self._explained("remove", name):
                    self._store.delete(name)

    def holds_other_things(self) -> bool:
        """Return whether there is an object that the making of a ledger does not leave."""
        with self._explained("list", "", missing="bucket"):
            found = self._store.list_with_delimiter()
        return any(prefix != "loose" for prefix in found["common_prefixes"]) or any(
            meta["path"] not in {"", "loose"} for meta in found["objects"]
        )

    def check_writable(self) -> None:
        """Try to write, and whether the store refuses to replace; once in a process.

        The object that is tried stays: removing it may be forbidden here, and the next process has to try only once.

        Raises:
            StoreError: The store cannot be written, or replaces what it was told not to.
        """
        if self._identity in _checked:
            return
        if self.put_if_absent(_PROBE, _PROBE_TEXT) and self.put_if_absent(_PROBE, _PROBE_TEXT):
            with contextlib.suppress(StoreError):
                self.remove([_PROBE])
            message = (
                f"{self._uri} cannot keep a ledger: the store replaced an object although it was told not to"
                " (If-None-Match: *), so that events could be lost; choose a store that has conditional put"
            )
            raise StoreError(message)
        _checked.add(self._identity)

    def sweep(self) -> None:
        """Do nothing: a PUT that was not finished leaves nothing behind."""

    def _meta(self, name: str) -> "ObjectMeta":
        """Return size and time of a name, from a listing of the last minute if there is one."""
        since_s = time.monotonic() - _LISTED_FOR_S
        for listing in list(self._listings.values()):
            meta = listing.objects.get(name)
            if meta is not None and listing.at_s >= since_s:
                return meta
        with self._explained("look at", name):
            return self._store.head(name)

    def _forget(self, names: Iterable[str]) -> None:
        """Do not answer from earlier listings what these names are."""
        for name in names:
            for listing in list(self._listings.values()):
                listing.objects.pop(name, None)

    def _get(self, name: str) -> "GetResult":
        """Return the answer to a GET whose content was not read yet."""
        with self._explained("read", name):
            return self._store.get(name)

    def _parts(self, name: str, got: "GetResult") -> Iterator[memoryview]:
        """Yield the content of a name; a large one by ranges, so that each request is short."""
        size = got.meta["size"]
        if size <= _PART_BYTES:
            with self._explained("read", name):
                whole = got.bytes()
            yield memoryview(whole)
            return
        for start in range(0, size, _PART_BYTES):
            with self._explained("read", name):
                part = self._store.get_range(name, start=start, end=min(start + _PART_BYTES, size))
            yield memoryview(part)

    def _fetch(self, name: str) -> None:
        """Bring a name into the cache; no reader sees a part of it."""
        path = self._cached(name)
        temporary = path.parent / f"{files.TEMPORARY_PREFIX}{os.getpid()}-{uuid.uuid4().hex}"
        got = self._get(name)
        modified_s = got.meta["last_modified"].timestamp()
        with files.explained("keep a copy of the ledger at", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("xb") as file:
                    for part in self._parts(name, got):
                        file.write(part)
                os.utime(temporary, (modified_s, modified_s))
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def _cached(self, name: str) -> Path:
        """Return where the copy of a name is kept."""
        if any(part in {"", ".", ".."} for part in name.split("/")):  # A name is from the bucket, and may be anything.
            message = f"cannot read {self.where(name)}: no ledger has such a name; remove the object"
            raise StoreError(message)
        return self._cache() / name

    def _cache(self) -> Path:
        """Return the directory of copies, a temporary one where the usual one cannot be written."""
        if self._kept is None:
            try:
                kept = _cache_home() / "dagster-ledger" / hashlib.sha256(self._identity.encode()).hexdigest()[:16]
                kept.mkdir(mode=0o700, parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=kept):
                    pass
                _expire(kept)
            except (OSError, RuntimeError):  # RuntimeError: nobody knows the home of this user.
                self._temporary = tempfile.TemporaryDirectory(prefix="dagster-ledger-")
                kept = Path(self._temporary.name)
            self._kept = kept
        return self._kept

    def _prune(self, directory: str, *, recursive: bool, objects: Mapping[str, "ObjectMeta"], before_s: float) -> None:
        """Remove copies from before a listing that are not of what it found."""
        if self._kept is None and not objects:
            return
        cache = self._cache()
        for top, directories, entries in os.walk(cache / directory):
            if not recursive:
                directories.clear()
            for entry in entries:
                path = Path(top, entry)
                with contextlib.suppress(OSError):
                    stat = path.stat()
                    copied = _is_copy(stat, objects.get(path.relative_to(cache).as_posix()))
                    if stat.st_ctime < before_s and not copied and not entry.startswith("."):
                        path.unlink()

    @contextlib.contextmanager
    def _explained(self, action: str, name: str, *, missing: str = "name") -> Iterator[None]:
        """Turn an error of obstore raised inside into a ``StoreError`` of one sentence.

        A missing name stays ``FileNotFoundError``, unless it cannot be what is missing; ``AlreadyExistsError`` passes.
        """
        from obstore.exceptions import AlreadyExistsError, BaseError  # noqa: PLC0415 - a minimal install has no obstore

        where = self.where(name) if name else self._uri
        if not _process:
            _process.append(os.getpid())
        if _process[0] != os.getpid():
            # obstore's threads are not in the child of a fork, where a request would wait for ever.
            message = f"cannot {action} {where}: this process is a fork of one that used the store; start it by spawn"
            raise StoreError(message)
        try:
            yield
        except AlreadyExistsError:
            raise
        except FileNotFoundError as error:
            text = str(error)
            if missing == "name" and not NO_BUCKET.search(text):
                raise FileNotFoundError(errno.ENOENT, "there is no such object", where) from None
            message = f"cannot {action} {where}: {self._advice('NoSuchBucket')}"
            raise StoreError(message) from None
        except BaseError as error:
            message = f"cannot {action} {where}: {self._advice(str(error))}"
            raise StoreError(message) from None

    def _advice(self, text: str) -> str:
        """Return what went wrong and what to do, from the text of an error."""
        return advice(text, scheme=self._scheme, endpoint=self._endpoint)


def _normal(uri: str) -> str:
    """Return a URI as the medium is called.

    Raises:
        ConfigurationError: It does not name a place in an object store.
    """
    parts = urlsplit(uri)
    if "@" in parts.netloc or parts.query or parts.fragment:  # May be secrets: not to be quoted.
        message = (
            f"the ledger location at {parts.scheme}:// has a password, a query or a fragment; give bucket and prefix"
            " only, and credentials by the environment"
        )
        raise ConfigurationError(message)
    if parts.scheme not in SCHEMES or not parts.netloc or ":" in parts.netloc:
        message = (
            f"ledger location {uri!r} names no bucket of an object store; give s3://bucket/prefix, gs://bucket/prefix"
            " or az://container/prefix"
        )
        raise ConfigurationError(message)
    prefix = parts.path.strip("/")
    if prefix and any(part in {"", ".", ".."} for part in prefix.split("/")):
        message = f"ledger location {uri!r} has an empty part, or one of dots only; leave it out"
        raise ConfigurationError(message)
    return f"{parts.scheme}://{parts.netloc}/{prefix}".rstrip("/")


def _client(scheme: str, environment: Mapping[str, str], timeout: timedelta) -> "ClientConfig":
    """Return how requests are made.

    obstore refuses an ``http://`` endpoint without AWS_ALLOW_HTTP, which no other tool asks for; here the endpoint is
    enough. Options given to obstore stand for all of them, so the variable has to be read here.
    """
    allowed = environment.get("AWS_ALLOW_HTTP", "").lower()
    if allowed:
        allow = allowed in {"1", "true", "on", "yes", "y"}
    else:
        allow = any(environment.get(name, "").startswith("http://") for name in _ENDPOINTS[scheme])
    return {"allow_http": allow, "connect_timeout": _CONNECT, "timeout": timeout}


def _identity(uri: str, scheme: str, environment: Mapping[str, str]) -> str:
    """Return what tells a place from every other: the same URI may be of another endpoint or account."""
    names = (*_ENDPOINTS[scheme], *_ACCOUNTS.get(scheme, ()))
    return "\n".join((uri, *(f"{name}={environment[name]}" for name in names if environment.get(name))))


def _endpoint(scheme: str, environment: Mapping[str, str]) -> str:
    """Return which variable says where requests go, and its value without what may be a password."""
    for name in _ENDPOINTS[scheme]:
        if environment.get(name):
            parts = urlsplit(environment[name])
            return f"{name} ({parts.scheme}://{parts.netloc.rpartition('@')[2]})"
    return ""


def _cache_home() -> Path:
    """Return where programs of this user keep what they can make again."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".cache"


def _expire(cache: Path) -> None:
    """Remove copies that no listing removes: of what only a compactor lists, and what killed readers left."""
    now_s = time.time()
    for top, _, entries in os.walk(cache):
        for entry in entries:
            kept_s = _LEFT_FOR_S if entry.startswith(files.TEMPORARY_PREFIX) else _CACHED_FOR_S
            with contextlib.suppress(OSError):
                path = Path(top, entry)
                if path.stat().st_ctime < now_s - kept_s:
                    path.unlink()


def _is_whole(path: Path) -> bool:
    """Return whether a copy is there: a power cut may leave a name without content, and no object is empty."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _is_copy(stat: os.stat_result, meta: "ObjectMeta | None") -> bool:
    """Return whether a copy is of this object, and not of one that had the name in an earlier ledger."""
    if meta is None or stat.st_size != meta["size"]:
        return False
    return abs(stat.st_mtime - meta["last_modified"].timestamp()) < _CLOCK_S
