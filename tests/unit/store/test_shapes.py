"""Plain classes become JSON and come back as they were; what is damaged never becomes half an object."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connwatch.alerts.alert import Alert, Notice
from connwatch.model.attempt import Attempt, Step
from connwatch.model.record import Detail, Request, Trouble
from connwatch.store.shapes import Shape

Word = Literal["up", "down"]
Ever = Word | Literal["never"]


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Place(NamedTuple):
    row: int
    name: str


@dataclass
class Leaf:
    text: str
    share: float = 0.5


@dataclass
class Tree:
    name: str
    at: float
    number: int = 0
    good: bool | None = None
    leaf: Leaf | None = None
    colour: Colour = Colour.RED
    word: Ever = "up"
    leaves: list[Leaf] = field(default_factory=list)
    pairs: list[tuple[str, int]] = field(default_factory=list)
    by_name: dict[str, Leaf] = field(default_factory=dict)
    place: Place | None = None
    status: int | None = 200


TREE = Shape(Tree)
FULL = Tree(
    *("é \ud800 \x1b", 1.25, 7, False, Leaf("a", 1.0), Colour.BLUE, "never"),
    *([Leaf("b")], [("x", 1)], {"k": Leaf("c", 0.0)}, Place(3, "p"), None),
)


def test_everything_comes_back_and_defaults_are_left_out() -> None:
    assert TREE.read(TREE.write(FULL)) == FULL
    assert TREE.write(Tree("a", 1.0)) == '{"name":"a","at":1.0}'
    assert type(TREE.read('{"name": "a", "at": 1}').at) is float
    assert TREE.read('{"name": "a", "at": 1, "of_a_newer_program": [{}]}') == Tree("a", 1.0)
    found = TREE.read(TREE.write(FULL))
    assert (type(found.colour), type(found.place), type(found.pairs[0])) == (Colour, Place, tuple)


@pytest.mark.parametrize("given", [Tree("a", 1.0), FULL])
def test_what_was_written_is_untouched_by_what_was_read(given: Tree) -> None:
    before = TREE.write(given)
    again = TREE.read(before)
    again.leaves.append(Leaf("later"))
    again.by_name["later"] = Leaf("later")
    assert TREE.write(given) == before
    assert TREE.write(TREE.read(before)) == before


@pytest.mark.parametrize(
    "damage",
    [
        {"name": 7}, {"at": "1"}, {"at": True}, {"number": 1.5}, {"number": True}, {"good": 1}, {"leaf": []}, {"leaf": {"share": 1.0}},
        {"colour": "green"}, {"colour": []}, {"word": "sideways"}, {"leaves": {}}, {"leaves": [None]}, {"pairs": [["x"]]}, {"pairs": [["x", "1"]]},
        {"by_name": []}, {"by_name": {"k": 1}}, {"place": [1]}, {"place": {"row": 1}}, {"status": "200"}, {"name": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_value_of_another_kind_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        TREE.read(json.dumps({"name": "a", "at": 1.0, **damage}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '{"name": "a"}', '{"name": "a", "at": 1.0'])
def test_text_that_is_no_such_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        TREE.read(text)


@pytest.mark.parametrize("kind", [Request, Detail, Trouble, Attempt, Step, Alert, Notice])
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_all_that_the_state_holds_comes_back(kind: type, data: st.DataObject) -> None:
    shape = Shape(kind)
    one = data.draw(st.builds(kind))
    assert repr(shape.read(shape.write(one))) == repr(one)  # a number that is none equals nothing
