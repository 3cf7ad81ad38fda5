"""Runs a program where it may mount file systems without anybody else seeing it."""

import os
import shutil
import subprocess

import pytest


def in_mount_namespace(*command: str, **options) -> subprocess.CompletedProcess[str]:
    """Run a command in a mount namespace of its own; the test is skipped where the kernel does not let it.

    Args:
        command: Program and arguments.
        options: Further arguments of ``subprocess.run``.
    """
    unshare = ["unshare", "--mount", "--propagation", "private"]
    if os.geteuid() != 0:
        unshare.append("--map-root-user")
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode != 0:
        pytest.skip("needs unshare(1), and root or user namespaces, to mount a small or read-only file system")
    return subprocess.run([*unshare, *command], capture_output=True, text=True, check=False, timeout=250, **options)
