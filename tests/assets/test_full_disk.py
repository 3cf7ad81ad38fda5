"""Chunks where the disk is full or read-only: one sentence, code 5, nothing published is damaged, work goes on."""

import json
import os
import sys

import pyarrow.parquet as pq
import pytest

from assets.generate import generate
from ledger.events import ChunksResumed
from tests.assets.test_larger_than_memory import IDENTIFIERS, events, link
from tests.mounted import in_mount_namespace

pytestmark = pytest.mark.slow

AWARDS, REGISTRY = 6_000, 2_000

STORY = """
set -u
out="$1/output"
mkdir -p "$out"
mount -t tmpfs -o size=16m tmpfs "$out"
run() {
  "$2" -m ledger_cli.main run -m assets.definitions --job enrich_source --run-config "$1" --executor in_process -q \
    > /dev/null 2> "$3"
  echo "$?" >> "$3"
}
run "$1/first.yaml" "$2" "$1/first"
sha256sum < "$out/stages/enriched_source.parquet" > "$1/sum"

cat /dev/zero > "$out/filler" 2> /dev/null
truncate -s -131072 "$out/filler"
run "$1/second.yaml" "$2" "$1/full"
sha256sum < "$out/stages/enriched_source.parquet" | cmp - "$1/sum" && echo untouched >> "$1/full"
rm "$out/filler"

mount -o remount,ro "$out"
run "$1/second.yaml" "$2" "$1/read_only"
sha256sum < "$out/stages/enriched_source.parquet" | cmp - "$1/sum" && echo untouched >> "$1/read_only"
mount -o remount,rw "$out"

run "$1/second.yaml" "$2" "$1/resumed"
cp "$out/stages/enriched_source.parquet" "$1/result.parquet"

cat /dev/zero > "$out/filler" 2> /dev/null
run "$1/nothing.yaml" "$2" "$1/nothing"
cmp "$out/stages/enriched_source.parquet" "$1/result.parquet" && echo untouched >> "$1/nothing"
"""


@pytest.fixture
def story(tmp_path):
    made = generate(AWARDS, REGISTRY, 7)
    files = {"source": str(tmp_path / "awards.parquet"), "registry": str(tmp_path / "registry.parquet")}
    pq.write_table(made.awards, files["source"])
    pq.write_table(made.awards.slice(0, 100), tmp_path / "few.parquet")
    pq.write_table(made.awards.slice(0, 0), tmp_path / "none.parquet")
    pq.write_table(made.registry, files["registry"])
    for name, source in (("first", "few"), ("second", "awards"), ("nothing", "none")):
        config = {**files, "source": str(tmp_path / f"{source}.parquet"), "identifiers": IDENTIFIERS}
        (tmp_path / f"{name}.yaml").write_text(json.dumps({"ops": {"enriched_source": {"config": config}}}))
    environment = os.environ | {
        "DAGSTER_LEDGER_URI": str(tmp_path / "ledger"),
        "DAGSTER_LEDGER_OUTPUT_DIR": str(tmp_path / "output"),
        "DAGSTER_LEDGER_CHUNK_SIZE": "400",
        "DAGSTER_HOME": str(tmp_path / "home"),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = in_mount_namespace("sh", "-c", STORY, "sh", str(tmp_path), sys.executable, env=environment)
    return tmp_path, files, done


def test_a_full_and_a_read_only_output_are_told_with_code_5_and_the_work_goes_on_when_there_is_room(story):
    place, files, done = story
    told = {name: (place / name).read_text() for name in ("first", "full", "read_only", "resumed", "nothing")}
    assert told["first"] == "0\n", (told, done)
    for name, sentence in {
        "full": "the disk is full: free some space and run it again",
        "read_only": "the file system is read-only: choose another place with output_dir",
        "nothing": "the disk is full: free some space and run it again",
    }.items():
        sentences = told[name].splitlines()
        assert sentence in sentences[0], told
        assert sentences[-2:] == ["5", "untouched"], told
        assert "Traceback" not in told[name]
        assert len([line for line in sentences if line.startswith("dagster-ledger:")]) == 1, told
    assert told["resumed"] == "0\n", told
    assert (place / "result.parquet").read_bytes() == link(place / "elsewhere", files).read_bytes()
    kept = [event.kept_rows for event in events(place, ChunksResumed) if event.total_rows == AWARDS]
    assert len(kept) == 2
    assert 0 < kept[-1] < AWARDS


UNPUBLISHED = """
import subprocess, sys
from pathlib import Path

from ledger.chunks import ChunkOptions, Plan, run
from ledger.errors import StoreError
from tests.unit.chunks.killed import ROWS, Digests, published
from tests.unit.chunks.making import Heard

place = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=True)

def made(version):
    plan = Plan(name="digests", rows=ROWS, inputs={}, parameters={"version": version})
    finished = run(plan, place / "work" / str(version), Digests(place, version), ChunkOptions(chunk_size=600), Heard())
    return lambda: published(finished.parts.tables(finished.chain), version, place / "out")

made(0)()
publish = made(1)
with (place / "filler").open("wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        pass
try:
    publish()
except StoreError as error:
    print(error)
print((place / "out/current/version").read_text(), len(list((place / "out/versions").glob("[0-9a-f]*"))))
(place / "filler").unlink()
publish()
print((place / "out/current/version").read_text())
"""


def test_a_disk_that_is_full_when_all_is_made_leaves_the_version_before_and_is_published_later(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = in_mount_namespace(sys.executable, "-c", UNPUBLISHED, str(tmp_path), env=environment)
    assert done.returncode == 0, done
    sentence, before, after = done.stdout.splitlines()
    assert sentence.startswith("cannot publish into")
    assert sentence.endswith("the disk is full: free some space and run it again")
    assert (before, after) == ("0 1", "1")
