"""Writes families.json: what PyPI's jinja2 (3.1) renders of families/*.jinja for conversations.

The templates are our own, in the manner of each family's published one and with its constructs.

    pip install jinja2 && python make_families.py
"""

import json
import pathlib

from jinja_reference import encoded, outcome

HERE = pathlib.Path(__file__).parent


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


SYSTEM = {"role": "system", "content": "Be terse. /no_think\n"}
LONG = "  What is é? <b>\n\nA second line \n"
CALL = {
    "id": "abcdefghi",
    "type": "function",
    "function": {"name": "look", "arguments": {"x": 1, "y": [1.5, None, True, "é"]}},
}
CONVERSATIONS = {
    "one": [user(LONG)],
    "with a system": [SYSTEM, user(LONG)],
    "turns": [user(LONG), assistant("<think>\nhm\n</think>\n\nAn answer. "), user("And then?")],
    "turns with a system": [SYSTEM, user("a"), assistant("b\n"), user("c"), assistant("d"), user("e")],
    "ending with an answer": [user("a"), assistant("<think>x</think>b")],
    "out of turn": [assistant("a"), user("b")],
    "parts": [user([{"type": "text", "text": " a "}, {"type": "image"}])],
    "calls": [
        SYSTEM,
        user("call"),
        assistant("", tool_calls=[CALL]),
        {"role": "tool", "name": "look", "tool_call_id": "abcdefghi", "content": "42"},
        {"role": "tool", "name": "look", "tool_call_id": "abcdefghi", "content": "é"},
        assistant("It is 42."),
        user("so?"),
    ],
    "a wrong call": [user("a"), assistant("", tool_calls=[{**CALL, "id": "short"}])],
    "nothing": [],
}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "look",
            "description": 'looks "up" a thing that is sought for somewhere',
            "parameters": {
                "type": "object",
                "properties": {
                    "x": {"type": "integer", "description": "n"},
                    "list": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
                    "kind": {"type": "string", "enum": ["a", "é"]},
                    "either": {"type": ["string", "null"]},
                    "inner": {"type": "object", "properties": {"b": {"type": "boolean"}}},
                },
                "required": ["x"],
            },
        },
    },
    {"type": "function", "function": {"name": "none", "description": "", "parameters": {"type": "object", "properties": {}}}},
]
SETTINGS = {
    "plain": {"tools": None},
    "tools": {"tools": TOOLS},
    "no thinking": {"tools": None, "enable_thinking": False},
    "more": {"tools": TOOLS, "tools_in_user_message": False, "builtin_tools": ["look", "code_interpreter"]},
}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}

cases = []
for path in sorted(HERE.glob("families/*.jinja")):
    for conversation, messages in CONVERSATIONS.items():
        for setting, variables in SETTINGS.items():
            for prompt in (True, False):
                copy = json.loads(json.dumps({"messages": messages, **variables}))
                given = {**copy, "documents": None, "add_generation_prompt": prompt, **TOKENS}
                cases.append(
                    {
                        "family": path.stem,
                        "conversation": conversation,
                        "setting": setting,
                        "addsPrompt": prompt,
                        **outcome(path.read_text(), given),
                    }
                )
document = {
    "conversations": {name: encoded(messages) for name, messages in CONVERSATIONS.items()},
    "settings": {name: encoded({**variables, "documents": None, **TOKENS}) for name, variables in SETTINGS.items()},
    "cases": cases,
}
(HERE / "families.json").write_text(json.dumps(document, ensure_ascii=True, indent=0) + "\n")
errors = sum("error" in entry for entry in cases)
print(f"{len(cases)} cases, {errors} of them errors")
