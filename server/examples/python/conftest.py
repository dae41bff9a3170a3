"""Starts the mock for each test."""

import json
import os
import subprocess
import urllib.error
import urllib.request

import boto3
import pytest

PROGRAM = os.environ.get("MOCK_IVS_CHAT", "mock-ivs-chat")


class Mock:
    """A running mock, with the control API that arranges faults and reads the log."""

    def __init__(self, program):
        self.program = program
        self.urls = {}
        for line in program.stdout:
            name, _, value = line.strip().partition("_url=")
            if value:
                self.urls[name] = value
            if line.startswith("ready"):
                return
        raise RuntimeError(f"{PROGRAM} ended before it was ready")

    def control(self, method, path, body=None):
        """Calls the control API, and returns the JSON or the text of its response."""
        request = urllib.request.Request(
            f"{self.urls['http']}/__admin/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                text = response.read().decode()
                is_json = "json" in response.headers.get("content-type", "")
                return json.loads(text) if is_json else text
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode()}") from None


@pytest.fixture
def mock():
    command = [PROGRAM, "--frozen-at", "2026-01-01T00:00:00Z"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield Mock(program)
        finally:
            program.terminate()


@pytest.fixture
def ivschat(mock):
    """The client that a backend uses. In production it has neither endpoint nor keys here."""
    return boto3.client(
        "ivschat",
        endpoint_url=mock.urls["http"],
        region_name="us-west-2",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
    )
