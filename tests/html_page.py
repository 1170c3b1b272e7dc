"""A page as a test reads it: its elements with their text, by the standard library's parser."""

import base64
import json
from dataclasses import dataclass, field
from functools import reduce
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br"}
FORMS = (".6g", ".4g", ".3g", ".2g", "+.4g", "d", ".0%", ".1%", "+.1%")


@dataclass
class Element:
    tag: str
    attributes: dict
    parent: "Element | None" = None
    children: list = field(default_factory=list)
    own: list = field(default_factory=list)

    def __getitem__(self, name):
        return self.attributes[name]

    @property
    def classes(self):
        return (self.attributes.get("class") or "").split()

    @property
    def text(self):
        return "".join(part if isinstance(part, str) else part.text for part in self.own)

    def walk(self):
        yield self
        for child in self.children:
            yield from child.walk()

    def all(self, *tags, kind=None):
        return [e for e in self.walk() if (not tags or e.tag in tags) and (kind is None or kind in e.classes)]

    def under(self, kind):
        return self is not None and (
            kind in self.classes or (self.parent is not None and self.parent.under(kind))
        )


class Parser(HTMLParser):
    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.root = self.here = Element("", {})
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        element = Element(tag, dict(attributes), self.here)
        self.here.children.append(element)
        self.here.own.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.here.tag == tag, (self.here.tag, tag)  # every element is closed where it was opened
        self.here = self.here.parent

    def handle_data(self, data):
        self.here.own.append(data)


def read(html):
    return Parser(html).root


def embedded(root):
    (script,) = root.all("script")
    assert script["type"] == "application/json"
    return json.loads(script.text)


def downloaded(root):
    (link,) = [e for e in root.all("a") if "download" in e.attributes]
    head, _, body = link["href"].partition(",")
    assert head == "data:application/json;base64"
    return json.loads(base64.b64decode(body))


def at(data, place):
    return reduce(
        lambda inside, key: inside[int(key) if isinstance(inside, list) else key], place.split("."), data
    )


def marked(root):
    """Every number that says where it is from: its place, its full value, and what is shown."""
    found = [e for e in root.walk() if "data-of" in e.attributes]
    return [(e["data-of"], e.attributes.get("value") or e["data-value"], e.text) for e in found]


def check_numbers(root):
    """All numbers are those of the JSON, in full and as shown; gives their places."""
    data = embedded(root)
    assert downloaded(root) == data
    for place, value, shown in marked(root):
        assert json.loads(value) == at(data, place), place
        forms = [form for form in FORMS if form != "d" or isinstance(at(data, place), int)]
        assert shown in {format(at(data, place), form) for form in forms}, (place, shown)
    return {place for place, _, _ in marked(root)}
