"""What is particular to a bucket: where it is, conditional put, and what its errors say."""

import contextlib
import http.server
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ledger.errors import ConfigurationError, StoreError
from ledger.store import objects
from ledger.store.objects import ObjectMedium
from tests.contract.conftest import SECRET, request

ROOT = Path(__file__).parents[2]
CONFLICT = (409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
NAME = "loose/0123-00000000.parquet"
SOON_S = 15.0


def is_sentence(message):
    return "\n" not in message and len(message) < 400 and not re.search(r"Debug source|RetryError|<Error>", message)


# Where a bucket is


@pytest.mark.parametrize(
    "uri",
    ["s3://", "s3:///ledger", "gs://", "az:///x", "ftp://bucket/ledger", "https://bucket/x", "ledger", "", "s3:bucket",
     "s3://bucket/a//b", "s3://bucket/../b", "s3://bucket:80/b"],
)  # fmt: skip
def test_what_names_no_bucket_is_refused(uri):
    with pytest.raises(ConfigurationError) as error:
        ObjectMedium.of(uri)
    assert repr(uri) in str(error.value)
    assert is_sentence(str(error.value))


@pytest.mark.parametrize("uri", ["s3://KEY:TOPSECRET@bucket/x", "az://box/x?sig=TOPSECRET", "s3://bucket/x#TOPSECRET"])
def test_a_secret_in_an_address_is_refused_and_not_repeated(uri):
    with pytest.raises(ConfigurationError, match="credentials by the environment") as error:
        ObjectMedium.of(uri)
    assert "TOPSECRET" not in str(error.value)


@pytest.mark.parametrize("tail", ["", "/", "/a", "/a/", "/with space/ü"])
def test_a_prefix_is_any_path(s3_uri, s3_endpoint, tail):
    bucket = urlsplit(s3_uri).netloc
    medium = ObjectMedium.of(f"s3://{bucket}{tail}")
    assert medium.uri == f"s3://{bucket}{tail}".rstrip("/")
    assert not medium.holds_other_things()
    assert medium.put_if_absent(NAME, b"1")
    assert medium.names("loose") == [NAME]
    assert ObjectMedium.of(f"s3://{bucket}{tail}").read(NAME) == b"1"


def test_prefixes_of_a_bucket_do_not_see_each_other(s3_uri):
    one, other = ObjectMedium.of(s3_uri), ObjectMedium.of(f"{s3_uri}-2")
    one.put_if_absent("LEDGER", b"1")
    assert not other.exists("LEDGER")
    assert not other.holds_other_things()
    assert ObjectMedium.of(s3_uri.rpartition("/")[0]).holds_other_things()


@pytest.mark.parametrize(
    ("variable", "more"),
    [("AWS_ENDPOINT_URL", {}), ("AWS_ENDPOINT_URL_S3", {}), ("AWS_ENDPOINT", {}),
     ("AWS_ENDPOINT", {"AWS_ALLOW_HTTP": "true"}), ("AWS_ENDPOINT_URL", {"AWS_BUCKET": "another"}),
     ("AWS_ENDPOINT_URL", {"AWS_SESSION_TOKEN": "token"})],
)  # fmt: skip
def test_the_usual_variables_work(s3_uri, s3_endpoint, monkeypatch, variable, more):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv(variable, s3_endpoint)
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    medium = ObjectMedium.of(s3_uri)
    assert medium.put_if_absent(NAME, b"1")
    assert medium.read(NAME) == b"1"


def test_plain_http_is_refused_where_the_environment_says_so(s3_uri, monkeypatch):
    monkeypatch.setenv("AWS_ALLOW_HTTP", "false")
    with pytest.raises(StoreError, match="AWS_ALLOW_HTTP=true"):
        ObjectMedium.of(s3_uri).read(NAME)


def test_without_obstore_the_extra_is_named(monkeypatch):
    for name in ("obstore", "obstore.store", "obstore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError) as error:
        ObjectMedium.of("s3://bucket/ledger")
    assert (
        str(error.value) == "a ledger at s3://bucket/ledger needs an extra: pip install 'dagster-ledger[object-stores]'"
    )


def test_obstore_is_loaded_for_a_bucket_only():
    code = "import sys, ledger.store.objects; sys.exit('obstore' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_folders_that_a_console_makes_are_nothing(s3_uri, s3_endpoint):
    bucket, prefix = s3_uri.removeprefix("s3://").split("/", 1)
    for folder in ("", "loose/"):
        request(s3_endpoint, "PUT", f"/{bucket}/{prefix}/{folder}", b"")
    medium = ObjectMedium.of(s3_uri)
    assert not medium.holds_other_things()
    assert medium.names("loose") == []


# Conditional put


def test_a_store_that_replaces_is_refused(s3_uri, go_between, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    go_between.drops.add("if-none-match")
    medium = ObjectMedium.of(s3_uri)
    for _ in range(2):
        with pytest.raises(StoreError, match="choose a store that has conditional put") as error:
            medium.check_writable()
        assert is_sentence(str(error.value))
    assert not medium.exists("loose/.put-if-absent")


def test_conditional_put_is_tried_once_in_a_process(s3_uri, go_between, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    ObjectMedium.of(s3_uri).check_writable()
    asked = len(go_between.asked)
    assert go_between.asked.count("PUT") == 2
    ObjectMedium.of(s3_uri).check_writable()
    assert len(go_between.asked) == asked
    monkeypatch.setattr(objects, "_checked", set())
    ObjectMedium.of(s3_uri).check_writable()
    assert go_between.asked[asked:] == ["PUT", "HEAD"]


def test_a_put_whose_answer_was_lost_is_found_by_trying_again(s3_uri, go_between, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    medium = ObjectMedium.of(s3_uri)
    go_between.trouble.append("answer lost")
    with contextlib.suppress(StoreError):  # Where obstore itself does not try again, the caller does.
        assert medium.put_if_absent(NAME, b"mine") is False
    assert medium.put_if_absent(NAME, b"mine") is False
    assert medium.read(NAME) == b"mine"


def test_a_conflict_that_left_no_object_is_tried_again(s3_uri, go_between, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    medium = ObjectMedium.of(s3_uri)
    go_between.trouble.append(CONFLICT)
    assert medium.put_if_absent(NAME, b"mine") is True
    assert medium.read(NAME) == b"mine"
    go_between.trouble.extend([CONFLICT] * 100)
    with pytest.raises(StoreError, match="again and again"):
        medium.put_if_absent("loose/other", b"mine")


# Errors


def failing(medium):
    """Yield what each operation that asks the store says."""
    for ask in (
        lambda: medium.put_if_absent(NAME, b"1"),
        lambda: medium.read(NAME),
        lambda: medium.paths([NAME, "loose/other"]),
        lambda: medium.names("loose"),
        lambda: medium.names("segments", recursive=True),
        lambda: medium.remove([NAME]),
        medium.holds_other_things,
        medium.check_writable,
    ):
        with pytest.raises(StoreError) as error:
            ask()
        assert is_sentence(str(error.value))
        assert medium.uri in str(error.value)
        whole = "".join(traceback.format_exception(error.value))
        assert SECRET not in whole
        yield str(error.value)


def test_a_missing_bucket_is_told(s3_uri):
    messages = list(failing(ObjectMedium.of("s3://no-such-bucket/ledger")))
    assert all("the bucket does not exist: create it, or choose another place" in message for message in messages)
    assert messages[1] == f"cannot read s3://no-such-bucket/ledger/{NAME}: {messages[0].partition(': ')[2]}"


def test_wrong_credentials_are_told(s3_uri, s3_endpoint):
    medium = ObjectMedium.of(s3_uri)
    request(s3_endpoint, "POST", "/moto-api/reset-auth", b"0")
    try:
        messages = list(failing(medium))
        with pytest.raises(StoreError, match="denied"):
            medium.exists(NAME)
    finally:
        request(s3_endpoint, "POST", "/moto-api/reset-auth", b"inf")
    assert all("the credentials were refused (InvalidAccessKeyId)" in message for message in messages)


def test_missing_credentials_are_told(s3_uri, go_between, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", go_between.endpoint)
    go_between.trouble.append((403, b""))  # This machine has no role.
    with pytest.raises(StoreError, match="no credentials were found: set AWS_ACCESS_KEY_ID"):
        ObjectMedium.of(s3_uri).read(NAME)


def test_a_missing_right_is_told(s3_uri, go_between, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    medium = ObjectMedium.of(s3_uri)
    medium.put_if_absent(NAME, b"1")
    denied = b"<Error><Key>%s/%s</Key><Code>AccessDenied</Code><Message>Denied</Message></Error>"
    key = urlsplit(s3_uri).path[1:].encode(), NAME.encode()
    go_between.trouble.append((403, denied % key))
    with pytest.raises(StoreError, match=r"permission is denied \(AccessDenied\): let these credentials list"):
        medium.put_if_absent("loose/other", b"1")
    go_between.trouble.append((200, b"<DeleteResult>" + denied % key + b"</DeleteResult>"))
    with pytest.raises(StoreError, match=r"cannot remove .* permission is denied \(AccessDenied\)"):
        medium.remove([NAME])
    assert medium.exists(NAME)


def test_where_a_store_misses_a_name_the_others_are_removed_all_the_same(s3_uri, go_between, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    medium = ObjectMedium.of(s3_uri)
    for name in ("loose/1", "loose/3"):
        medium.put_if_absent(name, b"1")
    go_between.trouble.append((404, b"<Error><Code>NoSuchKey</Code></Error>"))
    medium.remove(["loose/1", "loose/2", "loose/3"])
    assert medium.names("loose") == []


def test_an_object_with_an_impossible_name_is_told(s3_uri, s3_endpoint):
    request(s3_endpoint, "PUT", s3_uri.removeprefix("s3:/") + "/loose//x", b"1")
    with pytest.raises(StoreError, match="has a name that no ledger makes: remove the object"):
        ObjectMedium.of(s3_uri).names("loose")


def test_a_certificate_of_an_unknown_authority_is_told(s3_uri, tmp_path, monkeypatch):
    monkeypatch.setattr(objects, "_RETRIES", 0)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.handle_error = lambda *_: None
    server.socket = certified(tmp_path).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{server.server_address[1]}")
    with pytest.raises(StoreError, match="its certificate is not trusted: set SSL_CERT_FILE"):
        ObjectMedium.of(s3_uri).read(NAME)
    server.shutdown()
    server.server_close()
    thread.join()


def certified(directory):
    """Return what a server shows that certifies itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    both = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / "server.pem").write_bytes(both + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    return context


def test_an_endpoint_that_refuses_is_told_in_seconds(s3_uri, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:TOPSECRET@127.0.0.1:9")
    medium = ObjectMedium.of(s3_uri)
    began = time.monotonic()
    with pytest.raises(StoreError) as error:
        medium.put_if_absent(NAME, b"1")
    assert time.monotonic() - began < SOON_S
    assert str(error.value) == (
        f"cannot write {s3_uri}/{NAME}: it cannot be reached: check the network and AWS_ENDPOINT_URL"
        " (http://127.0.0.1:9)"
    )


def test_an_endpoint_that_takes_no_connection_is_told_in_seconds(s3_uri, monkeypatch):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)  # noqa: FBT003 - the name of the parameter is nobody's
            client.connect_ex(full.getsockname())
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{full.getsockname()[1]}")
        medium = ObjectMedium.of(s3_uri)
        began = time.monotonic()
        with pytest.raises(StoreError, match="it did not answer in time"):
            medium.put_if_absent(NAME, b"1")
        assert time.monotonic() - began < SOON_S
        for client in waiting:
            client.close()


FORK = """
import os, sys
from ledger.errors import StoreError
from ledger.store.objects import ObjectMedium
medium = ObjectMedium.of(sys.argv[1])
medium.put_if_absent("loose/parent", b"1")
if os.fork() == 0:
    try:
        medium.read("loose/parent")
    except StoreError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""


def test_a_fork_is_told_to_be_spawned_and_does_not_wait_for_ever(s3_uri):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, s3_uri],
        check=True,
        cwd=ROOT,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip().endswith("this process is a fork of one that used the store; start it by spawn")
