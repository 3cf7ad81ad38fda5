"""One suite for every medium, and what is particular to a bucket."""

import contextlib
import http.server
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
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
from ledger.store.directory import DirectoryMedium
from ledger.store.objects import ObjectMedium
from tests.contract.conftest import SECRET, address, make_bucket, request, set_environment, start_s3

ROOT = Path(__file__).parents[2]
CONFLICT = (409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
NAME = "loose/0123-00000000.parquet"
# A directory is a place of this machine, where half a second is late; a request of a bucket may be tried again.
SOON_S = 15.0


class Place:
    """Where media are opened, as often as one likes."""

    def __init__(self, kind, uri):
        self.kind, self.uri = kind, uri

    def open(self):
        return DirectoryMedium(Path(self.uri)) if self.kind == "directory" else ObjectMedium.of(self.uri)


@pytest.fixture(params=["directory", "bucket"])
def place(request, tmp_path):
    return Place(
        request.param, request.getfixturevalue("s3_uri") if request.param == "bucket" else str(tmp_path / "it")
    )


@pytest.fixture
def medium(place):
    return place.open()


@pytest.fixture
def bucket(s3_uri):
    return ObjectMedium.of(s3_uri)


def is_sentence(message):
    return "\n" not in message and len(message) < 400 and not re.search(r"Debug source|RetryError|<Error>", message)


# What every medium does


def test_what_was_put_is_read(place):
    data = bytes(range(256)) * 10
    assert place.open().put_if_absent(NAME, data) is True
    other = place.open()
    assert other.exists(NAME)
    assert other.read(NAME) == data
    assert other.paths([NAME])[0].read_bytes() == data
    assert other.size_bytes(NAME) == len(data)
    assert other.names("loose") == [NAME]


def test_a_name_is_put_once_and_never_replaced(medium):
    assert medium.put_if_absent(NAME, b"first") is True
    assert medium.put_if_absent(NAME, b"second") is False
    assert medium.put_if_absent(NAME, b"first") is False
    assert medium.read(NAME) == b"first"


def test_nothing_is_a_content_too(medium):
    assert medium.put_if_absent("loose/empty", b"")
    assert medium.read("loose/empty") == b""
    assert medium.paths(["loose/empty"])[0].read_bytes() == b""
    assert medium.size_bytes("loose/empty") == 0


def test_what_is_large_comes_whole(place):
    data = os.urandom(1 << 20) * 20
    assert place.open().put_if_absent("segments/month=2026-01/large.parquet", data)
    medium = place.open()
    assert medium.read("segments/month=2026-01/large.parquet") == data
    assert medium.paths(["segments/month=2026-01/large.parquet"])[0].read_bytes() == data


def test_what_is_not_there_is_a_missing_file(medium):
    medium.put_if_absent("loose/there", b"1")
    assert not medium.exists("loose/none")
    assert not medium.exists("none/none")
    for ask in (medium.read, medium.size_bytes, medium.age_s, lambda name: medium.paths([name])[0].read_bytes()):
        with pytest.raises(FileNotFoundError):
            ask("loose/none")


def test_a_directory_that_is_not_there_has_no_names(medium):
    assert medium.names("loose") == []
    assert medium.names("segments", recursive=True) == []
    assert not medium.holds_other_things()


def test_names_are_whole_sorted_and_of_one_directory(medium):
    inside = ["segments/a", "segments/month=2026-01/b", "segments/month=2026-01/c", "segments/month=2026-02/a"]
    for name in [*reversed(inside), "segments-of-another/x", "segmentsx", "leaves/000-010.parquet", "segments/.hidden"]:
        assert medium.put_if_absent(name, name.encode())
    assert medium.names("segments", recursive=True) == inside
    assert medium.names("segments/month=2026-01") == inside[1:3]
    assert "segments/a" in medium.names("segments")
    assert "segments/.hidden" not in medium.names("segments")
    assert medium.names("segments/month=2026-0") == []


def test_more_than_a_thousand_names_are_listed_brought_and_removed(place):
    names = [f"loose/{number:05d}.parquet" for number in range(1100)]
    medium = place.open()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda name: medium.put_if_absent(name, name.encode()), reversed(names)))
    assert all(made)
    medium = place.open()
    assert medium.names("loose") == names
    assert medium.names("loose", recursive=True) == names
    assert [path.read_text() for path in medium.paths(names[::10])] == names[::10]
    assert sum(medium.size_bytes(name) for name in names) == sum(map(len, names))
    medium.remove(iter([*names[1:], "loose/none"]))
    assert medium.names("loose") == names[:1]
    assert place.open().names("loose") == names[:1]


def test_paths_keep_the_order_that_was_asked_for(medium):
    for name in "abc":
        medium.put_if_absent(f"loose/{name}", name.encode())
    asked = [f"loose/{name}" for name in "cabca"]
    for fresh in (False, False, True):
        assert [path.read_text() for path in medium.paths(asked, fresh=fresh)] == list("cabca")
    assert medium.paths([]) == []


def test_age_is_since_a_name_was_made(place):
    before = time.time()
    place.open().put_if_absent(NAME, b"1")
    for listed in (False, True):
        medium = place.open()
        if listed:
            medium.names("loose")
        assert -2.0 < medium.age_s(NAME) < time.time() - before + 2.0


def test_a_removed_name_is_gone_and_can_be_made_again(place):
    medium = place.open()
    medium.put_if_absent(NAME, b"first")
    assert medium.names("loose") == [NAME]
    medium.remove([NAME])
    medium.remove([NAME])
    medium.remove([])
    assert not medium.exists(NAME)
    assert medium.names("loose") == []
    with pytest.raises(FileNotFoundError):
        medium.size_bytes(NAME)
    assert medium.put_if_absent(NAME, b"second!")
    assert medium.size_bytes(NAME) == 7
    assert place.open().read(NAME) == b"second!"


def test_what_a_first_attempt_leaves_is_nothing_else(medium):
    medium.check_writable()
    medium.check_writable()
    medium.put_if_absent(NAME, b"1")
    assert not medium.holds_other_things()
    assert medium.names("loose") == [NAME]
    medium.sweep()
    assert medium.names("loose") == [NAME]
    medium.put_if_absent("LEDGER", b"format 1\n")
    assert medium.holds_other_things()


def test_a_directory_of_others_is_something_else(medium):
    medium.put_if_absent("photos/of/mine.jpeg", b"1")
    assert medium.holds_other_things()


def test_a_place_is_called_as_it_was_named(place):
    medium = place.open()
    assert medium.uri == place.uri
    assert medium.where(NAME) == f"{place.uri}/{NAME}"


def test_of_eight_racing_threads_one_makes_the_name(place):
    rounds, racers = 40, 8
    start = threading.Barrier(racers)
    media = [place.open() for _ in range(racers)]

    def race(racer):
        made = []
        for number in range(rounds):
            start.wait()
            made.append(media[racer].put_if_absent(f"loose/{number:08d}", f"{racer}".encode()))
        return made

    with ThreadPoolExecutor(racers) as pool:
        made = list(pool.map(race, range(racers)))
    for number in range(rounds):
        winners = [racer for racer in range(racers) if made[racer][number]]
        assert len(winners) == 1
        assert media[0].read(f"loose/{number:08d}") == f"{winners[0]}".encode()


RACER = """
import sys
from pathlib import Path
from ledger.store.directory import DirectoryMedium
from ledger.store.objects import ObjectMedium
medium = DirectoryMedium(Path(sys.argv[2])) if sys.argv[1] == "directory" else ObjectMedium.of(sys.argv[2])
medium.names("loose")
print("ready", flush=True)
sys.stdin.readline()
print("".join("01"[medium.put_if_absent(f"loose/{n:08d}", sys.argv[3].encode())] for n in range(15)), flush=True)
"""


def test_of_four_racing_processes_one_makes_the_name(place):
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, place.kind, place.uri, str(racer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for racer in range(4)
    ]
    for racer in started:
        assert racer.stdout.readline() == "ready\n"
    for racer in started:
        racer.stdin.write("\n")
        racer.stdin.flush()
    made = [racer.communicate(timeout=60)[0].strip() for racer in started]
    medium = place.open()
    for number in range(15):
        winners = [racer for racer in range(4) if made[racer][number] == "1"]
        assert len(winners) == 1
        assert medium.read(f"loose/{number:08d}") == f"{winners[0]}".encode()


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


# The cache


def copies(tmp_path):
    return sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_what_was_read_is_asked_for_once(s3_uri, go_between, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    medium = ObjectMedium.of(s3_uri)
    names = [f"loose/{number}" for number in range(10)]
    for name in names:
        medium.put_if_absent(name, name.encode())
    go_between.asked.clear()
    medium.paths(names)
    ObjectMedium.of(s3_uri).paths(names)
    medium.paths(names)
    assert go_between.asked == ["GET"] * 10
    medium.paths(names[:3], fresh=True)
    assert go_between.asked == ["GET"] * 13


def test_sizes_and_ages_of_a_listing_are_not_asked_for(s3_uri, go_between, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    medium = ObjectMedium.of(s3_uri)
    for number in range(5):
        medium.put_if_absent(f"loose/{number}", b"12")
    go_between.asked.clear()
    names = medium.names("loose")
    assert [medium.size_bytes(name) for name in names] == [2] * 5
    assert all(medium.age_s(name) > -2 for name in names)
    assert go_between.asked == ["GET"]
    monkeypatch.setattr(objects, "_LISTED_FOR_S", -1.0)
    assert medium.size_bytes(names[0]) == 2
    assert go_between.asked == ["GET", "HEAD"]


def test_a_copy_answers_without_the_server_and_a_fresh_one_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr(objects, "_RETRIES", 1)
    server = start_s3()
    try:
        set_environment(monkeypatch, address(server), tmp_path)
        uri = f"s3://{make_bucket(address(server))}/ledger"
        medium = ObjectMedium.of(uri)
        medium.put_if_absent(NAME, b"1")
        medium.put_if_absent("loose/other", b"2")
        medium.paths([NAME])
    finally:
        server.stop()
    for opened in (medium, ObjectMedium.of(uri)):
        assert opened.paths([NAME])[0].read_bytes() == b"1"
    for names, fresh in (([NAME], True), (["loose/other"], False)):
        with pytest.raises(StoreError, match=r"cannot be reached|did not answer"):
            medium.paths(names, fresh=fresh)
    assert medium.paths([NAME])[0].read_bytes() == b"1"


def test_a_damaged_copy_is_replaced_by_a_fresh_one(bucket):
    bucket.put_if_absent(NAME, b"whole")
    path = bucket.paths([NAME])[0]
    path.write_bytes(b"wrong")
    assert bucket.paths([NAME])[0].read_bytes() == b"wrong"
    assert bucket.paths([NAME], fresh=True)[0].read_bytes() == b"whole"
    path.write_bytes(b"")  # As after a power cut.
    assert bucket.paths([NAME])[0].read_bytes() == b"whole"


def test_copies_of_what_is_gone_are_removed_at_the_next_listing(s3_uri, tmp_path, monkeypatch):
    medium, other = ObjectMedium.of(s3_uri), ObjectMedium.of(s3_uri)
    for name in ("loose/gone", "loose/kept", "segments/month=2026-01/gone", "segments/month=2026-01/kept"):
        medium.put_if_absent(name, b"1")
    medium.paths([*medium.names("loose"), *medium.names("segments", recursive=True)])
    other.remove(["loose/gone", "segments/month=2026-01/gone"])
    monkeypatch.setattr(objects, "_NEW_S", 3600.0)
    medium.names("loose")
    assert len(copies(tmp_path)) == 4  # Just made: the listing may have begun before its object.
    monkeypatch.setattr(objects, "_NEW_S", -60.0)
    medium.names("loose")
    assert [path.parent.name + "/" + path.name for path in copies(tmp_path)] == [
        "loose/kept",
        "month=2026-01/gone",
        "month=2026-01/kept",
    ]
    medium.names("segments", recursive=True)
    assert [path.name for path in copies(tmp_path)] == ["kept", "kept"]
    other.remove(["loose/kept"])
    assert medium.names("loose") == []
    assert [path.name for path in copies(tmp_path)] == ["kept"]


def test_a_copy_of_an_earlier_ledger_at_the_same_place_is_removed(s3_uri, tmp_path, monkeypatch):
    monkeypatch.setattr(objects, "_NEW_S", -60.0)
    medium = ObjectMedium.of(s3_uri)
    medium.put_if_absent(NAME, b"of the earlier one")
    path = medium.paths([NAME])[0]
    medium.names("loose")
    assert path.exists()
    medium.remove([NAME])
    medium.put_if_absent(NAME, b"of the later one")
    medium.names("loose")
    assert medium.paths([NAME])[0].read_bytes() == b"of the later one"
    os.utime(path, (0, 0))  # Of the same size, made at another time.
    medium.names("loose")
    assert not path.exists()


def test_old_copies_and_what_killed_readers_left_are_removed(s3_uri, tmp_path, monkeypatch):
    medium = ObjectMedium.of(s3_uri)
    medium.put_if_absent(NAME, b"1")
    path = medium.paths([NAME])[0]
    left = path.with_name(".tmp-1-killed")
    left.write_bytes(b"")
    ObjectMedium.of(s3_uri).paths([NAME])
    assert copies(tmp_path) == sorted([path, left])
    monkeypatch.setattr(objects, "_LEFT_FOR_S", -60)
    ObjectMedium.of(s3_uri).paths([NAME])
    assert copies(tmp_path) == [path]
    monkeypatch.setattr(objects, "_CACHED_FOR_S", -60)
    assert ObjectMedium.of(s3_uri).paths([NAME])[0].read_bytes() == b"1"


def test_the_same_address_elsewhere_has_copies_of_its_own(s3_uri, go_between, monkeypatch):
    medium = ObjectMedium.of(s3_uri)
    medium.put_if_absent(NAME, b"1")
    path = medium.paths([NAME])[0]
    monkeypatch.setenv("AWS_ENDPOINT_URL", go_between.endpoint)
    assert ObjectMedium.of(s3_uri).paths([NAME])[0] != path


def test_only_their_owner_reads_the_copies(bucket):
    bucket.put_if_absent(NAME, b"1")
    assert bucket.paths([NAME])[0].parents[1].stat().st_mode & 0o077 == 0


def test_a_cache_that_cannot_be_written_is_elsewhere_while_it_is_needed(s3_uri, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a directory")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    medium = ObjectMedium.of(s3_uri)
    medium.put_if_absent(NAME, b"1")
    path = medium.paths([NAME])[0]
    assert path.read_bytes() == b"1"
    assert medium.paths([NAME]) == [path]
    del medium
    assert not path.exists()


def test_without_a_name_of_its_own_the_cache_is_the_users(s3_uri, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    medium = ObjectMedium.of(s3_uri)
    medium.put_if_absent(NAME, b"1")
    assert medium.paths([NAME])[0].is_relative_to(tmp_path / ".cache" / "dagster-ledger")


@pytest.mark.parametrize("name", ["../outside", "loose/../../outside", "/etc/passwd", "loose//x"])
def test_a_name_cannot_lead_out_of_the_cache(bucket, name):
    with pytest.raises(StoreError, match="no ledger has such a name"):
        bucket.paths([name])


def test_readers_of_the_same_names_do_not_disturb_each_other(s3_uri):
    medium = ObjectMedium.of(s3_uri)
    names = [f"loose/{number:03d}" for number in range(40)]
    for name in names:
        medium.put_if_absent(name, name.encode() * 1000)

    def read(_):
        return [path.read_bytes() for path in ObjectMedium.of(s3_uri).paths(names, fresh=True)]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(read, range(4)):
            assert found == [name.encode() * 1000 for name in names]
