"""The OpenRPC document as its reader uses it: references followed, answers held against what it says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from jsonschema import Draft7Validator

from rpc.openrpc import describe
from rpc.procedure import Procedure

Json = dict[str, Any]


@dataclass(frozen=True)
class Described:
    """An OpenRPC document."""

    document: Json

    @classmethod
    def of(cls, *procedures: Procedure) -> Self:
        """What a server with these procedures hands out."""
        return cls(json.loads(describe(procedures).model_dump_json(by_alias=True)))

    @property
    def names(self) -> list[str]:
        """The methods, in order."""
        return [method["name"] for method in self.document["methods"]]

    def method(self, name: str) -> Json:
        """What it says of a method."""
        (found,) = [method for method in self.document["methods"] if method["name"] == name]
        return dict(found)

    def follow(self, reference: Json) -> Json:
        """What a reference names."""
        found = self.document
        for part in reference["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return found

    def issues(self, schema: Json, value: Any) -> list[str]:
        """What keeps a value from fitting a schema."""
        rooted = {**schema, "components": self.document["components"]}
        return [f"{issue.json_path}: {issue.message}" for issue in Draft7Validator(rooted).iter_errors(value)]

    def errors(self, name: str) -> dict[str, Json]:
        """A method's errors, by name."""
        references = self.method(name)["x-errors"]
        return {reference["$ref"].rpartition("/")[2]: self.follow(reference) for reference in references}

    def issues_of_answer(self, name: str, answer: Json) -> list[str]:
        """What in a JSON-RPC response to a method's call is not as the document says."""
        if "result" in answer:
            return self.issues(self.method(name)["result"]["schema"], answer["result"])
        return [] if self.meant(name, answer["error"]) else [f"No error of {name}: {answer['error']}"]

    def meant(self, name: str, error: Json) -> list[str]:
        """The names of a method's errors that an `error` can be: its number is listed, and its data fits."""
        if error["code"] not in {self.follow(listed)["code"] for listed in self.method(name)["errors"]}:
            return []
        return [
            known
            for known, described in self.errors(name).items()
            if described["code"] == error["code"] and not self.issues(described["data"], error["data"])
        ]


def objects_in(value: Any, path: str = "#") -> Iterator[tuple[str, Json]]:
    """Every object in a document, with the path to it."""
    if isinstance(value, dict):
        yield path, value
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from objects_in(member, f"{path}/{name}")
