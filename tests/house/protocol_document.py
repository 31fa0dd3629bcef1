"""PROTOCOL.md tells everything that the schema holds: each message, each field, each enum value. It names no message or
error that does not exist, the defaults of its limits are those of the options, and its examples are the bytes that protoc
makes of the messages above them. operations.md tells what to do about each error code."""

import re
import subprocess

import tree

SCHEMA = "proto/feed.proto"
DOCUMENT = "proto/PROTOCOL.md"
OPERATIONS = "docs/operations.md"
OPTIONS = "daemon/base/options.def"
FRAMES = {"ClientFrame", "ServerFrame"}  # whose fields are named after the messages that they hold

BLOCK = re.compile(r"^(message|enum) (\w+) \{\n(.*?)^\}|^(message) (\w+) \{\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^\s+(?:repeated )?\w+ (\w+) = \d+;", re.MULTILINE)
VALUE = re.compile(r"^\s+(\w+) = (\d+);", re.MULTILINE)
CODE_WORD = re.compile(r"`(\w+)`")
EXAMPLE = re.compile(r"^```text (\w+)\n(.*?)^```\n\n```hex\n(.*?)^```", re.MULTILINE | re.DOTALL)
HEX_OF_LINE = re.compile(r"^(?:[0-9a-f]{2} )*[0-9a-f]{2}(?=  )")


def parse_schema(text):
    """Names of messages, {message: fields}, {enum: values}; fields of oneofs are the message's."""
    fields, values = {}, {}
    for match in BLOCK.finditer(text):
        kind, name, body = match.group(1) or match.group(4), match.group(2) or match.group(5), match.group(3) or ""
        if kind == "message":
            fields[name] = FIELD.findall(body)
        else:
            values[name] = [value for value, number in VALUE.findall(body) if number != "0"]
    return fields, values


def encode(message, text):
    """The frame of a message in protobuf's text format."""
    body = subprocess.run(["protoc", "--proto_path=proto", f"--encode=feed.{message}", SCHEMA], input=text.encode(),
                          capture_output=True, check=True, timeout=30, cwd=tree.ROOT).stdout
    assert len(body) < 128, "the examples have lengths of one byte"
    return bytes([len(body)]) + body


def judge_examples(document):
    examples = EXAMPLE.findall(document)
    if len(examples) < 4:
        yield f"{DOCUMENT}: the examples of Hello and Share are gone"
    for message, text, lines in examples:
        written = bytes.fromhex(" ".join(HEX_OF_LINE.match(line).group() for line in lines.splitlines()))
        real = encode(message, text)
        if written != real:
            yield f"{DOCUMENT}: the example is {written.hex(' ')}, protoc makes {real.hex(' ')} of\n{text}"


def judge_defaults(document, limits):
    """The limits that Hello tells are options of the same name."""
    for limit in limits:
        option = re.search(rf'^OPTION\({limit}, "[\w.]+", NUMBER, RE(?:LOAD|START), "(\d+)"', tree.read(OPTIONS), re.MULTILINE)
        row = re.search(rf"^\| `{limit}` \| ([\d,]+) \|", document, re.MULTILINE)
        if not option or not row or int(option.group(1)) != int(row.group(1).replace(",", "")):
            yield f"{DOCUMENT}: the default of {limit} is not that of {OPTIONS}"


def judge_error_fields(document):
    """Where it is told of which field or limit such an error is, the table of errors names that."""
    for code in ("FORBIDDEN", "LIMIT_EXCEEDED"):
        row = re.search(rf"^\| `{code}` \| .*$", document, re.MULTILINE).group()
        for field in sorted(set(re.findall(rf"`{code}`,\s+field\s+`(\w+)`", document))):
            if f"`{field}`" not in row:
                yield f"{DOCUMENT}: the table of errors does not tell that {code} may be about {field}"


def judge_error_codes(codes):
    """One row each in the table for operators, and none more."""
    section = tree.read(OPERATIONS).split("## What clients are told\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \| \S", section, re.MULTILINE)
    if sorted(rows) != sorted(codes):
        yield f"{OPERATIONS}: rows of error codes that are missing or too many: {sorted(set(rows) ^ set(codes))}"


def main():
    schema = tree.read(SCHEMA)
    document = tree.read(DOCUMENT)
    fields, values = parse_schema(schema)
    words = set(re.findall(r"\w+", document))
    wanted = [(f"message {name}", name) for name in fields]
    wanted += [(f"field {message}.{field}", field) for message, names in fields.items() for field in names
               if message not in FRAMES]
    wanted += [(f"{enum} value {value}", value) for enum, names in values.items() for value in names]
    findings = [f"{DOCUMENT}: does not tell of {what}" for what, word in wanted if word not in words]
    known = {name for names in (*fields.values(), *values.values(), fields, values) for name in names}
    for word in sorted(set(CODE_WORD.findall(document))):
        looks_like_message = re.fullmatch(r"(?:[A-Z][a-z]+)+(?:Request|Reply)", word)
        looks_like_value = re.fullmatch(r"[A-Z]+(?:_[A-Z]+)+", word)
        if (looks_like_message or looks_like_value) and word not in known:
            findings.append(f"{DOCUMENT}: `{word}` is not in {SCHEMA}")
    findings += judge_examples(document)
    findings += judge_defaults(document, fields["Limits"])
    findings += judge_error_codes(values["ErrorCode"])
    findings += judge_error_fields(document)
    tree.tell(findings, len(wanted), "names of the schema")


main()
