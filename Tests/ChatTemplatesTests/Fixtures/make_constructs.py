"""Writes constructs.json: small templates, each with what PyPI's jinja2 (3.1) renders of it.

    pip install jinja2 && python make_constructs.py
"""

import json
import pathlib

from constructs import TEMPLATES
from jinja_reference import case

VARIABLES = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "  Hello, wörld! \n"},
        {"role": "assistant", "content": "Hi", "tool_calls": [{"name": "f", "arguments": {"b": 1, "a": [1.5, None, True]}}]},
        {"role": "user", "content": "<b>\"q\"</b> & 'e\u0301'"},
    ],
    "tools": None,
    "documents": None,
    "add_generation_prompt": True,
    "bos_token": "<s>",
    "eos_token": "</s>",
    "accented": "e\u0301\u00e9\U0001f600z",
    "numbers": [3, 1, 2],
    "fraction": 2.5,
    "nested": {"Beta": {"x": 1}, "alpha": [1, [2, {"k": "v"}]], "empty": {}, "": "no name"},
    "people": [
        {"name": "Zoë", "age": 41, "city": "Ulm"},
        {"name": "adam", "age": 7, "city": "ulm"},
        {"name": "Bert", "age": 41, "city": "Bonn"},
    ],
    "html": "<a href='x'>\"&\"</a>",
    "lines": "one\n\n  two\r\nthree\u2028four",
    "blank": "",
}

cases = [case(template, {}) if template.startswith("{#bare#}") else case(template, VARIABLES) for template in TEMPLATES]
names = [entry.pop("variables") for entry in cases]
document = {"variables": next(value for value in names if value["members"]), "cases": cases}
path = pathlib.Path(__file__).with_name("constructs.json")
path.write_text(json.dumps(document, ensure_ascii=True, indent=1) + "\n")
errors = sum("error" in entry for entry in cases)
print(f"{len(cases)} cases, {errors} of them errors")
