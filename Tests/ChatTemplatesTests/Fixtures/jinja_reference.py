"""Jinja as Transformers sets it up for chat templates, and the form in which fixtures are kept."""

import json
from datetime import datetime

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

NOW = datetime(2025, 3, 14, 12, 30, 5)


class Generation(jinja2.ext.Extension):
    """{% generation %}: its body is a function of its own, as in Transformers."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_body")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


class Namespace(jinja2.utils.Namespace):
    def __init__(*args, **kwargs):
        attributes = dict(*args[1:], **kwargs)
        for name in attributes:
            Namespace._check(name)
        jinja2.utils.Namespace.__init__(args[0], attributes)

    def __setitem__(self, name, value):
        Namespace._check(name)
        jinja2.utils.Namespace.__setitem__(self, name, value)

    @staticmethod
    def _check(name):
        if isinstance(name, str) and name.startswith("_"):
            raise jinja2.exceptions.SecurityError(name)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def environment():
    result = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    result.filters["tojson"] = tojson
    result.globals["raise_exception"] = raise_exception
    result.globals["strftime_now"] = NOW.strftime
    result.globals["namespace"] = Namespace
    return result


def outcome(template, variables):
    """What Jinja renders, or why it does not."""
    try:
        return {"text": environment().from_string(template).render(**variables)}
    except (jinja2.exceptions.TemplateSyntaxError, SyntaxError) as error:
        return {"error": "syntax", "message": str(error)}
    except jinja2.exceptions.TemplateError as error:
        kind = "raised" if type(error) is jinja2.exceptions.TemplateError else "failed"
        return {"error": kind, "message": str(error)}
    except Exception as error:
        return {"error": "failed", "message": f"{type(error).__name__}: {error}"}


def encoded(value):
    """JSON that keeps the order of keys, and numbers with a fraction, in any reader."""
    if isinstance(value, dict):
        return {"members": [[key, encoded(element)] for key, element in value.items()]}
    if isinstance(value, float):
        return {"number": repr(value)}
    if isinstance(value, list):
        return [encoded(element) for element in value]
    return value


def case(template, variables, **names):
    # Rendered from a copy, since the variables of the next case may be the same.
    result = outcome(template, json.loads(json.dumps(variables)))
    return {**names, "template": template, "variables": encoded(variables), **result}
