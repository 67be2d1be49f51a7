from __future__ import annotations

import http.server
import threading
import time

import pytest

from governance.domain.errors import InvalidInput
from governance.policy import schemas
from governance.policy.schemas import check_schema, problems


def of(**properties):
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "additionalProperties": False},
        of(amount={"type": "number", "minimum": 0}),
        {**of(a={"$ref": "#/$defs/name"}), "$defs": {"name": {"type": "string"}}},
        {"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"},
        {"type": "object", "$schema": "https://json-schema.org/draft/2020-12/schema"},
        of(a={"pattern": "^(a+)+$"}),
    ],
)
def test_a_usable_schema_is_accepted(schema):
    check_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        True,
        None,
        "object",
        [],
        {},
        {"type": "array"},
        {"type": ["object", "null"]},
        {"properties": {}},
        {"type": "object", "properties": 5},
        {"type": "object", "required": "amount"},
        {"type": "object", "minProperties": -1},
        of(a={"type": "text"}),
        of(a={"pattern": "("}),
        of(a={"pattern": "(?=a)b"}),  # look-ahead has no linear-time form
        of(a={"$ref": "#/$defs/nowhere"}),
        {"type": "object", "$schema": "http://example.com/meta"},
        {"type": "object", "x": float("nan")},
        {"type": "object", "default": 2**53},
    ],
    ids=str,
)
def test_a_schema_that_cannot_judge_params_is_refused(schema):
    with pytest.raises(InvalidInput, match="params_schema"):
        check_schema(schema)


def test_a_schema_is_bounded():
    assert schemas.MAX_BYTES == 64_000
    room = 64_000 - len('{"description":"","type":"object"}')
    check_schema({"type": "object", "description": "x" * room})
    with pytest.raises(InvalidInput, match="larger than 64,000 bytes"):
        check_schema({"type": "object", "description": "x" * (room + 1)})


@pytest.fixture
def far_side():
    """A server on this machine that would answer; it remembers who asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = b'{"type": "string"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_a_remote_reference_is_refused_and_never_fetched(far_side):
    address, asked = far_side
    url = f"{address}/schema.json"
    for schema in (
        of(a={"$ref": url}),
        {"type": "object", "$ref": url},
        {**of(a={"$ref": "schema.json"}), "$id": f"{address}/base.json"},
        {"type": "object", "$dynamicRef": f"{url}#here"},
        {"type": "object", "$schema": url},
    ):
        with pytest.raises(InvalidInput, match="not a usable JSON Schema"):
            check_schema(schema)
        assert problems(schema, {"a": "x"})  # a stored one denies, and does not fetch either
    assert asked == []


def test_a_file_reference_is_refused_even_if_the_file_would_do(tmp_path):
    file = tmp_path / "schema.json"
    file.write_text('{"type": "string"}')
    for reference in (file.as_uri(), str(file), f"file:{file}", f"//localhost{file}"):
        with pytest.raises(InvalidInput, match="not a usable JSON Schema"):
            check_schema(of(a={"$ref": reference}))
        assert problems(of(a={"$ref": reference}), {"a": "x"})


PERSON = {
    **of(name={"type": "string", "maxLength": 5}, age={"type": "integer", "minimum": 0}),
    "required": ["name"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"name": "Ada"}, ()),
        ({"name": "Ada", "age": 36}, ()),
        ({"name": "Ada", "age": 36.0}, ()),  # a whole number, however it is written
        ({}, ('params: "name" is a required property',)),
        ({"name": 5}, ('params/name: the value is not of type "string"',)),
        ({"name": "Ada", "age": True}, ('params/age: the value is not of type "integer"',)),
        ({"name": "Ada", "age": -1}, ("params/age: the value is less than the minimum of 0",)),
    ],
)
def test_problems_name_the_place(params, expected):
    assert problems(PERSON, params) == expected


def test_unknown_params_are_a_problem_when_the_schema_closes_itself():
    (problem,) = problems(PERSON, {"name": "Ada", "extra": 1})
    assert "extra" in problem


def test_formats_are_checked():
    assert problems(of(run={"format": "uuid"}), {"run": "no uuid"})
    assert not problems(of(run={"format": "uuid"}), {"run": "0198c0de-0000-7000-8000-000000000000"})


def test_many_problems_are_counted_not_listed():
    many = of(**{f"p{n}": {"type": "string"} for n in range(9)})
    found = problems(many, {f"p{n}": n for n in range(9)})
    assert len(found) == 6
    assert all(problem.startswith("params/p") for problem in found[:5])
    assert found[5] == "and 4 more"
    assert len(problems(many, {f"p{n}": n for n in range(5)})) == 5


def test_a_problem_is_short_whatever_was_sent():
    (problem,) = problems(of(a={"enum": ["x"]}), {"a": "y" * 10_000})
    assert len(problem) <= 320


def test_a_stored_schema_that_cannot_be_read_is_a_problem_and_not_an_exception():
    for broken in ("junk", None, 5, {"type": "object", "properties": 5}, {"x": float("nan")}):
        assert problems(broken, {}), broken


def test_a_hostile_pattern_takes_no_time():
    began = time.monotonic()
    assert problems(of(a={"pattern": "^(a+)+$"}), {"a": "a" * 50_000 + "!"})
    assert time.monotonic() - began < 2


RECURSIVE = [
    {"$defs": {"t": {"anyOf": [{"$ref": "#/$defs/t"}, {"type": "string"}]}}},
    {
        "$defs": {
            "a": {"properties": {"x": {"$ref": "#/$defs/b"}}},
            "b": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]},
        }
    },
    {"properties": {"x": {"$ref": "#"}}},
    {"$defs": {"t": {"anyOf": [{"$ref": "#/$defs/%74"}, {"type": "string"}]}}},
    {"$defs": {"t": {"properties": {"x": {"$ref": "#/$defs/t/properties/x"}}}}},
]


@pytest.mark.parametrize("part", RECURSIVE)
def test_a_schema_that_refers_to_itself_is_refused(part):
    """Its cost may double with every level of the params, and any agent could make it so."""
    with pytest.raises(InvalidInput, match=r"refers to itself|local references"):
        check_schema({"type": "object", **part})


def chain(length, last):
    """Each definition refers to all that follow the next few; the last as it is told."""
    names = [f"d{n}" for n in range(length)]
    refs = [[{"$ref": f"#/$defs/{name}"} for name in names[n + 1 : n + 4]] for n in range(length)]
    return {
        "type": "object",
        "$defs": dict(zip(names, [{"anyOf": r} for r in refs], strict=True)) | {names[-1]: last},
    }


def test_a_cycle_of_many_definitions_is_found_and_none_takes_long():
    """A hundred paths lead everywhere: each definition is looked at once."""
    began = time.process_time()
    check_schema(chain(500, {"type": "string"}))
    with pytest.raises(InvalidInput, match="refers to itself at #/\\$defs/d0;"):
        check_schema(chain(500, {"$ref": "#/$defs/d0"}))
    assert time.process_time() - began < 1


def test_a_schema_may_refer_to_its_own_definitions():
    check_schema(
        {
            "type": "object",
            "$defs": {"id": {"type": "string"}, "pair": {"items": {"$ref": "#/$defs/id"}}},
            "properties": {"a": {"$ref": "#/$defs/pair"}, "b": {"$ref": "#/$defs/id"}},
        }
    )


def test_a_problem_keeps_no_secret_and_has_a_limit():
    schema = {"type": "object", "properties": {"pin": {"type": "integer"}}}
    (problem,) = problems(schema, {"pin": "hunter2"})
    assert "hunter2" not in problem
    strict = {"type": "object", "additionalProperties": False}
    assert all(len(found) < 700 for found in problems(strict, {"k" * 100_000: 1}))
