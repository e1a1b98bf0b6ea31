"""What a screen reader gets: the tree of a program's windows over AT-SPI, as JSON. usage: accessible.py PROGRAM

Each element is {role, name, description?, states, text?, marked?, labelledBy?, children}; marked: the pieces of its text that have a ground of
their own. null while the program is not there.
"""
import json
import sys

import gi

gi.require_version("Atspi", "2.0")
from gi.repository import Atspi, GLib  # noqa: E402 (the version comes first)

STATES = ("SENSITIVE", "ENABLED", "FOCUSABLE", "FOCUSED", "SHOWING", "CHECKED", "EDITABLE")


def marked(node, length):
    pieces, at = [], 0
    while at < length:
        attributes, start, end = Atspi.Text.get_attribute_run(node, at, False)
        if "bg-color" in attributes:
            pieces.append(Atspi.Text.get_text(node, start, end))
        at = max(end, at + 1)
    return pieces


def element(node):
    states = node.get_state_set()
    found = {
        "role": node.get_role_name(),
        "name": node.get_name() or "",
        "states": [name.lower() for name in STATES if states.contains(getattr(Atspi.StateType, name))],
        "children": [element(node.get_child_at_index(i)) for i in range(node.get_child_count())],
    }
    if node.get_description():
        found["description"] = node.get_description()
    for relation in node.get_relation_set():
        if relation.get_relation_type() == Atspi.RelationType.LABELLED_BY:
            found["labelledBy"] = relation.get_target(0).get_name()
    if "Text" in node.get_interfaces():
        length = Atspi.Text.get_character_count(node)
        found["text"] = Atspi.Text.get_text(node, 0, length)
        found["marked"] = marked(node, length)
    return found


def program(name):
    """The newest of that name that can still be asked: one that has just ended stays in the list for a while."""
    desktop = Atspi.get_desktop(0)
    for i in reversed(range(desktop.get_child_count())):
        try:
            one = desktop.get_child_at_index(i)
            if one and one.get_name() == name and one.get_child_count() > 0:
                return element(one)
        except GLib.Error:
            continue
    return None


print(json.dumps(program(sys.argv[1]), ensure_ascii=False))
